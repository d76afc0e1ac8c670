"""Masking in a running gateway: an SDK, a stream, a reload, a restart, an erasure beside it, and the ledger's word."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest
from leak_world import good, piece
from running import TWO_ZONES, Running, cli, douane_up, upstreams
from test_sdk_python import played

from douane.core.pseudonym import PLACEHOLDER
from douane.testing.hostile_server import Behaviour, HostileServer, Request
from douane.testing.scripted_upstream import json_reply, sse_reply

IBAN = "FR14 2004 1010 0505 0001 3M02 606"
TEXT = f"Pay {IBAN}, and write to jean@example.org."
BARE = TWO_ZONES
MASKING = TWO_ZONES.replace('clearance = "public"', 'clearance = "public"\nmask = ["IBAN", "EMAIL"]')
CHAT = "/v1/chat/completions"
TALK = {"x-douane-conversation": "talk-1", "x-douane-end-user": "user-7"}


def echo(request: Request) -> Behaviour:
    """Say again what was asked, in pieces of seven signs where a stream is wanted."""
    body = orjson.loads(request.body)
    said = body["messages"][-1]["content"]
    if not body.get("stream"):
        reply = good("chat", stream=False)
        whole = orjson.loads(b"".join(chunk for chunk in reply.chunks if isinstance(chunk, bytes)))
        whole["choices"][0]["message"]["content"] = said
        return played(json_reply(orjson.dumps(whole)))
    pieces = [piece("chat", said[at : at + 7]) for at in range(0, len(said), 7)]
    return played(sse_reply(*pieces, piece("chat", "", "stop"), b"data: [DONE]\n\n"))


class Place:
    def __init__(self, folder: Path, own: HostileServer, far: HostileServer) -> None:
        self.folder, self.own, self.far = folder, own, far
        self.key: str | None = None
        for server in (own, far):
            server.choose(CHAT, echo)

    def config(self, text: str) -> str:
        return text.format(own=self.own.url, far=self.far.url)

    def ask(self, running: Running, text: str = TEXT, **more: Any) -> Any:
        self.key = running.key or self.key
        assert self.key is not None
        client = openai.OpenAI(base_url=f"{running.url}/v1", api_key=self.key, max_retries=0, timeout=60)
        return client.chat.completions.with_raw_response.create(
            model="chat", messages=[{"role": "user", "content": text}], **more
        )

    def sent(self) -> list[str]:
        return [orjson.loads(request.body)["messages"][-1]["content"] for request in self.far.received]


def test_a_running_gateway_masks_keeps_and_erases(tmp_path: Path) -> None:
    with upstreams(2) as (_, (own, far)):
        place = Place(tmp_path, own, far)
        with douane_up(tmp_path, place.config(BARE)) as running:
            assert place.ask(running, f"Pay {IBAN}").headers["x-douane-zone"] == "premises"
            assert not list(running.data.glob("vault*")), "nothing is masked, so there is no vault"
            (tmp_path / "douane.toml").write_text(place.config(MASKING))
            reload_by_admin(running, place)
            first = place.ask(running, extra_headers=TALK)
            assert first.parse().choices[0].message.content == TEXT
            assert (first.headers["x-douane-zone"], first.headers["x-douane-masked"]) == ("cloud", "EMAIL,IBAN")
            assert first.headers["x-douane-level"] == "confidential"
            stream = place.ask(running, stream=True, extra_headers=TALK).parse()
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == TEXT
            assert (running.data / "vault.key").stat().st_mode & 0o777 == 0o600
        with douane_up(tmp_path, place.config(MASKING)) as running:
            assert place.ask(running, extra_headers=TALK).parse().choices[0].message.content == TEXT
            again = json.loads(cli("vault", "erase", "--subject", "user-7", "--json", data=running.data))
            assert again["erased"] == 2
            assert place.ask(running, extra_headers=TALK).parse().choices[0].message.content == TEXT
            assert json.loads(cli("vault", "erase", "--owner", "admin", "--json", data=running.data))["erased"] == 2
            assert place.ask(running, extra_headers=TALK).parse().choices[0].message.content == TEXT
        masked = place.sent()
        assert all(IBAN not in text and "jean" not in text and len(PLACEHOLDER.findall(text)) == 2 for text in masked)
        assert len(masked) == 5
        assert len(set(masked[:4])) == 1, "one conversation, over a restart, and over the erasure of its values"
        assert len(set(masked)) == 2, "where the owner's key went, so did what ties the placeholders together"
        data = tmp_path / "data"
        assert "The ledger is sound" in cli("ledger", "verify", data=data)
        files = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
        assert b"3M02" not in files
        assert b"jean@" not in files


def reload_by_admin(running: Running, place: Place) -> None:
    request = urllib.request.Request(
        f"{running.url}/admin/v1/reload", data=b"", headers={"authorization": f"Bearer {place.key}"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("damage", [b"", b"too short"])
def test_a_gateway_that_masks_does_not_start_with_a_key_file_that_is_none(tmp_path: Path, damage: bytes) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "vault.key").write_bytes(damage)
    (data / "vault.key").chmod(0o600)
    config = MASKING.format(own="http://127.0.0.1:9", far="http://127.0.0.1:9")
    with pytest.raises(AssertionError, match="key file"), douane_up(tmp_path, config):
        pass

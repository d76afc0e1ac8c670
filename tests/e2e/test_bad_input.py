"""Whatever is sent to a running gateway: a complete refusal, nothing repeated, nothing charged (laws 7, 9, 10).

Every input carries a canary, where it can: in values, names, headers, paths and keys. It is looked for in each answer,
and at the end in the log, the metrics and every file of the data folder.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from leak_world import good
from raw_client import CHAT, IBAN, Heard, chat, get, port_of, post, talk
from running import TWO_ZONES, Beside, Running, douane_up, upstreams
from test_sdk_python import played

from douane.adapters.inspector.worker import MAX_MEMORY_BYTES
from douane.testing.hostile_server import HostileServer

CANARY = "canary7QXzebra"
METERED, EXPIRED, CLOUD_ONLY = (f"dn-{CANARY}-{word}" for word in ("metered", "expired", "cloud"))
LIMIT = 500
SHORT_S = 1

CONFIG = (
    f"""
[server]
head_s = {SHORT_S}
body_s = {SHORT_S}
"""
    + TWO_ZONES
    + f"""
[keys.metered]
secret_sha256 = "{sha256(METERED.encode()).hexdigest()}"
routes = ["*"]
floor = "public"
limits = {{{{ requests_per_minute = {LIMIT}, tokens_per_minute = 1000000, concurrent = 2 }}}}

[keys.cloud-only]
secret_sha256 = "{sha256(CLOUD_ONLY.encode()).hexdigest()}"
routes = ["*"]
zones = ["cloud"]
floor = "public"

[keys.expired]
secret_sha256 = "{sha256(EXPIRED.encode()).hexdigest()}"
routes = ["*"]
floor = "public"
expires = "2020-01-01"
"""
)


@dataclass
class House:
    running: Running
    beside: Beside
    own: HostileServer
    far: HostileServer

    def talk(self, *parts: bytes, eof: bool = False) -> Heard:
        return self.beside.run(talk(port_of(self.running.url), *parts, eof=eof))

    @property
    def admin(self) -> str:
        assert self.running.key is not None
        return self.running.key


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with upstreams(2) as (beside, (own, far)):
        own.behave(CHAT, played(good("chat", stream=False)))
        far.behave(CHAT, played(good("chat", stream=False)))
        own.behave("/v1/embeddings", played(good("embeddings", stream=False)))
        config = CONFIG.format(own=own.url, far=far.url)
        with douane_up(tmp_path_factory.mktemp("bad"), config, "--log") as running:
            yield House(running, beside, own, far)


def refused(heard: Heard, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a complete refusal, and return its error."""
    assert heard.status == status, heard.raw[:2000]
    assert heard.whole, heard.raw[:2000]
    assert heard.headers["x-request-id"]
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["cache-control"] == "no-store"
    error: dict[str, Any] = heard.json["error"]
    assert error.keys() == {"message", "type", "param", "code", "douane"}
    assert error["code"] == error["douane"]["code"] == code
    assert error["douane"].keys() >= {"code", "rule", "fact", "fix"}
    assert all(error["douane"][name] for name in ("rule", "fact", "fix"))
    assert error["message"] == f"{error['douane']['fact']} {error['douane']['fix']}"
    silent_about_the_canary(heard.raw)
    return error


def silent_about_the_canary(data: bytes) -> None:
    assert CANARY.lower().encode() not in data.lower()


def body(**fields: Any) -> bytes:
    return orjson.dumps({"model": "chat", "messages": [{"role": "user", "content": CANARY}], **fields})


def nested(depth: int) -> bytes:
    return b'{"model":"chat","messages":[],"' + CANARY.encode() + b'":' + b"[" * depth + b"]" * depth + b"}"


def with_content(content: Any) -> bytes:
    return body(messages=[{"role": "user", "content": content}])


C = CANARY.encode()
BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "invalid_request"),
    "text": (C, "invalid_request"),
    "cut in a string": (b'{"model":"' + C, "invalid_request"),
    "two texts": (body() + body(), "invalid_request"),
    "byte-order mark": (b"\xef\xbb\xbf" + body(), "invalid_request"),
    "not UTF-8": (b'{"model":"' + C + b'\xff"}', "invalid_request"),
    "UTF-16": (body().decode().encode("utf-16"), "invalid_request"),
    "nested 70 deep": (nested(70), "invalid_request"),
    "nested 100,000 deep": (nested(100_000), "invalid_request"),
    "key twice": (b'{"model":"chat","model":"' + C + b'","messages":[]}', "invalid_request"),
    "unknown key twice": (b'{"%b":1,"%b":2,"model":"chat"}' % (C, C), "invalid_request"),
    "key twice, deep": (with_content("").replace(b'""', b'"","content":"%b"' % C), "invalid_request"),
    "list": (orjson.dumps([CANARY]), "invalid_request"),
    "null": (b"null", "invalid_request"),
    "number": (b"1" * 400, "invalid_request"),
    "no model": (orjson.dumps({"messages": [{"role": "user", "content": CANARY}]}), "invalid_request"),
    "no messages": (orjson.dumps({"model": "chat", "user": CANARY}), "invalid_request"),
    "messages are text": (body(messages=CANARY), "invalid_request"),
    "messages are empty": (body(messages=[], user=CANARY), "invalid_request"),
    "a message is text": (body(messages=[CANARY]), "invalid_request"),
    "a role is a number": (body(messages=[{"role": 1, "content": CANARY}]), "invalid_request"),
    "content is a number": (with_content(17), "invalid_request"),
    "content is an object": (with_content({CANARY: CANARY}), "invalid_request"),
    "a part has no type": (with_content([{"text": CANARY}]), "invalid_request"),
    "stream is text": (body(stream="true"), "invalid_request"),
    "n is 0": (body(n=0), "invalid_request"),
    "n is huge": (body(n=10**9), "invalid_request"),
    "max_tokens below 0": (body(max_tokens=-1), "invalid_request"),
    "max_tokens is text": (body(max_tokens=CANARY), "invalid_request"),
    "temperature is text": (body(temperature=CANARY), "invalid_request"),
    "model is a list": (body(model=[CANARY]), "invalid_request"),
    "model is long": (body(model=CANARY * 100), "invalid_request"),
    "tools are text": (body(tools=CANARY), "invalid_request"),
    "tool without name": (body(tools=[{"type": "function", "function": {"description": CANARY}}]), "invalid_request"),
    "tool choice of nothing": (body(tool_choice={"type": "function", "function": {"name": CANARY}}), "invalid_request"),
    "lone surrogate": (with_content("").replace(b'""', b'"%b\\ud800"' % C), "invalid_request"),
    "lone surrogate as key": (b'{"model":"chat","messages":[],"' + C + b'\\udc00":1}', "invalid_request"),
    "NaN": (b'{"model":"chat","temperature":NaN,"user":"' + C + b'"}', "invalid_request"),
    "Infinity": (b'{"model":"chat","temperature":-Infinity,"user":"' + C + b'"}', "invalid_request"),
    "1e999": (b'{"model":"chat","temperature":1e999,"user":"' + C + b'"}', "invalid_request"),
    "integer of 66 bits": (b'{"model":"chat","seed":55340232221128654848,"user":"' + C + b'"}', "invalid_request"),
    "integer of 100,000 digits": (b'{"model":"chat","seed":' + b"9" * 100_000 + b"}", "invalid_request"),
    "number of 200 digits": (b'{"model":"chat","temperature":0.' + b"1" * 200 + b"}", "invalid_request"),
    "name in another width": (body().replace(b'"messages"', '"ｆallbacks":1,"messages"'.encode()), "invalid_request"),
    "name in another case": (body(API_BASE=CANARY), "invalid_request"),
    "upstream": (body(api_base=f"http://{CANARY}:9/v1"), "unsupported"),
    "fallbacks": (body(fallbacks=[CANARY]), "unsupported"),
    "models": (body(models=["chat", CANARY]), "unsupported"),
    "provider": (body(provider={"order": [CANARY]}), "unsupported"),
    "extra body": (body(extra_body={"fallbacks": [CANARY]}), "unsupported"),
    "adapter": (body(lora=[{"id": 0, "scale": CANARY}]), "unsupported"),
    "template": (body(chat_template=CANARY), "unsupported"),
    "slot": (body(id_slot=3, user=CANARY), "unsupported"),
    "hosted tool": (body(tools=[{"type": "mcp", "server_url": f"https://{CANARY}"}]), "unsupported"),
    "stored file": (with_content([{"type": "file", "file": {"file_id": CANARY}}]), "unsupported"),
    "image elsewhere": (with_content([{"type": "image_url", "image_url": f"https://{CANARY}/i"}]), "unsupported"),
    "unknown route": (body(model=CANARY), "forbidden_route"),
}  # fmt: skip
STATUS = {"invalid_request": 400, "unsupported": 400, "forbidden_route": 403}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_whole_and_not_repeated(house: House, name: str) -> None:
    sent, code = BODIES[name]
    refused(house.talk(post(sent, METERED)), STATUS[code], code)


HEAVY = {"lists": b"[]", "objects": b"{}", "pairs": b'{"a":1}', "texts": b'"a"', "numbers": b"1"}


@pytest.mark.parametrize("name", HEAVY)
def test_a_body_whose_values_take_far_more_than_its_text_is_refused(house: House, name: str) -> None:
    unit = HEAVY[name] + b","
    sent = body()[:-1] + b',"' + C + b'":[' + unit * (8_000_000 // len(unit)) + b"1]}"
    refused(house.talk(post(sent, METERED)), 400, "invalid_request")


def test_long_bodies_are_refused_whether_their_length_is_told_or_not(house: House) -> None:
    told = post(b"", METERED).replace(b"Content-Length: 0", b"Content-Length: 11000000")
    refused(house.talk(told), 413, "too_large")
    head = post(b"", METERED).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    piece = b"10000\r\n" + CANARY.encode().ljust(0x10000, b".") + b"\r\n"
    refused(house.talk(head, *[piece] * 170), 413, "too_large")
    refused(house.talk(post(chat(CANARY * 800_000), METERED)), 413, "too_large")


KEYS: dict[str, str | None] = {
    "none": None, "unknown": f"dn-{CANARY}", "expired": EXPIRED, "long": CANARY * 60,
    "not ASCII": f"dn-{CANARY}-é",
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_without_a_valid_key_nothing_of_a_request_is_read(house: House, name: str) -> None:
    for sent in (b"not JSON " + C, body(), body(model=CANARY)):
        error = refused(house.talk(post(sent, KEYS[name])), 401, "unauthenticated")
        assert error["type"] == "authentication_error"


def test_a_key_that_was_revoked_opens_nothing(house: House) -> None:
    made = house.talk(post(b'{"name":"soon-gone"}', house.admin, path="/admin/v1/keys"))
    secret = made.json["secret"]
    assert house.talk(get("/v1/models", secret)).status == 200
    assert house.talk(get("/admin/v1/keys/soon-gone", house.admin).replace(b"GET", b"DELETE")).status == 200
    heard = house.talk(post(body(), secret))
    refused(heard, 401, "unauthenticated")
    assert secret.encode() not in heard.raw


def test_two_keys_and_other_schemes_are_no_key(house: House) -> None:
    for more in (f"x-api-key: {CANARY}", f"Authorization: Bearer {CANARY}"):
        refused(house.talk(post(body(), METERED, more)), 401, "unauthenticated")
    for scheme in ("Basic", "bearer:", ""):
        refused(house.talk(post(body(), None, f"Authorization: {scheme} {CANARY}")), 401, "unauthenticated")


HEADERS: dict[str, str] = {
    "level": f"x-douane-level: {CANARY}", "compartment": f"x-douane-compartments: pci, {CANARY}",
    "latency": f"x-douane-latency: {CANARY}", "idempotency key": f"idempotency-key: {CANARY} {CANARY}",
    "conversation": f"x-douane-conversation: {CANARY}\u00e9", "end user": f"x-douane-end-user: {CANARY * 30}",
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_declaration_that_is_not_understood_is_refused(house: House, name: str) -> None:
    error = refused(house.talk(post(body(), METERED, HEADERS[name])), 400, "invalid_request")
    assert error["param"] == HEADERS[name].partition(":")[0]


POST = "POST /v1/chat/completions HTTP/1.1"
HOST = "Host: 127.0.0.1"
LENGTH = "Content-Length: 2"
CHUNKED = "Transfer-Encoding: chunked"
HEADS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "two hosts": ((POST, HOST, f"Host: {CANARY}", LENGTH), 400, "invalid_request"),
    "no host": ((POST, LENGTH), 400, "invalid_request"),
    "unknown host": ((POST, f"Host: {CANARY}", LENGTH), 400, "invalid_request"),
    "host in the target": ((f"POST http://{CANARY}/v1/models HTTP/1.1", HOST, LENGTH), 400, "invalid_request"),
    "length and chunks": ((POST, HOST, LENGTH, CHUNKED), 400, "invalid_request"),
    "two lengths": ((POST, HOST, LENGTH, "Content-Length: 3"), 400, "invalid_request"),
    "signed length": ((POST, HOST, "Content-Length: +2"), 400, "invalid_request"),
    "odd coding": ((POST, HOST, f"Transfer-Encoding: {CANARY}"), 400, "invalid_request"),
    "coding with a space": ((POST, HOST, "Transfer-Encoding : chunked"), 400, "invalid_request"),
    "folded header": ((POST, HOST, "x-a: 1", f" {CANARY}", LENGTH), 400, "invalid_request"),
    "no colon": ((POST, HOST, CANARY, LENGTH), 400, "invalid_request"),
    "long header": ((POST, HOST, f"x-a: {CANARY * 4000}"), 431, "headers_too_large"),
    "many headers": ((POST, HOST, *(f"x-{n}: {CANARY}" for n in range(200))), 431, "headers_too_large"),
    "long target": ((f"POST /v1/{CANARY * 1000} HTTP/1.1", HOST), 431, "headers_too_large"),
    "unknown path": ((f"POST /v1/{CANARY}?{CANARY} HTTP/1.1", HOST, LENGTH), 404, "not_found"),
    "unknown path elsewhere": ((f"POST /{CANARY} HTTP/1.1", HOST, LENGTH), 404, "not_found"),
    "path with an encoded slash": ((f"POST /v1/chat%2F{CANARY} HTTP/1.1", HOST, LENGTH), 400, "invalid_request"),
    "path with dots": ((f"GET /v1/../admin/v1/status?{CANARY} HTTP/1.1", HOST), 404, "not_found"),
    "wrong method": ((f"GET /v1/chat/completions?{CANARY} HTTP/1.1", HOST), 405, "method_not_allowed"),
    "unknown method": ((f"BREW /{CANARY} HTTP/1.1", HOST), 400, "invalid_request"),
    "tunnel": ((f"CONNECT {CANARY}:443 HTTP/1.1", HOST), 400, "unsupported"),
    "another version": ((f"GET /{CANARY} HTTP/3.7", HOST), 400, "invalid_request"),
    "TLS": (("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY,), 400, "invalid_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_bad_head_is_refused_whole_and_the_connection_closes(house: House, name: str) -> None:
    lines, status, code = HEADS[name]
    sent = "\r\n".join((*lines, f"Authorization: Bearer {METERED}", "Connection: close", "", "{}"))
    if lines[0].startswith("GET"):
        sent = sent.removesuffix("{}")
    refused(house.talk(sent.encode("latin-1")), status, code)


def test_what_never_comes_whole_is_refused_at_its_deadline(house: House) -> None:
    whole = post(chat(CANARY), METERED)
    head, _, sent = whole.partition(b"\r\n\r\n")
    halves = {"head": head[:60], "head without its end": head, "body": head + b"\r\n\r\n" + sent[:20]}

    async def all_at_once() -> list[Heard]:
        port = port_of(house.running.url)
        return await asyncio.gather(*(talk(port, half) for half in halves.values()))

    for heard in house.beside.run(all_at_once()):
        refused(heard, 408, "request_timeout")
    assert house.talk(b"").raw == b"", "a connection that says nothing is closed without a word"


def test_a_client_that_leaves_within_its_body_is_told_nothing_and_costs_nothing(house: House) -> None:
    before = len(house.own.received) + len(house.far.received)
    house.talk(post(chat(CANARY), METERED)[:-20], eof=True)
    assert len(house.own.received) + len(house.far.received) == before


def test_a_request_behind_another_one_is_not_served(house: House) -> None:
    before = len(house.far.received)
    heard = house.talk(post(chat("first"), house.admin, close=False) + post(chat(CANARY), house.admin))
    assert heard.raw.count(b"HTTP/1.1 200") == 1
    assert len(house.far.received) == before + 1
    assert heard.headers["connection"] == "close"


UNREADABLE: dict[str, tuple[str, bytes]] = {
    "token ids": ("/v1/embeddings", orjson.dumps({"model": "chat", "input": [1, 2, 3], "user": CANARY})),
    "lists of token ids": ("/v1/embeddings", orjson.dumps({"model": "chat", "input": [[1, 2, 3]], "user": CANARY})),
    "image": (CHAT, with_content([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}])),
    "audio": (CHAT, with_content([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}])),
    "unknown part": (CHAT, with_content([{"type": CANARY, CANARY: "data:x/y;base64,AAAA"}])),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_stays_on_the_premises(house: House, name: str) -> None:
    path, sent = UNREADABLE[name]
    before = len(house.far.received)
    heard = house.talk(post(sent, house.admin, path=path))
    assert (heard.status, heard.headers["x-douane-zone"]) == (200, "premises"), heard.raw
    assert heard.headers["x-douane-level"] == "restricted"
    refused(house.talk(post(sent, CLOUD_ONLY, path=path)), 403, "label_not_cleared")
    assert len(house.far.received) == before


def test_what_takes_too_long_or_too_much_to_read_stays_on_the_premises(house: House) -> None:
    """Eight megabytes of single digits: the detectors' process is bounded in time and in memory."""
    before = len(house.far.received)
    heard = house.talk(post(chat("1 " * 4_000_000), house.admin))
    assert heard.headers["x-douane-level"] == "restricted", heard.raw
    assert len(house.far.received) == before
    heard = house.talk(post(chat("hello " * 10_000), house.admin))  # in a new child, where the other one was killed
    assert (heard.status, heard.headers["x-douane-zone"]) == (200, "cloud"), heard.raw
    gateway = house.running.process.pid
    children = [Path("/proc", pid) for pid in Path(f"/proc/{gateway}/task/{gateway}/children").read_text().split()]
    (reader,) = [child for child in children if b"inspector.worker" in (child / "cmdline").read_bytes()]
    assert f"Max data size             {MAX_MEMORY_BYTES}" in (reader / "limits").read_text()


def test_a_label_that_nothing_is_cleared_for_is_refused_without_its_content(house: House) -> None:
    refused(house.talk(post(chat(f"{IBAN} {CANARY}"), CLOUD_ONLY)), 403, "label_not_cleared")


def test_content_that_was_served_is_nowhere_either(house: House) -> None:
    """The positive control: the canary does reach an upstream, through every field that may carry it."""
    sent = chat(CANARY, user=CANARY, metadata={CANARY: CANARY})
    more = (f"x-douane-end-user: {CANARY}", f"x-douane-conversation: {CANARY}", f"idempotency-key: {CANARY}")
    house.far.received.clear()
    heard = house.talk(post(sent, house.admin, *more, f"user-agent: {CANARY}", f"baggage: k={CANARY}"))
    assert (heard.status, heard.headers["x-douane-zone"]) == (200, "cloud")
    (received,) = house.far.received
    assert CANARY.encode() in received.body
    silent_about_the_canary(received.raw_head)


def test_refused_requests_cost_nothing_and_the_gateway_still_serves(house: House) -> None:
    for _ in range(2):  # were a hold of concurrency left, the second would be refused
        heard = house.talk(post(chat("hello"), METERED))
        assert heard.status == 200
    assert heard.headers["x-ratelimit-limit-requests"] == str(LIMIT)
    assert heard.headers["x-ratelimit-remaining-requests"] == str(LIMIT - 2)
    used = 1_000_000 - int(heard.headers["x-ratelimit-remaining-tokens"])
    assert 0 < used < 5_000, "two short requests, one of them settled"


def test_the_canary_is_in_no_log_no_metric_and_no_file(house: House) -> None:
    metrics = house.talk(get("/metrics")).body
    assert b'code="forbidden_route"' in metrics
    silent_about_the_canary(metrics)
    house.running.process.send_signal(signal.SIGTERM)
    assert house.running.wait_gone() == 0
    log = (house.running.data.parent / "errors.txt").read_bytes()
    assert log.count(b'"event":"refusal"') > 20
    assert log.count(b'"event":"attempt"') > 5
    assert b"fault" not in log
    silent_about_the_canary(log)
    kept = [path for path in Path(house.running.data).rglob("*") if path.is_file()]
    assert any(b"forbidden_route" in path.read_bytes() for path in kept)
    for path in kept:
        silent_about_the_canary(path.read_bytes())

"""Upstreams that break, stall, lie or flood behind a running gateway: no answer looks complete that is not (laws 6 and 8).

Each case has a deployment and a route of its own, so that none rests because of another's failures, and is asked for a
whole answer and for a stream. The ledger is read once, when everything was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from leak_world import good, piece
from ledger_book import LedgerBook
from raw_client import Heard, chat, port_of, post, talk
from running import Beside, Running, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.testing import hostile_server as hostile
from douane.testing.hostile_server import Behaviour, HostileServer, Request, head

STALL_S = 0.4
MB = 1_000_000
GROWTH_MB = 96

ZONES = """
[policy]
meaning = "off"
allow_unchecked = true

[zones.cloud]
clearance = "public"
networks = ["127.0.0.0/8"]
"""
DEPLOYMENT = """
[deployments.{name}]
zone = "cloud"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "{url}/{name}/v1"
assurance = "unchecked"
price = {{ input = 1.0, output = 2.0, currency = "EUR", source = "test", date = "2026-01-01" }}
deadlines = {{ first_byte_s = {wait_s}, between_bytes_s = {wait_s} }}

[routes.{name}]
deployments = ["{name}"]
attempts = 1
"""


def whole(**changes: Any) -> bytes:
    """Return a complete answer, but for what is changed."""
    (body,) = good("chat", stream=False).chunks
    assert isinstance(body, bytes)
    return orjson.dumps({**orjson.loads(body), **changes})


def event(**changes: Any) -> bytes:
    """Return an event of a stream, but for what is changed."""
    return orjson.dumps(
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], **changes}
    )


def said(text: str, finish: str | None = None) -> bytes:
    return piece("chat", text, finish).removeprefix(b"data: ").strip()


HALF, LAST, DONE = said("half"), said("end", "stop"), b"[DONE]"


def sse(*events: bytes, close: bool = False) -> Behaviour:
    return hostile.cut_stream(*events) if close else hostile.ok_sse(*events)


def sse_of_length(difference: int) -> Behaviour:
    """A stream without its end that declares a length other than its own, and closes."""
    data = b"data: " + HALF + b"\n\n"
    told = head(200, {"content-type": "text/event-stream", "content-length": str(len(data) + difference)})
    return hostile.raw(told + data, close=True)


def both(behaviour: Behaviour) -> tuple[Behaviour, Behaviour]:
    return behaviour, behaviour


@dataclass
class Case:
    """How an upstream answers, and which status the client is told; `stream_status` 200: the stream may have begun."""

    answer: Behaviour
    stream: Behaviour
    status: int = 502
    stream_status: int = 502
    wait_s: float = 30.0
    heard: dict[bool, Heard] = field(default_factory=dict)

    def behaviour(self, request: Request) -> Behaviour:
        return self.stream if b'"stream":true' in request.body else self.answer


def usage(value: Any) -> Case:
    """A complete answer whose usage cannot be true."""
    streamed = sse(HALF, LAST, event(usage=value), DONE)
    return Case(hostile.ok_json(whole(usage=value)), streamed, 200, 200)


DEEP = b"[" * 300 + b"]" * 300
"""Our parser reads it, our serialiser does not write it."""
WHOLE_STREAM = stream_head() + framed(b"".join(b"data: " + e + b"\n\n" for e in (HALF, LAST, DONE))) + framed(b"")

BROKEN: dict[str, Case] = {
    "reset-before-head": Case(*both(hostile.resets())),
    "closes-before-head": Case(*both(hostile.closes())),
    "not-http": Case(*both(hostile.raw(b"SSH-2.0-OpenSSH_9.9\r\n", close=True))),
    "stalls-before-head": Case(*both(hostile.stalls()), 504, 504, STALL_S),
    "stalls-in-head": Case(*both(hostile.stalls(b"HTTP/1.1 200 OK\r\ncontent-")), 504, 504, STALL_S),
    "stalls-after-head": Case(*both(hostile.stalls(stream_head())), 504, 504, STALL_S),
    "stalls-in-body": Case(
        hostile.stalls(head(200, {"content-length": "999"}) + whole()[:40]),
        hostile.stalls(stream_head() + framed(b"data: " + HALF + b"\n\n")), 504, 200, STALL_S,
    ),
    "resets-in-body": Case(
        hostile.resets(head(200, {"content-length": "999"}) + whole()),
        hostile.resets(stream_head() + framed(b"data: " + said("") + b"\n\n")),
    ),
    "cut": Case(hostile.raw(stream_head() + framed(whole()), close=True), sse(HALF, close=True), 502, 200),
    "cut-within-an-event": Case(
        hostile.until_close(whole()[:-9]), hostile.streams(b"data: " + HALF + b"\n\ndata: {", end=False), 502, 200
    ),
    "declares-too-much": Case(hostile.lies_about_length(whole(), len(whole()) + 1), sse_of_length(1), 502, 200),
    "declares-too-little": Case(hostile.lies_about_length(whole(), len(whole()) - 1), sse_of_length(-40), 502, 200),
    "two-lengths": Case(*both(hostile.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", close=True))),
    "length-and-chunks": Case(*both(hostile.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + stream_head()[17:], close=True))),
    "html-200": Case(*both(hostile.html(status=200))),
    "html-502": Case(*both(hostile.html(status=502))),
    "empty-200": Case(*both(hostile.answers(b""))),
    "no-content": Case(*both(hostile.raw(b"HTTP/1.1 204 No Content\r\n\r\n", close=True))),
    "error-in-200": Case(*both(hostile.error_with_200())),
    "error-body-of-10-MB": Case(*both(hostile.answers(b"x" * 10 * MB, status=500))),
    "redirect": Case(*both(hostile.redirects("/good/v1/chat/completions"))),
    "gzip": Case(*both(hostile.gzipped())),
    "large-head": Case(*both(hostile.large_head(2 * MB))),
    "many-headers": Case(*both(hostile.many_headers(5000))),
    "interim-flood": Case(*both(hostile.interim(5000, hostile.ok_json(whole())))),
    "upgrade": Case(*both(hostile.raw(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", close=True))),
    "not-json": Case(hostile.ok_json(b"{garbage"), sse(b"{garbage", LAST, DONE)),
    "not-json-later": Case(hostile.ok_json(whole() + b"x"), sse(HALF, b"{garbage", LAST, DONE), 502, 200),
    "not-an-object": Case(hostile.ok_json(b"[1]"), sse(b"[1]", LAST, DONE)),
    "lone-surrogate": Case(
        hostile.ok_json(whole().replace(b'"ok"', b'"\\ud800"')), sse(HALF.replace(b'"half"', b'"\\ud800"'), LAST, DONE)
    ),
    "nests-too-deep": Case(hostile.ok_json(b"[" * 200_000), sse(b"[" * 200_000, LAST, DONE)),
    "nests-deeper-than-is-written": Case(
        hostile.ok_json(whole().replace(b'"ok"', b'"ok","x":' + DEEP)),
        sse(HALF.replace(b'"half"', b'"half","x":' + DEEP), LAST, DONE),
    ),
    "no-finish-reason": Case(
        hostile.ok_json(whole(choices=[{"index": 0, "message": {"role": "assistant", "content": "half"}}])),
        sse(HALF, DONE), 502, 200,
    ),
    "no-finish-reason-and-no-done": Case(hostile.ok_json(whole(choices=[])), sse(HALF), 502, 200),
    "finish-reason-error": Case(
        hostile.ok_json(whole(choices=[{"index": 0, "finish_reason": "error", "message": {"content": "half"}}])),
        sse(HALF, said("", "error"), DONE), 502, 200,
    ),
    "another-choice": Case(
        hostile.ok_json(whole(choices=[{"index": 1, "finish_reason": "stop", "message": {"content": "x"}}])),
        sse(event(choices=[{"index": 7, "delta": {"content": "x"}, "finish_reason": "stop"}]), DONE),
    ),
    "two-choices": Case(
        hostile.ok_json(whole(choices=[{"index": n, "finish_reason": "stop", "message": {"content": "x"}} for n in (0, 0)])),
        sse(HALF, event(choices=[{"index": 1, "delta": {}, "finish_reason": "stop"}]), DONE), 502, 200,
    ),
    "error-event": Case(hostile.answers(b'{"error":"no"}', status=503), sse(HALF, b'{"error":{"message":"no"}}', DONE), 502, 200),
    "only-comments": Case(hostile.ok_json(b""), hostile.streams(b": still here\n\n" * 1000)),
    "only-done": Case(hostile.ok_json(DONE), sse(DONE)),
    "nothing-but-roles": Case(hostile.ok_json(b"{}"), sse(*[event(choices=[{"index": 0, "delta": {"role": "a"}}])] * 200, DONE)),
    "event-of-6-MB": Case(hostile.ok_json(b"null"), hostile.streams(b"data: " + b"x" * 6 * MB)),
}  # fmt: skip

COMPLETE: dict[str, Case] = {
    "good": Case(hostile.ok_json(whole()), played(good("chat", stream=True)), 200, 200),
    "byte-by-byte": Case(
        hostile.byte_by_byte(head(200, {"content-length": str(len(whole()))}) + whole()),
        hostile.byte_by_byte(WHOLE_STREAM), 200, 200,
    ),
    "interim": Case(
        hostile.interim(3, hostile.ok_json(whole())), hostile.interim(3, played(good("chat", stream=True))), 200, 200
    ),
    "another-model": Case(
        hostile.ok_json(whole(model="gpt-evil", system_fingerprint="fp")),
        sse(event(model="gpt-evil", choices=[{"index": 0, "delta": {"content": "x"}}]), LAST, DONE), 200, 200,
    ),
    "goes-on-after-done": Case(hostile.ok_json(whole()), sse(HALF, LAST, DONE, said("more"), b"{garbage"), 200, 200),
    "usage-negative": usage({"prompt_tokens": -3, "completion_tokens": -1, "total_tokens": -4}),
    "usage-huge": usage({"prompt_tokens": 3, "completion_tokens": 10**15, "total_tokens": 4}),
    "usage-text": usage({"prompt_tokens": "3", "completion_tokens": "1", "total_tokens": "4"}),
    "usage-fraction": usage({"prompt_tokens": 3.5, "completion_tokens": 1.5}),
    "usage-boolean": usage({"prompt_tokens": True, "completion_tokens": True}),
    "usage-zero": usage({"prompt_tokens": 0, "completion_tokens": 0}),
    "usage-list": usage([1, 2]),
    "usage-null": usage(None),
    "usage-half": usage({"completion_tokens": 5}),
}  # fmt: skip
CASES: Mapping[str, Case] = {**BROKEN, **COMPLETE}
FLOODS = ("flood", "flood-chunked", "flood-of-one-event", "heavy-values", "nothing-yet")


@dataclass
class House:
    running: Running
    beside: Beside
    server: HostileServer

    def ask(self, name: str, *, stream: bool) -> Heard:
        assert self.running.key is not None
        request = post(chat("hello", model=name, stream=stream), self.running.key)
        return self.beside.run(talk(port_of(self.running.url), request))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with upstreams(1) as (beside, (server,)):
        config = ZONES
        for name, case in CASES.items():
            config += DEPLOYMENT.format(name=name, url=server.url, wait_s=case.wait_s)
            server.choose(f"/{name}/v1/chat/completions", case.behaviour)
        for name in FLOODS:
            config += DEPLOYMENT.format(name=name, url=server.url, wait_s=30)
        with douane_up(tmp_path_factory.mktemp("hostile"), config) as running:
            yield House(running, beside, server)


def looks_complete(heard: Heard) -> bool:
    """Tell whether any client could take this for a whole answer."""
    return heard.status == 200 and heard.whole and (b"[DONE]" in heard.body or not heard.body.startswith(b"data: "))


def complete_error(heard: Heard, status: int) -> None:
    assert (heard.status, heard.whole) == (status, True)
    error = heard.json["error"]
    assert error["code"] == {502: "upstream_failed", 504: "upstream_timeout"}[status]
    assert error["message"]
    assert all(error["douane"][name] for name in ("code", "rule", "fact", "fix"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_never_looks_complete(house: House, name: str) -> None:
    case = CASES[name]
    heard = case.heard[False] = house.ask(name, stream=False)
    assert not looks_complete(heard), heard.raw[:500]
    complete_error(heard, case.status)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_never_looks_complete(house: House, name: str) -> None:
    case = CASES[name]
    heard = case.heard[True] = house.ask(name, stream=True)
    assert not looks_complete(heard), heard.raw[-500:]
    assert b"[DONE]" not in heard.raw
    if case.stream_status != 200 or heard.status != 200:
        complete_error(heard, case.stream_status if case.stream_status != 200 else 502)
        return
    *events, last = map(orjson.loads, heard.events)
    assert events, "a stream that began"
    assert last["error"]["code"] in ("upstream_failed", "upstream_timeout")
    assert last["error"]["douane"]["fix"]


def test_an_answer_that_stalls_within_its_body_has_begun(house: House) -> None:
    """Which of the others had begun depends on how their bytes were cut on the way; this one has."""
    heard = CASES["stalls-in-body"].heard[True]
    assert (heard.status, len(heard.events)) == (200, 2)
    assert orjson.loads(heard.events[-1])["error"]["code"] == "upstream_timeout"


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("stream", [False, True])
def test_an_odd_answer_that_is_complete_is_relayed_as_the_routes(house: House, name: str, stream: bool) -> None:
    heard = CASES[name].heard[stream] = house.ask(name, stream=stream)
    assert (heard.status, heard.whole) == (200, True), heard.raw
    if stream:
        *events, last = heard.events
        assert last == b"[DONE]"
        answers = [orjson.loads(each) for each in events]
        assert answers[-1]["choices"][0]["finish_reason"] == "stop"
    else:
        answers = [heard.json]
        assert "usage" not in heard.json or name in (
            "good",
            "byte-by-byte",
            "interim",
            "another-model",
            "goes-on-after-done",
        )
    assert {answer["model"] for answer in answers} == {name}
    assert b"evil" not in heard.raw


def test_a_redirect_is_not_followed(house: House) -> None:
    assert {request.path for request in house.server.received if "redirect" in request.path} == {
        "/redirect/v1/chat/completions"
    }
    before = sum(request.path.startswith("/good/") for request in house.server.received)
    complete_error(house.ask("redirect", stream=False), 502)
    assert sum(request.path.startswith("/good/") for request in house.server.received) == before


def test_the_gateway_serves_after_all_that_and_logs_no_fault_of_its_own(house: House) -> None:
    for stream in (False, True):
        assert house.ask("good", stream=stream).status == 200


# --- memory --------------------------------------------------------------------------------------------------------


def peak_kb(pid: int) -> int:
    """Return the sum of the peak resident sizes of a process and its children."""
    tree = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    texts = [Path(f"/proc/{each}/status").read_text() for each in tree]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in texts)


def begin_anew(pid: int) -> None:
    """Let the peak be what is resident now (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def endless(first: bytes, part: bytes) -> Behaviour:
    """Stream `first`, then 300 MB of `part`, in chunks."""

    async def behave(exchange: hostile.Exchange) -> None:
        await exchange.write(stream_head() + framed(first))
        block = framed(part * (64 * 1024 // len(part)))
        for _ in range(300 * MB // len(block)):
            await exchange.write(block)

    return behave


FLOOD: dict[str, tuple[Behaviour, bool]] = {
    "flood": (hostile.floods(300 * MB), False),
    "flood-chunked": (hostile.floods(300 * MB, framed=False), False),
    "heavy-values": (hostile.ok_json(b'{"x":[' + b"[]," * 4 * MB + b"1]}"), False),
    "flood-of-one-event": (endless(b"data: {", b"x"), True),
}


@pytest.mark.parametrize("name", FLOOD)
def test_an_answer_of_any_weight_is_refused_in_bounded_memory(house: House, name: str) -> None:
    behaviour, stream = FLOOD[name]
    house.server.behave(f"/{name}/v1/chat/completions", behaviour)
    begin_anew(house.running.process.pid)
    before = peak_kb(house.running.process.pid)
    heard = house.ask(name, stream=stream)
    growth_mb = (peak_kb(house.running.process.pid) - before) * 1024 / MB
    print(f"{name}: {growth_mb:.1f} MB")
    assert not looks_complete(heard)
    complete_error(heard, 502)
    assert growth_mb <= GROWTH_MB


def test_pieces_that_say_nothing_are_passed_on_instead_of_hoarded(house: House) -> None:
    """While nothing is said another deployment could still answer; that is no reason to keep without bound."""
    role = b"data: " + event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}]) + b"\n\n"
    house.server.behave("/nothing-yet/v1/chat/completions", hostile.stalls(stream_head() + framed(role * 4000)))
    assert house.running.key is not None
    request = post(chat("hello", model="nothing-yet", stream=True), house.running.key)

    async def until_it_begins() -> None:
        began = asyncio.Event()
        task = asyncio.create_task(
            talk(port_of(house.running.url), request, news=lambda heard: began.set() if heard.events else None)
        )
        first = asyncio.create_task(began.wait())
        await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
        for each in (task, first):
            each.cancel()
        await asyncio.wait({task, first})
        assert began.is_set()

    house.beside.run(until_it_begins())


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_the_ledger_says_how_each_of_them_ended(house: House) -> None:
    house.running.process.terminate()
    assert house.running.wait_gone() == 0
    assert (house.running.data.parent / "errors.txt").read_text() == ""
    book = LedgerBook.read(house.running.data)
    assert (book.open, book.not_settled_once, book.sums_apart()) == (0, 0, 0)
    for name, case in CASES.items():
        for stream, heard in case.heard.items():
            ending = book.ending(heard.request_id)
            assert ending is not None
            began = stream and heard.status == 200
            expected = "complete" if name in COMPLETE else "partial" if began else "failed"
            assert (name, stream, ending.state) == (name, stream, expected)
            tokens = (ending.input_tokens, ending.output_tokens, ending.cost_micro)
            if ending.token_source == "unknown":
                assert tokens == (None, None, None)
            else:
                assert all(0 <= count < 100_000 for count in tokens), (name, tokens)
            if name.startswith("usage-"):
                assert ending.token_source in ("counted", "estimate"), name
            elif name in BROKEN:  # an answer that is refused may hold a usage that can be true
                assert ending.token_source in (("counted",) if began else ("unknown", "upstream")), name
            assert (ending.error_code == "") == (name in COMPLETE)

"""A request at the gateway's own door: what the caller gets, and what is held, counted and recorded for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from leak_world import (
    PATHS,
    SECRET,
    World,
    ask,
    body_of,
    error_reply,
    good,
    make_deployment,
    piece,
    policy,
    world_of,
)

from douane.core.finding import Failure, Finding, Inspection
from douane.core.label import Clearance, Label, Level
from douane.core.traffic.snapshot import Budget, Key, Limits, Route, Snapshot
from douane.core.zone import Zone
from douane.errors import BudgetExhausted, IdempotencyConflict
from douane.gateway.exchange import Exchange
from douane.gateway.idempotency import IdempotencyBook
from douane.gateway.settle import MOST_RECORDED, Settler
from douane.testing.client import GivenBody, RecordingSink, post
from douane.testing.clock import FrozenClock
from douane.testing.in_memory_ledger import InMemoryLedger
from douane.testing.keys import StaticKeys, digest_of
from douane.testing.scripted_upstream import Fault, Reply, failure, json_reply, sse_reply, timeout
from douane.testing.telemetry import GivenInspector, SilentTelemetry
from douane.wire.error_body import error_headers
from douane.wire.head import STOPPING, Head

CHAT = body_of("chat", "text", "hi", stream=False)
STREAM = body_of("chat", "text", "hi", stream=True)


def two_zones(attempts: int = 3) -> Snapshot:
    rng = random.Random(0)
    zones = {
        "home": Zone("home", True, Clearance(Level.RESTRICTED, every_compartment=True)),
        "cloud": Zone("cloud", False, Clearance(Level.PUBLIC)),
    }
    deployments = {f"{zone}-0": make_deployment(f"{zone}-0", zone, rng) for zone in ("cloud", "home")}
    deployments["home-0"] = replace(deployments["home-0"], price=None)
    zones = {name: replace(zone, networks=()) for name, zone in zones.items()}
    route = Route("chat", ("cloud-0", "home-0"), attempts=attempts)
    return Snapshot("v1", _with_loopback(zones), deployments, {"chat": route}, {}, policy())


def _with_loopback(zones: dict[str, Zone]) -> dict[str, Zone]:
    from ipaddress import ip_network

    return {name: replace(zone, networks=(ip_network("127.0.0.0/8"),)) for name, zone in zones.items()}


def world(key: Key | None = None, attempts: int = 3) -> World:
    built = world_of(two_zones(attempts), GivenInspector(Inspection(layers=("patterns",))), random.Random(1))
    if key is not None:
        keys = StaticKeys(key)
        built.keys = keys
        built.gateway._authenticate._keys = keys
        built.gateway._dispatcher._keys = keys
    return built


def run(built: World, body: Any = CHAT, headers: dict[str, str] | None = None, endpoint: str = "chat") -> RecordingSink:
    return asyncio.run(ask(built, endpoint, body, headers))


def play(built: World, cloud: Reply | Fault | Callable[..., Any], home: Reply | Fault | None = None) -> None:
    built.upstream.play("cloud-0", cloud)
    built.upstream.play("home-0", home or good("chat", stream=False))


def code(sink: RecordingSink) -> tuple[int, str]:
    return sink.status, sink.json["error"]["code"]


# --- what an answer says ---------------------------------------------------------------------------------------------


def test_an_answer_says_where_it_came_from() -> None:
    built = world()
    play(built, good("chat", stream=False))
    sink = run(built)
    assert sink.status == 200
    wanted = {
        "x-douane-level": "public", "x-douane-zone": "cloud", "x-douane-deployment": "cloud-0", "x-douane-attempts": "1",
        "cache-control": "no-store", "content-type": "application/json",
    }  # fmt: skip
    assert wanted.items() <= sink.headers.items()
    assert sink.headers["x-request-id"].startswith("req_")
    assert sink.json["model"] == "chat"


def test_a_declared_label_raises_and_is_shown() -> None:
    built = world()
    play(built, good("chat", stream=False))
    sink = run(built, headers={"x-douane-level": "internal", "x-douane-compartments": "pci, health"})
    assert sink.headers["x-douane-zone"] == "home"
    assert sink.headers["x-douane-level"] == "internal"
    assert sink.headers["x-douane-compartments"] == "health,pci"


@pytest.mark.parametrize(
    "headers",
    [{"x-douane-level": "secret"}, {"x-douane-compartments": "made-up"}, {"x-douane-latency": "now"},
     {"x-douane-conversation": "a b"}, {"idempotency-key": ""}],
)  # fmt: skip
def test_a_declaration_that_is_not_understood_is_refused(headers: dict[str, str]) -> None:
    sink = run(world(), headers=headers)
    assert code(sink) == (400, "invalid_request")
    assert sink.json["error"]["param"] == next(iter(headers))
    assert sink.json["error"]["douane"]["fix"]


def test_no_header_lowers_a_floor() -> None:
    key = Key("k", digest_of(SECRET), "o", floor=Label(Level.CONFIDENTIAL))
    built = world(key)
    play(built, good("chat", stream=False))
    sink = run(built, headers={"x-douane-level": "public"})
    assert (sink.headers["x-douane-level"], sink.headers["x-douane-zone"]) == ("confidential", "home")


# --- keys and paths --------------------------------------------------------------------------------------------------


def test_only_a_known_key_that_lives_is_served() -> None:
    for key in (Key("k", digest_of("another"), "o"), Key("k", digest_of(SECRET), "o", expires_at=1)):
        assert code(run(world(key))) == (401, "unauthenticated")


def test_a_request_without_a_key_or_with_two_is_refused_unread() -> None:
    for headers in ([], [(b"authorization", b"Bearer a"), (b"x-api-key", b"b")], [(b"authorization", b"Basic eA==")]):
        sink = RecordingSink()
        asyncio.run(world().gateway.handle(Head("POST", PATHS["chat"], b"", headers, ""), NoBody(), sink))
        assert code(sink) == (401, "unauthenticated")


class NoBody:
    async def read(self) -> bytes:
        raise AssertionError("nothing of it may be read")


def test_an_unknown_route_looks_like_a_forbidden_one() -> None:
    limited = Key("k", digest_of(SECRET), "o", routes=frozenset({"other"}))
    unknown = run(world(), {**CHAT, "model": "no-such"})
    forbidden = run(world(limited))
    assert code(unknown) == (403, "forbidden_route")
    assert unknown.data == forbidden.data
    assert b"no-such" not in unknown.data


def test_models_lists_the_keys_routes_only() -> None:
    sink = RecordingSink()
    head = post("/v1/models", SECRET)
    head.method = "GET"
    asyncio.run(world().gateway.handle(head, NoBody(), sink))
    assert [m["id"] for m in sink.json["data"]] == ["chat"]
    other = RecordingSink()
    asyncio.run(world(Key("k", digest_of(SECRET), "o", routes=frozenset())).gateway.handle(head, NoBody(), other))
    assert other.json["data"] == []


@pytest.mark.parametrize(("method", "path", "expected"), [
    ("GET", "/v1/chat/completions", (405, "method_not_allowed")), ("POST", "/v1/models", (405, "method_not_allowed")),
    ("POST", "/v1/chat", (404, "not_found")), ("GET", "/v1/models/none", (404, "not_found")),
])  # fmt: skip
def test_paths_and_methods_that_are_not_there_say_so(method: str, path: str, expected: tuple[int, str]) -> None:
    head, sink = post(path, SECRET), RecordingSink()
    head.method = method
    asyncio.run(world().gateway.handle(head, GivenBody(b"{}"), sink))
    assert code(sink) == expected


# --- attempts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [
    error_reply(500), error_reply(429), error_reply(401), Fault(failure("connect")), Fault(timeout("head")),
    json_reply(b"<html>no</html>"), json_reply(b'{"error":{"message":"no"}}'), json_reply(b""),
    Reply(302, {"location": "http://127.0.0.1/"}, ()),
])  # fmt: skip
def test_a_deployment_that_fails_is_followed_by_the_next(bad: Reply | Fault) -> None:
    built = world()
    play(built, bad)
    sink = run(built)
    assert (sink.status, sink.headers["x-douane-zone"], sink.headers["x-douane-attempts"]) == (200, "home", "2")
    assert [(o.state, o.settles) for o in built.ledger.outcomes] == [("failed", False), ("complete", True)]


def test_attempts_are_bounded_and_the_last_error_is_told() -> None:
    built = world(attempts=3)
    play(built, error_reply(500), error_reply(503))
    sink = run(built)
    assert code(sink) == (502, "upstream_failed")
    assert len(built.upstream.sent) == 3
    assert [o.settles for o in built.ledger.outcomes] == [False, False, True]
    assert sink.headers["x-douane-attempts"] == "3"


def test_the_upstreams_verdict_on_the_request_is_final() -> None:
    built = world()
    play(built, json_reply(orjson.dumps({"error": {"message": "bad temperature", "param": "temperature"}}), status=400))
    sink = run(built)
    assert code(sink) == (400, "invalid_request")
    assert "bad temperature" in sink.json["error"]["message"]
    assert len(built.upstream.sent) == 1


def test_a_request_that_a_deployment_cannot_read_shuts_it_for_nobody() -> None:
    built = world(attempts=3)
    said = orjson.dumps({"error": {"code": 500, "message": "image input is not supported", "type": "server_error"}})
    for name in ("cloud-0", "home-0"):
        built.upstream.play(name, *[json_reply(said, status=500)] * 4, good("chat", stream=False))
    for _ in range(4):
        sink = run(built)
        assert code(sink) == (400, "invalid_request")
        assert "not supported. Change" in sink.json["error"]["message"]
    assert run(built).headers["x-douane-deployment"] == "cloud-0"
    assert len(built.upstream.sent) == 9


def test_a_deadline_covers_all_attempts() -> None:
    built = world()
    clock = built.gateway._clock

    def slow(*_: object) -> Fault:
        clock.advance(601)  # type: ignore[attr-defined]
        return Fault(timeout("head"))

    play(built, slow)
    assert code(run(built)) == (504, "upstream_timeout")
    assert len(built.upstream.sent) == 1


def test_a_deployment_that_keeps_failing_is_left_alone() -> None:
    built = world(attempts=1)
    play(built, error_reply(500))
    for _ in range(3):
        assert code(run(built)) == (502, "upstream_failed")
    sink = run(built)
    assert (sink.status, sink.headers["x-douane-zone"]) == (200, "home")


def test_one_request_can_not_shut_a_deployment_for_everybody() -> None:
    built = world(attempts=6)
    play(built, error_reply(500), error_reply(500))
    assert run(built).status == 502
    assert len(built.upstream.sent) == 6
    built.upstream._scripts.clear()
    play(built, good("chat", stream=False))
    assert run(built).headers["x-douane-zone"] == "cloud"


def test_an_attempt_that_never_connected_used_nothing() -> None:
    built = world()
    play(built, Fault(failure("connect")))
    run(built)
    first = built.ledger.outcomes[0]
    assert (first.state, first.input_tokens, first.output_tokens, first.token_source) == ("failed", 0, 0, "counted")


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_ends_in_done_and_is_settled_with_the_upstreams_usage() -> None:
    built = world()
    play(built, good("chat", stream=True))
    sink = run(built, STREAM)
    assert sink.events[-1] == "[DONE]"
    assert sink.ended
    assert "usage" not in orjson.dumps(sink.events[:-1]).decode()
    outcome = built.ledger.outcomes[-1]
    assert (outcome.state, outcome.input_tokens, outcome.output_tokens, outcome.token_source) == (
        "complete",
        3,
        1,
        "upstream",
    )
    assert outcome.first_byte_us is not None


def test_a_stream_that_breaks_before_its_first_event_falls_back_unseen() -> None:
    built = world()
    built.upstream.play(
        "cloud-0",
        sse_reply(b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,', failure("body")),
    )
    built.upstream.play("home-0", good("chat", stream=True))
    sink = run(built, STREAM)
    assert sink.headers["x-douane-zone"] == "home"
    assert sink.events[-1] == "[DONE]"


@pytest.mark.parametrize(
    "end", [failure("body"), b"data: [DONE]\n\n", b"data: {broken\n\n", b'data: {"error":{"message":"x"}}\n\n']
)
def test_a_stream_that_breaks_later_never_looks_complete(end: Any) -> None:
    built = world()
    play(built, sse_reply(piece("chat", "half"), end))
    sink = run(built, STREAM)
    assert sink.status == 200
    assert "[DONE]" not in sink.events
    assert sink.events[-1]["error"]["code"] in ("upstream_failed", "internal")
    assert len(built.upstream.sent) == 1, "after the first byte there is no fallback"
    outcome = built.ledger.outcomes[-1]
    assert (outcome.state, outcome.settles, outcome.token_source) == ("partial", True, "counted")
    assert outcome.cost_micro is not None


def test_comments_keep_a_started_stream_alive_and_only_after_the_upstream_said_200() -> None:
    async def go() -> RecordingSink:
        built = world()
        shell = replace(built.gateway._shell, keep_alive_s=0.001)
        built.gateway._shell = shell
        more, release = asyncio.Event(), asyncio.Event()
        play(built, sse_reply(more, piece("chat", "a"), piece("chat", "b", "stop"), b"data: [DONE]\n\n"))
        sink = Waiting(release)
        task = asyncio.ensure_future(built.gateway.handle(post(PATHS["chat"], SECRET), GivenBody(STREAM), sink))
        await release.wait()
        more.set()
        await task
        return sink

    sink = asyncio.run(go())
    assert sink.data.startswith(b": keep-alive\n\n")
    assert sink.events[-1] == "[DONE]"


class Waiting(RecordingSink):
    """Tells when the first byte arrived."""

    def __init__(self, first: asyncio.Event) -> None:
        super().__init__()
        self._first = first

    async def write(self, data: bytes) -> None:
        await super().write(data)
        self._first.set()


# --- a gateway that stops -----------------------------------------------------------------------------------------


async def _stopped(built: World, *, begun: bool) -> RecordingSink:
    """Have the server stop while an upstream is silent: after the first piece of its answer, or before its head."""
    silent = asyncio.Event()
    if begun:
        play(built, sse_reply(piece("chat", "so far"), silent))
    else:
        play(built, Fault(timeout("head"), after=silent))
    sink = RecordingSink()
    handling = asyncio.create_task(built.gateway.handle(post(PATHS["chat"], SECRET), GivenBody(STREAM), sink))
    while not (sink.data if begun else built.upstream.sent):  # noqa: ASYNC110 - the fakes have no event for it
        await asyncio.sleep(0)
    handling.cancel(STOPPING)
    with pytest.raises(asyncio.CancelledError):
        await handling
    return sink


def test_a_stream_that_the_stopping_gateway_ends_says_so_and_is_not_laid_on_the_client() -> None:
    built = world()
    sink = asyncio.run(_stopped(built, begun=True))
    *_, last, rest = sink.data.split(b"\n\n")
    error = orjson.loads(last.removeprefix(b"data: "))["error"]
    assert (error["code"], rest, sink.ended) == ("overloaded", b"", True)
    assert b"[DONE]" not in sink.data
    (outcome,) = built.ledger.outcomes
    assert (outcome.state, outcome.error_code, outcome.status, outcome.settles) == ("partial", "overloaded", 503, True)


def test_a_request_that_the_stopping_gateway_ends_before_its_answer_is_left_to_the_server_to_refuse() -> None:
    built = world()
    sink = asyncio.run(_stopped(built, begun=False))
    assert not sink.started
    (outcome,) = built.ledger.outcomes
    assert (outcome.state, outcome.error_code, outcome.status) == ("failed", "overloaded", 503)


# --- what an error says of trying again --------------------------------------------------------------------------


def test_a_request_that_never_fits_its_limit_is_not_to_be_tried_again() -> None:
    key = Key("k", digest_of(SECRET), "o", limits=Limits(tokens_per_minute=100))
    sink = run(world(key), {**CHAT, "max_tokens": 500})
    assert code(sink) == (429, "rate_limited")
    assert sink.headers["x-should-retry"] == "false"
    assert "retry-after" not in sink.headers


def test_a_request_whose_twin_is_under_way_may_ask_again() -> None:
    book = IdempotencyBook()
    book.begin("o", "twin", "digest", Label(Level.PUBLIC), 0.0)
    with pytest.raises(IdempotencyConflict) as caught:
        book.begin("o", "twin", "digest", Label(Level.PUBLIC), 0.0)
    told = dict(error_headers(caught.value))
    assert told == {b"retry-after": b"1"}
    with pytest.raises(IdempotencyConflict) as caught:
        book.begin("o", "twin", "another", Label(Level.PUBLIC), 0.0)
    assert dict(error_headers(caught.value)) == {b"x-should-retry": b"false"}


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", PATHS["chat"], "POST"), ("POST", "/v1/models", "GET")])
def test_a_wrong_method_is_told_the_right_one(method: str, path: str, allowed: str) -> None:
    sink = RecordingSink()
    asyncio.run(world().gateway.handle(replace(post(path, SECRET), method=method), GivenBody(CHAT), sink))
    assert (sink.status, sink.headers["allow"]) == (405, allowed)


def test_an_unknown_path_is_refused_in_its_own_dialect() -> None:
    sink = RecordingSink()
    asyncio.run(world().gateway.handle(post("/v1/messages", SECRET), GivenBody(CHAT), sink))
    assert (sink.status, sink.json["type"], sink.json["error"]["code"]) == (404, "error", "not_found")


# --- limits and money ------------------------------------------------------------------------------------------------


def test_limits_hold_and_a_refused_request_costs_nothing() -> None:
    built = world(Key("k", digest_of(SECRET), "o", limits=Limits(requests_per_minute=2)))
    play(built, good("chat", stream=False))
    assert run(built, {**CHAT, "fallbacks": []}).status == 400
    answers = [run(built) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].json["error"]["code"] == "rate_limited"
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        (Key("k", digest_of(SECRET), "o", budget=Budget(10**9, "EUR", "month")), {}, 1024),
        (Key("k", digest_of(SECRET), "o", limits=Limits(tokens_per_minute=10**6)), {}, 1024),
        (Key("k", digest_of(SECRET), "o", limits=Limits(tokens_per_minute=10**6)), {"max_tokens": None}, 1024),
        (Key("k", digest_of(SECRET), "o", limits=Limits(tokens_per_minute=10**6)), {"max_tokens": 7}, 7),
        (Key("k", digest_of(SECRET), "o", limits=Limits(requests_per_minute=9)), {}, None),
        (Key("k", digest_of(SECRET), "o"), {}, None),
    ],
)
def test_what_is_reserved_bounds_what_may_be_written(key: Key, body: dict[str, Any], expected: int | None) -> None:
    built = world(key)
    play(built, good("chat", stream=False))
    assert run(built, {**CHAT, **body}).status == 200
    (sent,) = built.upstream.sent
    assert orjson.loads(sent.call.payload).get("max_tokens") == expected


def test_a_budget_is_charged_what_the_ledger_says() -> None:
    key = Key("k", digest_of(SECRET), "o", budget=Budget(10**9, "EUR", "month"))
    built = world(key)
    play(built, good("chat", stream=False))
    for _ in range(5):
        run(built)
    spent = sum(o.cost_micro or 0 for o in built.ledger.outcomes)
    purse = built.gateway._shell.limits._accounts["k"].purse  # type: ignore[attr-defined]
    assert (purse.spent_micro, purse.reserved_micro) == (spent, 0)


def test_an_exhausted_budget_is_a_429_that_no_sdk_retries() -> None:
    built = world(Key("k", digest_of(SECRET), "o", budget=Budget(0, "EUR", "day")))
    play(built, good("chat", stream=False))
    body = {**CHAT, "max_tokens": 10**6}
    sink = run(built, body)
    assert code(sink) == (429, "budget_exhausted")
    assert sink.headers["x-should-retry"] == "false"
    assert [r.code for r in built.ledger.refusals] == ["budget_exhausted"]


def test_what_costs_a_key_nothing_is_always_counted_but_recorded_only_so_often_a_minute() -> None:
    async def scenario() -> None:
        clock, telemetry, ledger = FrozenClock(), SilentTelemetry(), InMemoryLedger()
        settler, snapshot = Settler(ledger, telemetry, clock), two_zones()
        exchanges = [
            Exchange(f"req_{number}", "chat", Key("k", digest_of(SECRET), "o"), snapshot, 0.0)
            for number in range(MOST_RECORDED + 4)
        ]
        for exchange in exchanges[:-1]:
            settler.refusal(exchange, BudgetExhausted("Nothing is left.", "Wait.", rule="A key's budget is kept."))
        assert len(ledger.refusals) == MOST_RECORDED
        assert len(telemetry.refusals) == MOST_RECORDED + 3
        assert len(telemetry.not_recorded) == 3
        clock.advance(61)
        settler.replayed(exchanges[-1])
        assert len(ledger.refusals) == MOST_RECORDED + 1

    asyncio.run(scenario())


# --- repetition ------------------------------------------------------------------------------------------------------


def test_a_repeated_request_gets_the_same_answer_and_is_made_once() -> None:
    built = world()
    play(built, good("chat", stream=False))
    first, second = (run(built, headers={"idempotency-key": "a"}) for _ in range(2))
    assert first.data == second.data
    assert (second.headers["x-douane-replayed"], second.headers["x-douane-zone"]) == ("true", "cloud")
    assert len(built.upstream.sent) == 1


def test_an_idempotency_key_serves_one_request() -> None:
    built = world()
    play(built, good("chat", stream=False))
    run(built, headers={"idempotency-key": "a"})
    other = run(built, {**CHAT, "temperature": 1}, headers={"idempotency-key": "a"})
    assert code(other) == (409, "idempotency_conflict")


def test_a_failed_request_may_be_repeated() -> None:
    built = world(attempts=1)
    built.upstream.play("cloud-0", error_reply(500), good("chat", stream=False))
    assert run(built, headers={"idempotency-key": "a"}).status == 502
    assert run(built, headers={"idempotency-key": "a"}).status == 200


def test_a_higher_label_does_not_get_the_answer_of_a_lower_one() -> None:
    built = world()
    play(built, good("chat", stream=False))
    run(built, headers={"idempotency-key": "a"})
    raised = run(built, headers={"idempotency-key": "a", "x-douane-level": "restricted"})
    assert "x-douane-replayed" not in raised.headers
    assert raised.headers["x-douane-zone"] == "home"


# --- faults of our own -----------------------------------------------------------------------------------------------


def test_a_fault_of_ours_is_told_without_its_text() -> None:
    built = world()
    lines: list[str] = []
    built.gateway._shell = replace(built.gateway._shell, report=lines.append)

    class Broken:
        async def inspect(self, *_: object) -> object:
            raise ValueError("FR14 2004 1010 0505 0001 3M02 606")

    built.gateway._classify._inspector = Broken()  # type: ignore[assignment]
    sink = run(built)
    assert code(sink) == (500, "internal")
    assert "FR14" not in sink.data.decode() + "".join(lines)
    assert "type=ValueError" in lines[0]


# --- what could leave is understood first ----------------------------------------------------------------------------

QUICK = Inspection(layers=("patterns",))


def thorough(inspector: GivenInspector) -> World:
    """Return a world whose policy wants every layer to read what leaves the premises."""
    snapshot = two_zones()
    layers = frozenset({"patterns", "meaning-light", "meaning"})
    snapshot = replace(snapshot, policy=replace(snapshot.policy, layers=layers))
    built = world_of(snapshot, inspector, random.Random(1))
    play(built, good("chat", stream=False))
    return built


def test_what_could_leave_is_read_for_its_meaning_and_leaves_then() -> None:
    inspector = GivenInspector(QUICK, Inspection(layers=("patterns", "meaning-light", "meaning")))
    built = thorough(inspector)
    assert run(built).headers["x-douane-zone"] == "cloud"
    assert inspector.inspected == inspector.understood == ["owner"]
    assert built.ledger.intents[-1].layers == "patterns,meaning-light,meaning"


def test_what_cannot_leave_anyway_is_not_read_for_its_meaning() -> None:
    inspector = GivenInspector(QUICK)
    sink = run(thorough(inspector), headers={"x-douane-level": "confidential"})
    assert sink.headers["x-douane-zone"] == "home"
    assert inspector.understood == []


def test_what_a_layer_did_not_read_stays_on_the_premises() -> None:
    late = QUICK._replace(failed=(Failure("meaning", "late"),))
    for meaning in (late, QUICK, QUICK._replace(layers=("patterns", "meaning-light"))):
        built = thorough(GivenInspector(QUICK, meaning))
        assert run(built).headers["x-douane-zone"] == "home"


def test_what_meaning_finds_raises_the_label() -> None:
    found = Finding("MEANING", "/messages/0/content", 0, 2, 0.9, "meaning", "restricted")
    told = Inspection((found,), ("patterns", "meaning-light", "meaning"))
    built = thorough(GivenInspector(QUICK, told))
    sink = run(built)
    assert sink.headers["x-douane-zone"] == "home"
    assert sink.headers["x-douane-level"] != "public"

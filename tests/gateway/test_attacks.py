"""What a caller with a key tries in order to pay less, to get another's answer, or to be taken for less than it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from leak_world import PATHS, SECRET, body_of, good
from test_pipeline import CHAT, STREAM, code, play, run, world

from douane.core.label import PUBLIC
from douane.core.money import Price
from douane.core.traffic.snapshot import Budget, Key, Limits
from douane.gateway import idempotency
from douane.testing.client import GivenBody, RecordingSink, post
from douane.testing.keys import digest_of
from douane.testing.scripted_upstream import Fault, Reply, failure, json_reply, sse_reply

DEAR = Price(10_000_000, 10_000_000, "EUR", "test", "2026-01-01")


def purse(built: Any) -> tuple[int, int, int]:
    account = built.gateway._shell.limits._accounts["k"]
    return account.purse.spent_micro, account.purse.reserved_micro, account.in_flight


def limited(**given: Any) -> Any:
    """Return a world whose key has limits or a budget, also after a reload."""
    built = world(Key("k", digest_of(SECRET), "o", **given))
    built.gateway._shell = replace(built.gateway._shell, keys=built.keys)
    return built


def with_price(built: Any, price: Price | None, version: str = "v2") -> None:
    snapshot = built.snapshots.snapshot
    deployments = {name: replace(one, price=price) for name, one in snapshot.deployments.items()}
    built.snapshots.snapshot = replace(snapshot, version=version, deployments=deployments)


# --- declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"x-douane-level": ""}, {"x-douane-level": " , "}, {"x-douane-levels": "restricted"},
     {"x-douane-compartment": "pci"}, {"x-douane-label": "restricted"}],
)  # fmt: skip
def test_a_declaration_that_says_nothing_or_is_misspelt_is_not_taken_for_public(headers: dict[str, str]) -> None:
    built = world()
    play(built, good("chat", stream=False))
    sink = run(built, headers=headers)
    assert code(sink) == (400, "invalid_request")
    assert built.upstream.sent == []


# --- repetition ------------------------------------------------------------------------------------------------------


def test_an_idempotency_key_does_not_carry_an_answer_to_another_endpoint() -> None:
    built = world()
    play(built, good("chat", stream=False))
    both = {**CHAT, "input": "hi"}
    assert run(built, both, {"idempotency-key": "a"}).json["object"] == "chat.completion"
    other = run(built, both, {"idempotency-key": "a"}, endpoint="embeddings")
    assert code(other) in ((400, "invalid_request"), (409, "idempotency_conflict"))


def test_an_answer_is_never_kept_under_a_repetition_key_that_was_taken_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_MOST_ENTRIES", 2)
    book = idempotency.IdempotencyBook()
    first = book.begin("o", "a", "body-1", PUBLIC, 0.0)
    for name in ("b", "c", "d"):
        book.finish("o", name, book.begin("o", name, name, PUBLIC, 0.0), None)
    with pytest.raises(idempotency.IdempotencyConflict):
        book.begin("o", "a", "body-1", PUBLIC, 1.0)
    book.forget("o", "a", first)
    second = book.begin("o", "a", "body-2", PUBLIC, 2.0)
    book.finish("o", "a", first, ((), b"answer to body-1"))
    assert second.answer is None
    book.forget("o", "a", first)
    with pytest.raises(idempotency.IdempotencyConflict):
        book.begin("o", "a", "body-2", PUBLIC, 3.0)


def test_one_owner_cannot_make_the_gateway_forget_the_requests_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_MOST_ENTRIES", 8)
    book = idempotency.IdempotencyBook()
    for name in ("a", "b"):
        book.finish("victim", name, book.begin("victim", name, name, PUBLIC, 0.0), ((), b"kept"))
    for number in range(100):
        book.finish("flood", str(number), book.begin("flood", str(number), "x", PUBLIC, 1.0), ((), b"x"))
    assert book.begin("victim", "a", "a", PUBLIC, 2.0).answer == ((), b"kept")


# --- what costs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_before_the_answer_is_not_free(stream: bool) -> None:
    """The upstream bills what it was asked; whoever leaves early again and again would pass any budget."""

    async def go() -> Any:
        built = limited(budget=Budget(10**9, "EUR", "day"))
        with_price(built, DEAR)
        never = asyncio.Event()
        play(built, Fault(failure("head"), never) if not stream else sse_reply(never))
        body = STREAM if stream else CHAT
        task = asyncio.ensure_future(
            built.gateway.handle(post(PATHS["chat"], SECRET), GivenBody(body), RecordingSink())
        )
        await built.upstream.until_sent(1)
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return built

    built = asyncio.run(go())
    outcome = built.ledger.outcomes[-1]
    assert (outcome.state, outcome.error_code, outcome.settles) == ("failed", "client_closed", True)
    assert (outcome.token_source, outcome.output_tokens) == ("estimate", 1024)
    assert outcome.cost_micro is not None
    assert purse(built) == (outcome.cost_micro, 0, 0)


def test_leaving_before_anything_was_sent_is_free() -> None:
    async def go() -> Any:
        built = limited(budget=Budget(10**9, "EUR", "day"))
        with_price(built, DEAR)
        built.ledger.hold = True
        play(built, good("chat", stream=False))
        task = asyncio.ensure_future(
            built.gateway.handle(post(PATHS["chat"], SECRET), GivenBody(CHAT), RecordingSink())
        )
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return built

    built = asyncio.run(go())
    assert built.upstream.sent == []
    assert purse(built) == (0, 0, 0)


def test_leaving_gives_no_tokens_back_to_a_limit() -> None:
    async def go() -> list[int]:
        built = limited(limits=Limits(tokens_per_minute=2500))
        with_price(built, None)
        statuses = []
        for _ in range(4):
            never = asyncio.Event()
            built.upstream._scripts.clear()
            play(built, Fault(failure("head"), never))
            sink = RecordingSink()
            task = asyncio.ensure_future(built.gateway.handle(post(PATHS["chat"], SECRET), GivenBody(CHAT), sink))
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            statuses.append(sink.status)
        return statuses

    assert asyncio.run(go()) == [0, 0, 429, 429]


def test_a_price_that_rises_while_a_request_is_under_way_does_not_overspend_its_budget() -> None:
    """The reload comes after the reservation, before the bytes leave: the request is held to the new price."""
    built = limited(budget=Budget(2_000, "EUR", "day"))
    with_price(built, Price(1_000_000, 1_000_000, "EUR", "t", "2026-01-01"), "v1b")
    play(built, good("chat", stream=False))
    built.ledger.meanwhile = lambda: with_price(built, Price(1_000_000_000, 10**12, "EUR", "t", "2026-01-01"))
    sink = run(built)
    assert code(sink) == (429, "budget_exhausted")
    assert built.upstream.sent == []
    assert purse(built) == (0, 0, 0)


def test_a_currency_without_a_rate_that_a_reload_brings_leaves_nothing_held() -> None:
    built = limited(budget=Budget(10**9, "EUR", "day"), limits=Limits(concurrent=1))
    play(built, good("chat", stream=False))
    built.ledger.meanwhile = lambda: with_price(built, Price(1, 1, "XAU", "t", "2026-01-01"))
    assert code(run(built)) == (429, "budget_exhausted")
    assert purse(built) == (0, 0, 0)


def test_a_reload_that_changes_no_price_goes_on_with_the_one_request_that_a_key_may_have() -> None:
    limits = Limits(concurrent=1, requests_per_minute=1)
    built = limited(limits=limits, budget=Budget(10**9, "EUR", "day"))
    play(built, good("chat", stream=False))
    built.ledger.meanwhile = lambda: with_price(built, DEAR)
    assert run(built).status == 200
    assert code(run(built)) == (429, "rate_limited")
    assert purse(built)[1:] == (0, 0)


@pytest.mark.parametrize(("endpoint", "more"), [
    ("chat", {"n": 128, "max_tokens": 2**31 - 1}), ("completions", {"prompt": ["a"] * 16, "n": 128, "max_tokens": 2**31 - 1}),
])  # fmt: skip
def test_an_answer_without_usage_is_charged_by_its_size_and_fits_the_ledger(
    endpoint: str, more: dict[str, Any]
) -> None:
    """An estimate beyond what the ledger takes would be left out of it: a request that is never settled."""
    built = world()
    with_price(built, Price(10**9, 10**9, "EUR", "t", "2026-01-01"))
    count = 128 * (16 if endpoint == "completions" else 1)
    one = {"finish_reason": "stop"} | (
        {"message": {"role": "assistant", "content": "ok"}} if endpoint == "chat" else {"text": "ok"}
    )
    play(built, json_reply(orjson.dumps({"choices": [{"index": i, **one} for i in range(count)]})))
    sink = run(built, {**body_of(endpoint, "text", "hi", stream=False), **more}, endpoint=endpoint)
    assert sink.status == 200
    outcome = built.ledger.outcomes[-1]
    assert outcome.token_source == "estimate"
    assert 0 < (outcome.output_tokens or 0) <= len(sink.data)
    intent = built.ledger.intents[-1]
    assert max(intent.reserved_output_tokens, intent.reserved_micro or 0) < 2**40
    built.ledger.roll_ups()


# --- what an upstream says of us -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [
    json_reply(orjson.dumps({"error": {"message": "bad key sk-upstream-1 for x", "param": "sk-upstream-1"}}), status=400),
    json_reply(orjson.dumps({"error": {"message": "sk-upstream-1 too long", "code": "context_length_exceeded"}}), status=400),
    json_reply(orjson.dumps({"error": {"message": "no sk-upstream-1", "code": 400}})),
])  # fmt: skip
def test_an_upstream_cannot_tell_the_caller_the_gateways_credential(reply: Reply) -> None:
    built = world()
    snapshot = built.snapshots.snapshot
    deployments = {name: replace(one, api_key="sk-upstream-1") for name, one in snapshot.deployments.items()}
    built.snapshots.snapshot = replace(snapshot, version="v2", deployments=deployments)
    play(built, reply, reply)
    sink = run(built)
    assert code(sink) == (400, "invalid_request")
    assert b"sk-upstream-1" not in sink.data


def test_a_complaint_that_nests_without_end_is_a_failure_like_any_other() -> None:
    built = world()
    play(built, json_reply(deep_json(990), status=500))
    sink = run(built)
    assert (sink.status, sink.headers["x-douane-zone"]) == (200, "home")


def deep_json(depth: int) -> bytes:
    return b'{"error":{"message":' + b'{"detail":' * depth + b'"x"' + b"}" * depth + b"}}"


@pytest.mark.parametrize("reason", ["abort", "error", "cancelled"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_its_engine_gave_up_never_looks_complete(reason: str, stream: bool) -> None:
    built = world(attempts=1)
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    if stream:
        said = orjson.dumps({"id": "x", "choices": [{**choice, "delta": {"content": "half"}}]})
        play(built, sse_reply(b"data: " + said + b"\n\n", b"data: [DONE]\n\n"))
    else:
        message = {"role": "assistant", "content": "half"}
        play(built, json_reply(orjson.dumps({"choices": [{**choice, "message": message}]})))
    sink = run(built, STREAM if stream else CHAT)
    assert b"[DONE]" not in sink.data
    assert built.ledger.outcomes[-1].state != "complete"


def test_a_deployment_that_a_reload_takes_away_in_the_midst_is_still_settled() -> None:
    built = limited(budget=Budget(10**9, "EUR", "day"))
    play(built, good("chat", stream=False))

    def take_away() -> None:
        snapshot = built.snapshots.snapshot
        rest = {name: one for name, one in snapshot.deployments.items() if name != "cloud-0"}
        route = replace(snapshot.routes["chat"], deployments=("home-0",))
        built.snapshots.snapshot = replace(snapshot, version="v2", deployments=rest, routes={"chat": route})

    built.ledger.meanwhile = take_away
    sink = run(built)
    assert (sink.status, sink.headers["x-douane-zone"]) == (200, "home")
    assert [(o.deployment, o.settles) for o in built.ledger.outcomes] == [("cloud-0", False), ("home-0", True)]
    assert purse(built)[1:] == (0, 0)

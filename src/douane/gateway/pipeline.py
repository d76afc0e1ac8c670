"""The way of a request: authenticate, parse, admit, classify, route, then attempts, each of them cleared anew.

One way, no back and forth; each stage is a file of its own beside this one. This file holds their order, the retries
between attempts, and the request boundary: whatever happens, the client gets an answer in its protocol, the reservation
is settled or given back, and every attempt has one outcome.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from douane.core.digest import digest
from douane.core.models.catalogue import Deployment
from douane.core.traffic.routing import Question, decide, find_route, first_choice
from douane.errors import (
    ClearanceBroken,
    DouaneError,
    Internal,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
    Unsupported,
    UpstreamFailed,
    UpstreamTimeout,
)
from douane.gateway.admit import reserve, reserve_again
from douane.gateway.answer_headers import JSON, REPLAYED, Header, answer_headers, named, served_by
from douane.gateway.authenticate import Authenticator
from douane.gateway.classify import Classifier
from douane.gateway.conditions import ConditionBook
from douane.gateway.declare import read_declaration
from douane.gateway.dispatch import Departure, Dispatcher
from douane.gateway.ending import Ending
from douane.gateway.exchange import Exchange
from douane.gateway.idempotency import IdempotencyBook
from douane.gateway.mask import Masker
from douane.gateway.masked_payload import MaskedPayload
from douane.gateway.memory import Memory
from douane.gateway.relay import AttemptFailed, is_stopping, relay_stream, relay_whole
from douane.gateway.settle import Settler
from douane.ports import (
    Clock,
    Conversations,
    Ids,
    Inspector,
    Keys,
    Ledger,
    LimitBook,
    Snapshots,
    Telemetry,
    Upstream,
    Vault,
)
from douane.wire.call import Ask, Usage
from douane.wire.error_body import dialect_of, error_body, error_headers
from douane.wire.head import Body, ClientGone, Head, Sink
from douane.wire.kinds.kind import Kind
from douane.wire.models_list import models_list
from douane.wire.need import need_of
from douane.wire.openai_request import parse_chat, parse_completions, parse_embeddings
from douane.wire.strict_json import parse

_MOST_DECISIONS: Final = 8
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0

_PARSERS: Final[Mapping[str, tuple[str, Callable[[object], Ask]]]] = {
    "/v1/chat/completions": ("chat", parse_chat),
    "/v1/completions": ("completions", parse_completions),
    "/v1/embeddings": ("embeddings", parse_embeddings),
}


def _say_nothing(_line: str) -> None:
    """Where nobody listens to faults: tests that look at answers only."""


@dataclass(frozen=True, slots=True)
class Shell:
    """What the gateway needs from outside: one value, wired by `bootstrap`, or by a test from fakes."""

    clock: Clock
    ids: Ids
    snapshots: Snapshots
    keys: Keys
    limits: LimitBook
    inspector: Inspector
    ledger: Ledger
    upstream: Upstream
    telemetry: Telemetry
    kinds: Mapping[str, Kind]
    conditions: ConditionBook
    conversations: Conversations
    vault: Vault | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    report: Callable[[str], None] = _say_nothing
    keep_alive_s: float = 10.0


class Gateway:
    """Serves `/v1`. Framework-free: a head, a body, a sink."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._clock = shell.clock
        self._snapshots = shell.snapshots
        self._authenticate = Authenticator(shell.keys, shell.clock)
        masker = Masker(shell.inspector, shell.vault, shell.report)
        self._memory = Memory(shell.conversations)
        self._classify = Classifier(shell.inspector, masker, self._memory, shell.telemetry, shell.clock)
        self._settler = Settler(shell.ledger, shell.telemetry, shell.clock)
        self._dispatcher = Dispatcher(
            shell.upstream, shell.ledger, shell.snapshots, shell.keys, shell.clock, shell.kinds
        )
        self._conditions = shell.conditions
        self._idempotency = IdempotencyBook()

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        """Answer one request. Raises nothing but cancellation, which ends its attempt and its reservation first."""
        request_id = self._shell.ids.request_id()
        try:
            await self._serve(request_id, head, body, sink)
        except DouaneError as error:
            await _answer_error(error, request_id, head.path, sink)
        except ClientGone:
            sink.cut()
        except Exception as fault:  # noqa: BLE001 - the request boundary: a fault ends its request, not the gateway
            self._shell.report(_describe(request_id, fault))
            internal = Internal(
                "The gateway met a fault of its own.",
                f"Report it with the request id {request_id}; the log holds its place.",
                rule="internal",
            )
            await _answer_error(internal, request_id, head.path, sink)

    async def _serve(self, request_id: str, head: Head, body: Body, sink: Sink) -> None:
        started_s = self._clock.monotonic_s()
        entry = _PARSERS.get(head.path)
        if entry is None:
            await self._serve_others(request_id, head, sink)
            return
        if head.method != "POST":
            raise _wrong_method("POST")
        endpoint, parse_ask = entry
        key = self._authenticate(head)
        exchange = Exchange(request_id, endpoint, key, self._snapshots.current(), started_s)
        try:
            exchange.declaration = read_declaration(head, exchange.snapshot)
            raw = await body.read()
            exchange.body_bytes = len(raw)
            exchange.ask = parse_ask(parse(raw))
            exchange.route = find_route(exchange.ask.model, key, exchange.snapshot)
            exchange.route_name = exchange.route.name
            exchange.deadline_s = started_s + exchange.route.timeout_s
            exchange.need = need_of(exchange.ask, exchange.body_bytes, exchange.declaration.wish)
            reserve(exchange, self._shell.limits)
            await self._classify(exchange)
            if exchange.declaration.idempotency_key is None:
                await self._attempts(exchange, sink)
            else:
                await self._once(exchange, exchange.declaration.idempotency_key, raw, sink)
        except DouaneError as error:
            if exchange.attempts == 0:
                self._settler.refusal(exchange, error)
            await _answer_error(error, request_id, head.path, sink, self._headers(exchange, None))
        except BaseException:
            if exchange.attempts == 0 and exchange.reservation is not None:
                exchange.reservation.release()
            raise

    async def _serve_others(self, request_id: str, head: Head, sink: Sink) -> None:
        if head.path != "/v1/models" and not head.path.startswith("/v1/models/"):
            raise NotFound(
                "There is no such path.",
                "The API reference lists the paths under /v1.",
                rule="Only known paths are served.",
            )
        if head.method != "GET":
            raise _wrong_method("GET")
        key = self._authenticate(head)
        names = sorted(n for n in self._snapshots.current().routes if key.routes is None or n in key.routes)
        payload = models_list(names, head.path.removeprefix("/v1/models").removeprefix("/"))
        if payload is None:
            raise NotFound(
                "This key has no route of that name.",
                "`GET /v1/models` lists the routes of this key.",
                rule="A key sees only its own routes.",
            )
        await sink.answer(200, (*named(request_id), JSON), payload)

    async def _once(self, exchange: Exchange, key: str, raw: bytes, sink: Sink) -> None:
        """Make the request, or replay the answer that an equal one got."""
        owner, book = exchange.key.owner, self._idempotency
        asked = digest(exchange.endpoint.encode() + b"\0" + raw)
        kept = book.begin(owner, key, asked, exchange.label, self._clock.monotonic_s())
        if kept.answer is not None:
            told, payload = kept.answer
            self._settler.replayed(exchange)
            await sink.answer(200, (*self._headers(exchange, None), JSON, REPLAYED, *served_by(told)), payload)
            return
        try:
            await self._attempts(exchange, sink)
        except BaseException:
            book.forget(owner, key, kept)
            raise
        book.finish(owner, key, kept, exchange.answer)

    # --- attempts ------------------------------------------------------------------------------------------------

    async def _attempts(self, exchange: Exchange, sink: Sink) -> None:
        """Try candidates until one answers. Each is decided, cleared and confirmed for itself.

        A failed attempt's outcome waits until it is known whether another attempt follows: the last one settles.
        """
        tries = Tries(exchange.route.attempts)
        last_error: DouaneError | None = None
        try:
            for _ in range(_MOST_DECISIONS + exchange.route.attempts):
                question = self._question(exchange)
                name = tries.next_of(question)
                if name is None or question.monotonic_s >= exchange.deadline_s:
                    raise last_error or decide(question).refusal() or _out_of_time(exchange)
                if tries.tried(name):
                    pause_s = tries.pause_s(name, self._shell.ids.chance())
                    if self._clock.monotonic_s() + pause_s >= exchange.deadline_s:
                        break
                    await self._shell.sleep(pause_s)
                try:
                    departure = self._dispatcher.prepare(exchange, name)
                    await self._attempt(exchange, departure, sink)
                except Unsupported as error:
                    tries.drop(name)
                    last_error = last_error or error
                except ClearanceBroken:
                    await self._refresh(exchange)
                except (AttemptFailed, UpstreamFailed) as failure:
                    tries.count(name)
                    last_error = self._weigh(failure, name, tries)
                    if sink.started:
                        break
                else:
                    return
            raise last_error or _out_of_time(exchange)
        finally:
            self._conclude(exchange, last=True)

    def _question(self, exchange: Exchange) -> Question:
        return Question(
            exchange.label,
            exchange.need,
            exchange.route,
            exchange.key,
            exchange.snapshot,
            self._shell.keys.revocations(),
            self._conditions.all(),
            self._clock.now_us() // 1_000_000,
            self._clock.monotonic_s(),
            self._shell.ids.chance(),
            exchange.layers,
            exchange.forms,
        )

    async def _refresh(self, exchange: Exchange) -> None:
        """Decide again on the configuration of now: key, route, label and what is held follow it. No label falls so."""
        snapshot = self._snapshots.current()
        key = self._shell.keys.find(exchange.key.digest)
        if key is None:
            raise Unauthenticated(
                "The API key was taken away while the request was under way.",
                "Use another key.",
                rule="Every request carries one valid key.",
            )
        exchange.snapshot, exchange.key = snapshot, key
        exchange.route = find_route(exchange.route.name, exchange.key, snapshot)
        await self._classify.again(exchange)
        reserve_again(exchange, self._shell.limits)

    async def _attempt(self, exchange: Exchange, departure: Departure, sink: Sink) -> None:
        """Make one attempt. It returns where the client was answered; its outcome is kept for `_conclude` always."""
        deployment = departure.deployment
        self._conclude(exchange, last=False)
        exchange.attempts += 1
        self._conditions.tried(deployment.name)
        ending = Ending(deployment, exchange.attempts, self._clock.monotonic_s(), "failed", 0)
        exchange.pending = ending
        try:
            slow = self._conditions.is_slow(deployment.name)
            sent = await self._dispatcher.send(exchange, departure, exchange.attempts, slow=slow)
            ending.upstream = sent.answer.peer
            headers = self._headers(exchange, deployment, departure.masked)
            listener = self._memory.listener(exchange)
            try:
                if exchange.ask.stream:
                    keep_alive_s = self._shell.keep_alive_s
                    await relay_stream(exchange, sent, ending, sink, headers, listener, self._clock, keep_alive_s)
                else:
                    await relay_whole(exchange, sent, ending, sink, headers, listener)
            finally:
                sent.answer.abort()
        except AttemptFailed as failure:
            ending.error_code = failure.error.code
            raise
        except DouaneError as error:
            ending.error_code, ending.status = error.code, ending.status or error.status
            if not departure.sent or (isinstance(error, UpstreamFailed) and error.stage == "connect"):
                ending.usage, ending.token_source = Usage(0, 0), "counted"
            raise
        except BaseException as gone:
            ended_here = is_stopping(gone)
            left = isinstance(gone, asyncio.CancelledError | ClientGone)
            ending.error_code, ending.status = (
                ("overloaded", 503) if ended_here else ("client_closed", 499) if left else ("internal", 500)
            )
            if left and departure.sent:
                ending.take_estimate(exchange.need.input_tokens, exchange.need.output_tokens)
            raise
        finally:
            ending.ended_s = self._clock.monotonic_s()
        self._learn(ending)

    def _conclude(self, exchange: Exchange, *, last: bool) -> None:
        ending, exchange.pending = exchange.pending, None
        if ending is not None:
            self._settler.attempt(exchange, ending, last=last)

    def _weigh(self, failure: AttemptFailed | UpstreamFailed, name: str, tries: Tries) -> DouaneError:
        """Return the error of a failed attempt where another may follow, raise it where none may."""
        error = failure.error if isinstance(failure, AttemptFailed) else failure
        at_fault = isinstance(failure, UpstreamFailed) or failure.blame
        if at_fault and tries.first(name):  # one request counts once: it can't shut a deployment for everybody
            self._conditions.failed(name, error.retry_after_s)
        if isinstance(failure, UpstreamFailed):
            return failure
        if not failure.elsewhere:
            raise failure.error
        if not failure.again:
            tries.drop(name)
        return failure.error

    def _headers(
        self, exchange: Exchange, deployment: Deployment | None, masked: MaskedPayload | None = None
    ) -> tuple[Header, ...]:
        types = masked.type_line if masked is not None else ""
        return answer_headers(exchange, deployment, self._shell.limits.remaining(exchange.key), types)

    def _learn(self, ending: Ending) -> None:
        name = ending.deployment.name
        if ending.state != "complete":
            self._conditions.failed(name)
            return
        total_ms = (ending.ended_s - ending.started_s) * 1000.0
        tokens = ending.usage.output_tokens if ending.usage is not None else 0
        if ending.first_byte_us is None:
            self._conditions.succeeded(name, None, total_ms / tokens if tokens else None)
        else:
            first_ms = ending.first_byte_us / 1000.0
            per_token = (total_ms - first_ms) / (tokens - 1) if tokens > 1 else None
            self._conditions.succeeded(name, first_ms, per_token)


class Tries:
    """Which candidates were tried how often: once each, in order, then again those whose failure may pass."""

    __slots__ = ("_counts", "_dropped", "_left")

    def __init__(self, attempts: int) -> None:
        self._left = attempts
        self._counts: dict[str, int] = {}
        self._dropped: set[str] = set()

    def next_of(self, question: Question) -> str | None:
        """Return the allowed candidate tried least, the first of those; None where attempts or candidates run out."""
        if not self._counts and not self._dropped:
            return first_choice(question) or decide(question).chosen
        decision = decide(question)
        names = [c.deployment for c in decision.candidates if c.allowed and c.deployment not in self._dropped]
        if self._left <= 0 or not names:
            return None
        return min(names, key=lambda name: self._counts.get(name, 0))

    def count(self, name: str) -> None:
        self._left -= 1
        self._counts[name] = self._counts.get(name, 0) + 1

    def drop(self, name: str) -> None:
        self._dropped.add(name)

    def first(self, name: str) -> bool:
        """Tell whether a candidate has failed once only."""
        return self._counts.get(name) == 1

    def tried(self, name: str) -> bool:
        """Tell whether a candidate failed before."""
        return name in self._counts

    def pause_s(self, name: str, chance: float) -> float:
        """Return how long to wait before trying a candidate again."""
        tried = self._counts[name]
        return min(_FIRST_PAUSE_S * 2.0 ** (tried - 1), _LONGEST_PAUSE_S) * (0.5 + chance / 2)


async def _answer_error(
    error: DouaneError, request_id: str, path: str, sink: Sink, headers: tuple[Header, ...] = ()
) -> None:
    """Tell the client; where an answer has begun, cut it: what was said so far must not look whole."""
    if sink.started:
        sink.cut()
        return
    head = headers or named(request_id)
    await sink.answer(error.status, (*head, JSON, *error_headers(error)), error_body(error, dialect=dialect_of(path)))


def _wrong_method(allowed: str) -> MethodNotAllowed:
    return MethodNotAllowed(
        f"This path takes {allowed} only.", f"Send {allowed}.", rule="Each path has its methods.", allowed=(allowed,)
    )


def _out_of_time(exchange: Exchange) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"Route `{exchange.route.name}` answered nothing within {exchange.route.timeout_s:g} seconds.",
        "Raise `timeout_s` of the route; the ledger and the log tell which deployment is slow.",
        stage="head",
    )


def _describe(request_id: str, fault: BaseException) -> str:
    """Say where a fault arose and of what type; never its text, which may hold content (law 9)."""
    frames = traceback.extract_tb(fault.__traceback__)
    place = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames[-6:]))
    return f"fault request={request_id} type={type(fault).__name__} at={place}"

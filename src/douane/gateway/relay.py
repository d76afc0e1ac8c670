"""From an upstream's answer to the client: whole, or as a stream (law 6).

Rules enforced:
1. No byte goes to the client, comments included, before an attempt has answered 200 and its intent is durable.
2. A stream that broke off ends in an error event, never in `[DONE]`; its outcome is `partial`. So does one that the
   gateway itself ends, since it stops.
3. An answer that must be known when it comes back is remembered before its end is told; one that is cut, all the same.
4. While a started stream waits, comments keep the client's read timeout from firing.
5. The answer to a masked payload, and no other, gets its values back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from douane.core.models.catalogue import Deployment
from douane.errors import DouaneError, InvalidRequest, Overloaded, RateLimited, UpstreamFailed, UpstreamTimeout
from douane.gateway.answer_headers import PARTLY_UNMASKED
from douane.gateway.dispatch import Sent
from douane.gateway.ending import Ending
from douane.gateway.exchange import Exchange
from douane.gateway.memory import Listener
from douane.ports import Clock
from douane.wire.call import Fault, Usage
from douane.wire.error_body import stream_error_event
from douane.wire.head import STOPPING, Headers, Sink
from douane.wire.kinds.kind import StreamRelay
from douane.wire.unmasking.answers import StreamUnmasker, unmask_answer

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_MAX_FAULT_BYTES: Final = 256 * 1024
_MAX_HELD_BYTES: Final = 64 * 1024
_KEEP_ALIVE: Final = b": keep-alive\n\n"


Rewrite = Callable[[bytes], bytes]
"""From whole events to the same ones with their values."""


class AttemptFailed(Exception):
    """An attempt ended without an answer for the client. `error` is what the caller is told if none follows.

    `again`: the same deployment may be tried again. `elsewhere`: another one may. `blame`: the deployment is at fault.
    """

    def __init__(self, error: DouaneError, *, again: bool, elsewhere: bool, blame: bool) -> None:
        super().__init__(error.code)
        self.error = error
        self.again = again
        self.elsewhere = elsewhere
        self.blame = blame


def is_stopping(cause: BaseException) -> bool:
    """Tell whether a request was cancelled since the server stops, not since its client left."""
    return isinstance(cause, asyncio.CancelledError) and STOPPING in cause.args


def _tells(text: str | None, deployment: Deployment) -> bool:
    """Tell whether an upstream's text repeats our credential with it."""
    return bool(text and deployment.api_key and deployment.api_key in text)


def _sentence(text: str) -> str:
    """Return an upstream's words so that a fix may follow them."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def failure_of(fault: Fault, deployment: Deployment) -> AttemptFailed:
    """Return the failure that an upstream's refusal amounts to. Its own text goes to the caller and nowhere else.

    A text that holds the gateway's credential goes nowhere.
    """
    message, param = (None if _tells(text, deployment) else text for text in (fault.message, fault.param))
    said = (
        f"Deployment `{deployment.name}` refused the request: {_sentence(message)}"
        if message
        else (f"Deployment `{deployment.name}` refused the request with status {fault.status}.")
    )
    error: DouaneError
    if fault.code == "invalid_request":
        error = InvalidRequest(said, "Change the request as the message says.", rule="upstream", param=param)
    elif fault.code == "rate_limited":
        error = RateLimited(
            said,
            "Try again later, or add a deployment to the route.",
            rule="upstream",
            retry_after_s=fault.retry_after_s or 1.0,
        )
    else:
        cls = UpstreamTimeout if fault.code == "upstream_timeout" else UpstreamFailed
        error = cls(said, "Try again; the ledger and the log tell which deployment fails.", stage="head")
    return AttemptFailed(
        error,
        again=fault.retryable and not fault.elsewhere_only,
        elsewhere=fault.retryable or fault.elsewhere_only,
        blame=fault.code != "invalid_request",
    )


async def relay_whole(
    exchange: Exchange, sent: Sent, ending: Ending, sink: Sink, headers: Headers, listener: Listener | None
) -> None:
    """Relay an answer in one piece; AttemptFailed where it is none. Nothing reached the client then."""
    answer = sent.answer
    if answer.status != 200:
        raise await _refused(sent, ending)
    body = await answer.body(_MAX_ANSWER_BYTES)
    reply = sent.kind.reader(sent.ask, ending.deployment).read(body)
    payload, usage = reply.payload, reply.usage
    if usage is not None:
        ending.usage, ending.token_source = usage, "upstream"
    if reply.fault is not None:
        ending.status = reply.fault.status
        raise failure_of(reply.fault, ending.deployment)
    if usage is None:
        # Every token of an answer takes a byte of it at least: what was reserved may be far more.
        ending.take_estimate(exchange.need.input_tokens, min(exchange.need.output_tokens, len(payload)))
    if sent.masked is not None and sent.ask.endpoint != "embeddings":
        payload, partial = unmask_answer(payload, sent.masked.unmasking)
        headers = (*headers, PARTLY_UNMASKED) if partial else headers
    if listener is not None:
        await listener.whole(payload)
    await sent.durable
    ending.answer_bytes = len(payload)
    ending.status = 200
    await sink.answer(200, headers, payload)
    exchange.answer = (headers, payload)
    ending.state = "complete"


async def _refused(sent: Sent, ending: Ending) -> AttemptFailed:
    answer = sent.answer
    ending.status = answer.status
    body = await answer.body(_MAX_FAULT_BYTES)
    return failure_of(sent.kind.fault(answer.status, answer.headers, body), ending.deployment)


async def relay_stream(
    exchange: Exchange,
    sent: Sent,
    ending: Ending,
    sink: Sink,
    headers: Headers,
    listener: Listener | None,
    clock: Clock,
    keep_alive_s: float,
) -> None:
    """Relay a stream; AttemptFailed where it broke before a byte of it reached the client."""
    if sent.answer.status != 200:
        raise await _refused(sent, ending)
    stream = sent.kind.relay(sent.ask, ending.deployment)
    unmask = StreamUnmasker(sent.masked.unmasking).feed if sent.masked is not None else None
    out = _StreamOut(sent, sink, headers, ending, keep_alive_s)
    try:
        await _pump(sent, stream, unmask, out, ending, listener, clock)
        ending.state, ending.status = "complete", 200
        await sink.end()
        sent.answer.let_go()
    except (AttemptFailed, UpstreamFailed) as failure:
        if not out.opened:
            raise
        error = failure.error if isinstance(failure, AttemptFailed) else failure
        ending.state, ending.error_code = "partial", error.code
        await out.break_off(error)
    except asyncio.CancelledError as gone:
        if out.opened and is_stopping(gone):
            await out.break_off(_stopped())
        raise
    finally:
        out.close()
        sent.answer.abort()
        if listener is not None and out.opened:
            listener.cut()
        _count(exchange, ending, stream.usage, stream.output_pieces, opened=out.opened)


async def _pump(
    sent: Sent,
    stream: StreamRelay,
    unmask: Rewrite | None,
    out: _StreamOut,
    ending: Ending,
    listener: Listener | None,
    clock: Clock,
) -> None:
    """Pass a stream on to its end; AttemptFailed where it has none, UpstreamFailed where the connection broke."""
    held = b""
    while not stream.ended:
        data = await sent.answer.chunk()
        piece = stream.feed(data) if data else b""
        is_last = not data or stream.ended
        if is_last:
            piece += stream.finish()
        if unmask is not None and piece:
            piece = unmask(piece)
        if stream.fault is not None:
            raise failure_of(stream.fault, ending.deployment)
        if is_last and not stream.complete:
            raise _truncated(ending)
        # What says nothing yet is held: another deployment could still answer. Not without bound.
        if piece and (stream.started or out.opened or len(held) + len(piece) > _MAX_HELD_BYTES):
            if ending.first_byte_us is None:
                ending.first_byte_us = int((clock.monotonic_s() - ending.started_s) * 1_000_000)
            told = held + piece if held else piece
            held = b""
            if listener is not None:
                listener.hear(told)
                if is_last:
                    await listener.end()
            await out.write(told)
        else:
            held += piece
        if not data:
            return


def _count(exchange: Exchange, ending: Ending, usage: Usage | None, pieces: int, *, opened: bool) -> None:
    """Take the upstream's usage; where it gave none and an answer was relayed, what we counted, marked as such."""
    if usage is not None:
        ending.usage, ending.token_source = usage, "upstream"
    elif opened:
        if ending.state != "complete":
            ending.state = "partial"
        ending.usage, ending.token_source = Usage(exchange.need.input_tokens, pieces), "counted"


def _stopped() -> Overloaded:
    return Overloaded(
        "The gateway is stopping and did not finish the answer.",
        "Send the request again; what arrived so far is not the whole answer.",
        rule="A truncated answer never looks complete.",
        retry_after_s=1.0,
    )


def _truncated(ending: Ending) -> AttemptFailed:
    error = UpstreamFailed(
        f"Deployment `{ending.deployment.name}` ended its answer before it was complete.",
        "Try again; what arrived so far is not the whole answer.",
        stage="body",
        rule="A truncated answer never looks complete.",
    )
    return AttemptFailed(error, again=True, elsewhere=True, blame=True)


class _StreamOut:
    """Writes to the client, opens the answer with the first write, and keeps it alive while nothing comes."""

    __slots__ = ("_ending", "_headers", "_loop", "_period_s", "_sent", "_sink", "_task", "_timer", "_wrote", "opened")

    def __init__(self, sent: Sent, sink: Sink, headers: Headers, ending: Ending, period_s: float) -> None:
        self._sent, self._sink, self._headers, self._ending = sent, sink, headers, ending
        self._period_s = period_s
        self._loop = asyncio.get_running_loop()
        self._wrote = False
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(period_s, self._tick)
        self.opened = False

    async def write(self, data: bytes) -> None:
        if not self.opened:
            await self._sent.durable
            if not self.opened:
                self.opened = True
                await self._sink.start(200, self._headers)
        self._wrote = True
        self._ending.answer_bytes += len(data)
        await self._sink.write(data)

    async def break_off(self, error: DouaneError) -> None:
        """End an answer that has begun and can't be finished: by an error, so that it never looks whole."""
        await self.write(stream_error_event(error))
        await self._sink.end()

    def close(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _tick(self) -> None:
        if not self._wrote and (self._task is None or self._task.done()):
            self._task = self._loop.create_task(self.write(_KEEP_ALIVE))
            self._task.add_done_callback(_consume)
        self._wrote = False
        self._timer = self._loop.call_later(self._period_s, self._tick)


def _consume(task: asyncio.Task[None]) -> None:
    """A client that left is noticed by the handler itself; a store that failed, by its next write."""
    if not task.cancelled():
        task.exception()

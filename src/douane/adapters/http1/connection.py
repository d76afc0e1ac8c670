"""One connection to an upstream: it carries one answer at a time.

Rules enforced:
1. What arrives unasked closes the connection; it goes back to the pool only after an answer that was framed, complete
   and not followed by anything.
2. Whatever the upstream can make larger has a bound: the head, the number of headers, interim answers, bytes that
   carry no content (chunk extensions, trailers), and what lies unread in the buffer (reading pauses).
3. An encoding that was not asked for, an upgrade, another protocol version: not an answer.
4. Deadlines are watched by one timer per connection that looks at stored times; no chunk arms or cancels anything.
5. An answer without length or chunks ends where the connection ends (RFC 9112, 6.3); whether it is complete is for the
   protocol above to decide. Any other end before the last byte is a fault.

httptools (llhttp, strict) refuses ambiguous framing: length beside chunks, two lengths, bare line feeds, odd sizes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import httptools

from douane.adapters.http1.answer import SLACK_S, Http1Answer
from douane.adapters.http1.faults import failed
from douane.core.zone import Address, Zone
from douane.errors import UpstreamFailed

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_INTERIM = 8

_WHERE = {"send": " before it had the request", "head": " before its answer", "body": " within its answer"}


class Connection(asyncio.Protocol):
    """A connection held to one zone and endpoint.

    `on_free` is asked after each answer whether the connection is kept; `on_lost` is told of its end.
    """

    __slots__ = ("_answer", "_complete", "_fields", "_framed", "_head_bytes", "_idle_s", "_idle_until", "_interim",
                 "_keep_alive", "_on_free", "_on_lost", "_parser", "_paused", "_progress", "_quiet_bytes", "_timer",
                 "_timer_at", "_transport", "_unasked", "_violation", "address", "answers", "heard", "loop", "lost",
                 "peer", "zone")  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle_s: float,
        on_free: Callable[[Connection], bool],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.loop = loop
        self.lost = False
        self.peer = ""
        self.address: Address | None = None
        self.zone: Zone | None = None
        self.answers = 0
        self.heard = False
        self._idle_s = idle_s
        self._idle_until = 0.0
        self._on_free = on_free
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._paused = False
        # what belongs to the present answer; `ask` starts it anew
        self._answer: Http1Answer | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._quiet_bytes = 0
        self._interim = 0
        self._framed = True
        self._progress = False
        self._complete = False
        self._keep_alive = False
        self._unasked = False
        self._violation: UpstreamFailed | None = None

    # --- for the pool and the client

    @property
    def usable(self) -> bool:
        """Tell whether an idle connection may carry another answer."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self.loop.time() < self._idle_until

    @property
    def stale(self) -> bool:
        """Tell whether an earlier answer came this way, but not one byte of the present one."""
        return self.answers > 0 and not self.heard

    def ask(self, message: tuple[bytes, bytes], answer: Http1Answer) -> None:
        """Send a request's head and payload in one write; `answer` is told what comes."""
        self._answer = answer
        self.heard = False
        self._fields = []
        self._head_bytes = self._quiet_bytes = self._interim = 0
        self._framed = True
        self._complete = False
        transport = self._transport
        if transport is None or transport.is_closing():
            self.fail(self._broken(answer, "closed the connection"))
            return
        self._arm(answer.look_again_s(self.loop.time(), self._idle_s, paused=False))
        transport.writelines(message)

    def fail(self, fault: UpstreamFailed) -> None:
        """End the present answer with a fault, and the connection with it."""
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None:
            answer.ended(fault)

    def close(self) -> None:
        """Close the connection at once; what waits to be sent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def resume(self) -> None:
        """Read on, where reading was paused."""
        if self._paused and self._transport is not None and self._answer is not None:
            self._paused = False
            self._answer.touch(self.loop.time())
            self._transport.resume_reading()

    def look_at(self, at_s: float) -> None:
        """Look at the deadlines no later than then."""
        self._arm(at_s)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._transport = None
        del self._parser  # ends the cycle between the two
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answer, self._answer = self._answer, None
        if answer is not None:
            ends_here = exc is None and answer.status != 0 and not self._framed
            answer.ended(None if ends_here else self._broken(answer, "closed the connection"))
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.close()
            return
        self.heard = True
        self._progress = False
        if not answer.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                fault = self._broken(answer, "sent what is not valid HTTP/1.1")
                fault.__cause__ = error
                self.fail(fault)
                return
            self._unasked = True
        if self._violation is not None:
            self.fail(self._violation)
        elif self._complete:
            self._finish(answer)
        elif not self._progress and self._is_too_quiet(len(data)):
            self.fail(self._broken(answer, "sent too many bytes that carry nothing"))
        elif answer.arrived(self.loop.time()) and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if self._complete:
            self._unasked = True

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._answer
        if answer is not None and not answer.status:  # else a trailer: nothing here needs one
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        answer = self._answer
        if self._complete or answer is None or self._violation is not None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._violation = self._broken(answer, "sent too many interim answers")
            return
        headers = _read_fields(self._fields)
        fact = self._why_no_answer(status, headers)
        if fact is not None:
            self._violation = self._broken(answer, fact)
            return
        length = headers.get("content-length")
        self._framed = length is not None or "transfer-encoding" in headers
        self._progress = True
        answer.took_head(status, headers, None if length is None else int(length))

    def on_body(self, body: bytes) -> None:
        answer = self._answer
        if answer is not None and not self._complete:
            self._progress = True
            answer.took(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None or self._complete:
            return
        if answer.status == 0:  # an interim answer
            self._fields = []
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    # --- within

    def _why_no_answer(self, status: int, headers: Mapping[str, str]) -> str | None:
        if self._is_head_too_large():
            return "sent a head that is too large"
        if not 200 <= status <= 599 or self._parser.get_http_version() not in ("1.1", "1.0"):
            return "answered with a status or a version that HTTP/1.1 does not know"
        if "content-encoding" in headers and headers["content-encoding"].lower() not in ("identity", ""):
            return "answered in a content encoding that was not asked for"
        if "transfer-encoding" in headers and headers["transfer-encoding"].lower() != "chunked":
            return "answered in a transfer encoding that was not asked for"
        return None

    def _is_head_too_large(self) -> bool:
        """Tell it of a whole head, which is weighed only where it may be too heavy."""
        if len(self._fields) > MAX_HEADERS:
            return True
        may_be = self._head_bytes > MAX_HEAD_BYTES
        return may_be and sum([len(name) + len(value) for name, value in self._fields]) > MAX_HEAD_BYTES

    def _is_too_quiet(self, size: int) -> bool:
        self._quiet_bytes += size
        return self._quiet_bytes > MAX_HEAD_BYTES

    def _finish(self, answer: Http1Answer) -> None:
        transport = self._transport
        self._answer = None
        self.answers += 1
        reusable = (
            self._keep_alive
            and not self._unasked
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
        )
        if self._paused and transport is not None:
            self._paused = False
            transport.resume_reading()
        answer.ended(None)
        self._idle_until = self.loop.time() + self._idle_s
        if not reusable or not self._on_free(self):
            self.close()

    def _broken(self, answer: Http1Answer, fact: str) -> UpstreamFailed:
        stage = self._stage(answer)
        return failed(answer.deployment, stage, fact + _WHERE[stage])

    def _stage(self, answer: Http1Answer) -> str:
        if answer.status:
            return "body"
        transport = self._transport
        return "send" if transport is not None and transport.get_write_buffer_size() > 0 else "head"

    # --- the timer: armed for the shortest wait that may matter, looks again, and moves on

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.loop.time()
        answer = self._answer
        if answer is None:
            if now + SLACK_S >= self._idle_until:
                self.close()
            else:
                self._arm(self._idle_until)
        elif now + SLACK_S >= answer.due_s(paused=self._paused):
            self.fail(answer.too_late(self._stage(answer), now))
        else:
            self._arm(answer.look_again_s(now, self._idle_s, paused=self._paused))


def _read_fields(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return header fields by lower-case name; the values of one that comes more than once stand in one line."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers

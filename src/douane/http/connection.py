"""An HTTP/1.1 connection from outside, held to deadlines and bounds before anything of a request is used.

Rules enforced:
1. Each part of a request has a deadline, and a body a least rate; an unread answer has one too.
2. Head, target, number of fields, body, chunk overhead, bodies together and connections are bounded.
3. One request at a time. Input that follows a request before its answer is dropped unread and the connection closes:
   nobody's second request is served where framing could be in doubt (RFC 9112 section 9.3.2 has clients retry).
4. Every refusal is Douane's JSON envelope with a length; where the input's state is unsure the connection closes after
   it, in a way that lets the client read it (its input is drained for a moment, RFC 9112 section 9.6).
5. When the client leaves, its handler is cancelled at once. A client that closes its sending side has left.

What a head may say is `douane.http.rules`; how an answer is written, `douane.http.turn`; what connections share,
`douane.http.edge`.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final, cast

import httptools

from douane.errors import DouaneError, HeadersTooLarge
from douane.http import refusals
from douane.http.channel import NEVER, Channel
from douane.http.edge import Edge
from douane.http.response import error_page, head_bytes
from douane.http.rules import body_too_large, check_headers, check_line, split_target
from douane.http.turn import Turn
from douane.wire.head import Head

_UNASKED_BODY_BYTES: Final = 64 * 1024
_CHUNK_OVERHEAD_BYTES: Final = 64 * 1024
_CHUNK_OVERHEAD_FACTOR: Final = 8
_REFUSED_CONNECTIONS: Final = 64


class Phase(Enum):
    """Where a connection's input stands."""

    HEAD = "head"
    BODY = "body"
    BUSY = "busy"
    """The request was read; its answer is awaited."""
    IDLE = "idle"
    DROP = "drop"
    """What still comes is dropped; the connection closes after the answer that is under way, if any."""


_HEAD, _BODY, _BUSY, _IDLE, _DROP = Phase.HEAD, Phase.BODY, Phase.BUSY, Phase.IDLE, Phase.DROP


class Connection(Channel):
    """One client's connection."""

    __slots__ = (
        "_body_started",
        "_bounds",
        "_dropped",
        "_fields",
        "_head_bytes",
        "_parser",
        "_peer",
        "_phase",
        "_target",
        "_turn",
        "_wire_bytes",
    )

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self._parser: Any = httptools.HttpRequestParser(self)
        self._phase = _HEAD
        self._turn: Turn | None = None
        self._peer = ""
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = self._wire_bytes = self._dropped = 0
        self._body_started = 0.0
        self._bounds = edge.settings

    # --- from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        edge, settings = self._edge, self._edge.settings
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        open_now = len(edge.connections)
        has_room = open_now < settings.max_connections or edge.make_room()
        edge.opened(self)
        self.deadline = edge.now + settings.head_s
        if open_now >= settings.max_connections + _REFUSED_CONNECTIONS:
            self._phase = _DROP
            self.transport.abort()
        elif not has_room:
            self._refuse(refusals.too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport's signature
        self._edge.closed(self)
        self._phase = _DROP
        self._parser = None
        self._leave()
        self.resume_writing()

    def eof_received(self) -> None:
        self._phase = _DROP
        self._leave()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._phase is not _DROP or self._turn is not None:
            self.stall_deadline = NEVER
        if self._phase is _IDLE:
            self._read_on()

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase is _BUSY or phase is _DROP:
            self._drop(len(data))
            return
        if phase is _IDLE:
            phase = self._phase = _HEAD
            self._head_bytes = 0
            self.deadline = self._edge.now + self._edge.settings.head_s
        if phase is _HEAD:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._drop(0)
        except httptools.HttpParserError:
            self._break()
        phase = self._phase
        if phase is _HEAD:
            try:
                self._check_head(whole=False)
            except HeadersTooLarge as error:
                self._refuse(error)
        elif phase is _BODY:
            self._check_overhead(len(data))

    # --- from the parser

    def on_message_begin(self) -> None:
        if self._phase is _DROP or self._turn is not None:
            self._drop(0)
            return
        self._target = b""
        self._fields = []

    def on_url(self, part: bytes) -> None:
        if self._phase is _HEAD:
            self._target += part
            if len(self._target) > self._edge.settings.max_target_bytes:
                self._refuse(refusals.head_too_large("target is", f"{self._edge.settings.max_target_bytes} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase is _HEAD:
            self._fields.append((name.lower(), value.rstrip(b" \t")))
        elif self._phase is _BODY:
            self._fail(refusals.bad_body("The request's body has trailer fields.", "Send all fields before the body."))

    def on_headers_complete(self) -> None:
        if self._phase is not _HEAD:
            return
        edge, parser, fields = self._edge, self._parser, self._fields
        settings = self._bounds = edge.settings  # a reload does not refuse what was let begin
        method: bytes = parser.get_method()
        version: str = parser.get_http_version()
        try:
            self._check_head(whole=True)
            check_line(method, version)
            path, query = split_target(self._target)
            framing = check_headers(
                fields,
                version=version,
                upgrade=parser.should_upgrade(),
                hosts=edge.hosts,
                max_body_bytes=settings.max_body_bytes,
            )
        except DouaneError as error:
            self._refuse(error, head_only=method == b"HEAD")
            return
        turn = Turn(
            self,
            path,
            head_only=method == b"HEAD",
            http_1_0=version == "1.0",
            keep_alive=version == "1.1" and not edge.draining and parser.should_keep_alive(),
            waits_for_continue=framing.waits,
        )
        self._begin(turn, Head(method.decode("ascii"), path, query, fields, self._peer))

    def on_body(self, data: bytes) -> None:
        turn = self._turn
        if self._phase is not _BODY or turn is None:
            return
        edge, settings = self._edge, self._bounds
        edge.waiting_bytes += len(data)
        turn.feed(data)
        if turn.received > settings.max_body_bytes:
            self._fail(body_too_large(settings.max_body_bytes))
        elif edge.waiting_bytes > settings.max_waiting_bytes:
            self._fail(refusals.too_many_bytes())
        elif turn.received > _UNASKED_BODY_BYTES and not turn.wanted:
            self._pause_reading()
            self.deadline = NEVER

    def on_message_complete(self) -> None:
        if self._phase is _BODY and self._turn is not None:
            self._phase = _BUSY
            self.deadline = NEVER
            self._read_on()
            self._turn.complete()

    # --- from the turn

    def want_body(self) -> None:
        if self._reading_paused:
            self._read_on()
            self._body_started = self._edge.now
            self.deadline = self._edge.now + self._bounds.body_s

    def answered(self, turn: Turn) -> None:
        self._turn = None
        if not turn.keep_alive:
            self._close_after_answer()
            return
        self._phase = _IDLE
        self.deadline = self._edge.now + self._edge.settings.idle_s
        if self.write_paused:
            self._pause_reading()

    def cut(self, turn: Turn) -> None:
        self._turn = None
        if turn.http_1_0 and turn.started:
            self._phase = _DROP
            self._reset()
        else:
            self._close_after_answer()

    # --- from the edge

    def expire(self) -> None:
        """Act on a deadline of the input."""
        self.deadline = NEVER
        if self._phase is _BODY and self._turn is not None:
            self._expire_body(self._turn)
        elif self._phase is _HEAD and self._head_bytes:
            seconds = self._edge.settings.head_s
            self._refuse(refusals.too_slow(f"The request's headers did not arrive within {seconds:g} seconds."))
        else:
            self._close()

    def retire(self) -> None:
        """Close if nothing is under way, else after the answer."""
        if self._turn is not None:
            self._turn.keep_alive = False
        elif self.is_idle():
            self._close()

    def is_idle(self) -> bool:
        """Tell whether the client has nothing under way that it could miss."""
        return self._phase is _IDLE or (self._phase is _HEAD and not self._head_bytes)

    # --- inside

    def _begin(self, turn: Turn, head: Head) -> None:
        edge = self._edge
        self._turn = turn
        self._phase = _BODY
        self._wire_bytes = 0
        self._body_started = edge.now
        self.deadline = edge.now + self._bounds.body_s
        task = turn.task = self.loop.create_task(edge.handler(head, turn, turn))
        edge.began(task)
        task.add_done_callback(lambda done: self._handled(turn, done))

    def _check_head(self, *, whole: bool) -> None:
        """Raise HeadersTooLarge for a head above its bounds.

        A whole one is weighed, where what was read with it could be too much; of another one all that was read counts.
        """
        fields, settings = self._fields, self._edge.settings
        if len(fields) > settings.max_headers:
            raise refusals.head_too_large("header fields are", f"{settings.max_headers} fields")
        if self._head_bytes > settings.max_head_bytes:
            weight = sum([len(name) + len(value) + 4 for name, value in fields]) if whole else self._head_bytes
            if weight > settings.max_head_bytes:
                raise refusals.head_too_large("headers are", f"{settings.max_head_bytes} bytes")

    def _handled(self, turn: Turn, task: asyncio.Task[Any]) -> None:
        edge = self._edge
        edge.ended(task)
        edge.waiting_bytes -= turn.received
        if turn.ended or turn.gone:
            return
        if turn.started:
            turn.cut()
        else:
            turn.ended = True
            self._refuse(refusals.stopping() if task.cancelled() else refusals.no_answer(), path=turn.path)

    def _expire_body(self, turn: Turn) -> None:
        settings, now = self._bounds, self._edge.now
        allowed_until = self._body_started + settings.body_s + turn.received / settings.body_min_bytes_per_s
        if now < allowed_until:
            self.deadline = allowed_until
        else:
            self._fail(refusals.too_slow("The request's body arrived too slowly."))

    def _check_overhead(self, wire_bytes: int) -> None:
        self._wire_bytes += wire_bytes
        turn = self._turn
        slack = _CHUNK_OVERHEAD_BYTES + self._edge.settings.max_head_bytes
        if turn is not None and self._wire_bytes - turn.received > slack + _CHUNK_OVERHEAD_FACTOR * turn.received:
            self._fail(
                refusals.bad_body("The request's chunks carry more framing than content.", "Send larger chunks.")
            )

    def _break(self) -> None:
        """Act on input that is not HTTP/1."""
        if self._phase is _BODY:
            self._fail(
                refusals.bad_body("The request's body is not framed as its headers say.", "Mend the chunks' sizes.")
            )
        elif self._phase is _HEAD:
            self._refuse(refusals.not_http())
        else:
            self._drop(0)

    def _fail(self, error: DouaneError) -> None:
        """End the body of the request under way by an error, which its handler answers."""
        self._phase = _DROP
        self.deadline = NEVER
        self._read_on()
        if self._turn is not None:
            self._turn.fail(error)

    def _refuse(self, error: DouaneError, *, path: str = "", head_only: bool = False) -> None:
        """Answer by an error in the handler's stead, and close."""
        if (self._phase is _DROP and self._turn is None) or self.transport.is_closing():
            return
        path = path or self._target.partition(b"?")[0].decode("latin-1")
        page = error_page(error, self._edge.request_id(), path)
        framing = b"content-length: %d\r\n" % len(page.body)
        head = head_bytes(page.status, page.headers, framing, close=True)
        self.transport.write(head if head_only else head + page.body)
        self._turn = None
        self._fields = []
        self._linger()

    def _drop(self, size: int) -> None:
        """Listen no more: what comes is dropped, up to a bound."""
        self._phase = _DROP
        if self._turn is not None:
            self._turn.keep_alive = False
        self._dropped += size
        if self._dropped > self._edge.settings.max_dropped_bytes:
            self.transport.abort()

    def _leave(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.leave()

    def _close_after_answer(self) -> None:
        if self._phase is _BUSY:
            self._close()
        else:
            self._linger()

    def _close(self) -> None:
        self._phase = _DROP
        self._close_both_sides()

    def _linger(self) -> None:
        self._phase = _DROP
        self._close_our_side()

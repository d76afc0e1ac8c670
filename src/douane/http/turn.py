"""One request and its answer on a connection: the gateway's `Body` and `Sink`, written straight to the transport.

Rules enforced:
1. An answer's head leaves with the first of its body, in one write; an answer in one piece is one write.
2. `write` returns once the client has read enough: the transport holds at most its high-water mark and one part.
3. A chunked body gets its last chunk from `end` alone: without it an HTTP/1.1 client sees a cut. Towards HTTP/1.0,
   where a body ends with its connection, a cut resets the connection.
4. A connection whose request was not read to its end is not used again.

When a connection is closed, and what happens to its input meanwhile, is left to `douane.http.connection`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from douane.errors import DouaneError
from douane.http.response import head_bytes
from douane.wire.head import ClientGone, Headers

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_BODILESS: Final = frozenset((204, 304))


class Line(Protocol):
    """What a turn needs of its connection."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    write_paused: bool

    def want_body(self) -> None:
        """Read on: someone waits for the body."""

    async def drained(self) -> None:
        """Wait until the client has read enough, or is gone."""

    def answered(self, turn: Turn) -> None:
        """Take note that the whole answer was written."""

    def cut(self, turn: Turn) -> None:
        """Close, so that the answer is seen to be cut."""


class Turn:
    """`keep_alive` may be taken back until the answer begins. `task` runs the handler."""

    __slots__ = (
        "_body",
        "_chunked",
        "_head_only",
        "_held",
        "_line",
        "_waits_for_continue",
        "_wake",
        "ended",
        "failure",
        "gone",
        "http_1_0",
        "keep_alive",
        "path",
        "received",
        "started",
        "task",
        "wanted",
        "whole",
    )

    def __init__(
        self, line: Line, path: str, *, head_only: bool, http_1_0: bool, keep_alive: bool, waits_for_continue: bool
    ) -> None:
        self._line = line
        self.path = path
        self._head_only = head_only
        self.http_1_0 = http_1_0
        self.keep_alive = keep_alive
        self._waits_for_continue = waits_for_continue
        self._body: bytes | bytearray = b""
        self._wake: asyncio.Future[None] | None = None
        self._held = b""
        self._chunked = False
        self.received = 0
        self.whole = self.wanted = self.started = self.ended = self.gone = False
        self.failure: DouaneError | None = None
        self.task: asyncio.Task[Any] | None = None

    # --- what the connection tells

    def feed(self, data: bytes) -> None:
        """Take a part of the body."""
        self.received += len(data)
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data

    def complete(self) -> None:
        """Take note that the body is whole."""
        self.whole = True
        self._notify()

    def fail(self, error: DouaneError) -> None:
        """End the body by an error. What was received is let go."""
        self.failure = error
        self.keep_alive = False
        self._body = b""
        self._notify()

    def leave(self) -> None:
        """Take note that the client is gone before its answer was written: the handler is cancelled."""
        self.gone = True
        self._body = b""
        self._notify()
        if self.task is not None:
            self.task.cancel()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # --- Body

    async def read(self) -> bytes:
        """Return the whole body. Raises TooLarge, RequestTimeout, InvalidRequest, Overloaded, ClientGone."""
        if not (self.whole or self.gone or self.failure):
            self._ask()
            self._wake = self._line.loop.create_future()
            await self._wake
        if self.failure is not None:
            raise self.failure
        if self.gone:
            raise ClientGone
        if not isinstance(self._body, bytes):
            self._body = bytes(self._body)
        return self._body

    def _ask(self) -> None:
        self.wanted = True
        if self._waits_for_continue and not self.received and not self.started:
            self._waits_for_continue = False
            self._line.transport.write(_CONTINUE)
        self._line.want_body()

    # --- Sink

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer. Raises ClientGone."""
        framing = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        head = self._begin(status, headers, framing)
        self._line.transport.write(head if self._head_only or status in _BODILESS else head + body)
        self._finish()

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer of unknown length. Raises ClientGone."""
        self._chunked = not self.http_1_0
        if self.http_1_0:
            self.keep_alive = False
        self._held = self._begin(status, headers, b"transfer-encoding: chunked\r\n" if self._chunked else b"")

    async def write(self, data: bytes) -> None:
        """Send a part, and wait while the client does not read. Raises ClientGone."""
        if self.gone:
            raise ClientGone
        if not self.started or self.ended:
            raise RuntimeError("a part of an answer outside its start and end")
        if not data:
            return
        part = b"" if self._head_only else b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
        if self._held:
            part = self._held + part
            self._held = b""
        self._line.transport.write(part)
        if self._line.write_paused:
            await self._line.drained()
            if self.gone:
                raise ClientGone

    async def end(self) -> None:
        """End the body cleanly. Raises ClientGone."""
        if self.gone:
            raise ClientGone
        if not self.started or self.ended:
            raise RuntimeError("the end of an answer outside its start and end")
        last = _LAST_CHUNK if self._chunked and not self._head_only else b""
        if self._held or last:
            self._line.transport.write(self._held + last)
            self._held = b""
        self._finish()

    def cut(self) -> None:
        """Close the connection without a clean end. Harmless after `end`."""
        if not self.ended:
            self.ended = True
            self._line.cut(self)

    def _begin(self, status: int, headers: Headers, framing: bytes) -> bytes:
        if self.gone:
            raise ClientGone
        if self.started:
            raise RuntimeError("a second answer to one request")
        if not self.whole:
            self.keep_alive = False
        head = head_bytes(status, headers, framing, close=not self.keep_alive)
        self.started = True
        return head

    def _finish(self) -> None:
        self.ended = True
        self._line.answered(self)

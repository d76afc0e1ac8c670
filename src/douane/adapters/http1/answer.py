"""An answer of an upstream as its reader sees it: what has arrived, its end, or its fault.

Rules enforced:
1. An answer holds only bytes of its own: once ended it has let go of its connection, which may carry another one.
2. What arrived before a fault is read before the fault is raised; a fault is raised, never turned into an end.
3. Cancelling a reader closes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from douane.adapters.http1.faults import failed, late
from douane.errors import UpstreamFailed

MAX_BUFFERED_BYTES = 256 * 1024
_PIECE_OVERHEAD_BYTES = 64
SLACK_S = 0.001
LINGER_S = 0.05
"""How long an answer that nobody wants any more may take to end, so that its connection serves again."""


class Line(Protocol):
    """What an answer needs of the connection that carries it."""

    loop: asyncio.AbstractEventLoop

    def resume(self) -> None:
        """Read on, where reading was paused."""

    def look_at(self, at_s: float) -> None:
        """Look at the deadlines no later than then."""

    def fail(self, fault: UpstreamFailed) -> None:
        """End the answer with a fault, and the connection with it."""


class Http1Answer:
    """The port `Answer`; `deployment` is the name that its faults speak of."""

    __slots__ = ("_between_s", "_declared_bytes", "_ended", "_fault", "_first_byte_by", "_last_s", "_let_go", "_line",
                 "_parts", "_total_by", "_waiter", "_weight", "deployment", "headers", "peer", "status")  # fmt: skip

    def __init__(
        self, line: Line, peer: str, deployment: str, *, first_byte_by: float, total_by: float, between_s: float
    ) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.peer = peer
        self.deployment = deployment
        self._declared_bytes: int | None = None
        self._line: Line | None = line
        self._parts: list[bytes] = []
        self._weight = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._let_go = False
        self._fault: UpstreamFailed | None = None
        self._first_byte_by = first_byte_by
        self._total_by = total_by
        self._between_s = between_s
        self._last_s = 0.0

    # --- for its reader

    async def head(self) -> None:
        """Wait until status and headers are there."""
        while not self.status:
            if self._fault is not None:
                raise self._fault
            await self._wait()

    async def chunk(self) -> bytes:
        """Return what has arrived, or wait for it; see the port."""
        while not self._parts:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return b""
            await self._wait()
        return self._take()

    async def body(self, limit: int) -> bytes:
        """Return the whole body, of at most `limit` bytes; see the port."""
        if self._declared_bytes is not None and self._declared_bytes > limit:
            raise self._too_long(limit)
        parts: list[bytes] = []
        size = 0
        while not (self._ended and not self._parts):
            if self._parts:
                part = self._take()
                size += len(part)
                if size > limit:
                    raise self._too_long(limit)
                parts.append(part)
            elif self._fault is not None:
                raise self._fault
            else:
                await self._wait()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self) -> None:
        """Close the connection at once; see the port."""
        if self._line is not None and not self._let_go:
            self._parts = []
            self._line.fail(failed(self.deployment, "body", "was cut off by this gateway", "Ask again."))

    def let_go(self) -> None:
        """Want nothing more; see the port."""
        line = self._line
        if line is not None and not self._let_go:
            self._let_go = True
            self._parts = []
            self._weight = 0
            self._total_by = min(self._total_by, line.loop.time() + LINGER_S)
            line.resume()
            line.look_at(self._total_by)

    def _too_long(self, limit: int) -> UpstreamFailed:
        self.abort()
        return failed(self.deployment, "body", f"answered with more than {limit} bytes", "Ask for a shorter answer.")

    def _take(self) -> bytes:
        parts = self._parts
        self._parts = []
        self._weight = 0
        if self._line is not None:
            self._line.resume()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _wait(self) -> None:
        if self._line is None or self._waiter is not None:
            raise RuntimeError("an answer is read by one task at a time")
        self._waiter = self._line.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None

    # --- for its connection

    def took_head(self, status: int, headers: Mapping[str, str], declared_bytes: int | None) -> None:
        """Note the head."""
        self.status, self.headers, self._declared_bytes = status, headers, declared_bytes

    def took(self, piece: bytes) -> None:
        """Note a piece of the body. Each piece weighs more than its bytes: many tiny ones are bounded as well."""
        if self._let_go:
            return
        self._parts.append(piece)
        self._weight += len(piece) + _PIECE_OVERHEAD_BYTES

    def arrived(self, now_s: float) -> bool:
        """Note when bytes arrived, wake the reader; tell whether too much lies unread."""
        self._last_s = now_s
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return self._weight > MAX_BUFFERED_BYTES

    def touch(self, now_s: float) -> None:
        """Count silence from now."""
        self._last_s = now_s

    def ended(self, fault: UpstreamFailed | None) -> None:
        """Note the end: clean, or with a fault."""
        self._line = None
        self._ended = fault is None
        self._fault = fault
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def due_s(self, *, paused: bool) -> float:
        """Return when it is late, should nothing more arrive. While reading is paused, silence is not its fault."""
        if not self.status:
            return min(self._first_byte_by, self._total_by)
        return self._total_by if paused else min(self._last_s + self._between_s, self._total_by)

    def look_again_s(self, now_s: float, idle_s: float, *, paused: bool) -> float:
        """Return when to look at the deadlines next: no need that arises meanwhile comes before it."""
        return min(self.due_s(paused=paused), now_s + min(self._between_s, idle_s))

    def too_late(self, stage: str, now_s: float) -> UpstreamFailed:
        """Build the fault for a deadline that passed."""
        return late(self.deployment, stage, whole=now_s + SLACK_S >= self._total_by)

"""The byte side of a connection: pausing, draining, closing, and a client that does not read.

Rules enforced:
1. Whoever writes more than the client reads waits; a client that reads too little of it in `write_stall_s` is cut.
2. Input that nobody wants yet stays in the kernel.
3. Our side can be closed alone, so that the client can read the last answer before its own side is.

What comes in, and when to close, is left to `douane.http.connection`.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from typing import Final

from douane.http.edge import Edge

NEVER: Final = math.inf
_LEAST_READ_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


class Channel(asyncio.Protocol):
    """`deadline` bounds the input, `stall_deadline` the client's reading; both are times of the loop, or infinite."""

    __slots__ = (
        "_drain_waiters",
        "_edge",
        "_reading_paused",
        "_unsent",
        "deadline",
        "loop",
        "stall_deadline",
        "transport",
        "write_paused",
    )

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self.loop = edge.loop
        self.transport: asyncio.Transport
        self.write_paused = False
        self.deadline = self.stall_deadline = NEVER
        self._reading_paused = False
        self._unsent = 0
        self._drain_waiters: list[asyncio.Future[None]] = []

    def pause_writing(self) -> None:
        self.write_paused = True
        self._expect_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        for waiter in self._drain_waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._drain_waiters.clear()

    async def drained(self) -> None:
        """Wait until the client has read enough, or is gone."""
        while self.write_paused:
            waiter = self.loop.create_future()
            self._drain_waiters.append(waiter)
            await waiter

    def expire_stall(self) -> None:
        """Act on a client that does not read: cut it, unless it read a fair part since its deadline was set."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._unsent - unsent >= _LEAST_READ_BYTES:
            self._expect_reading()
        else:
            self.transport.abort()

    def _expect_reading(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self.stall_deadline = self._edge.now + self._edge.settings.write_stall_s

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    def _close_both_sides(self) -> None:
        self.deadline = NEVER
        self._expect_reading()
        self.transport.close()

    def _close_our_side(self) -> None:
        """Say that nothing follows, and read on for a moment: a reset would take our answer from the client."""
        self.deadline = self._edge.now + self._edge.settings.linger_s
        self._expect_reading()
        if not self.transport.is_closing():
            self._read_on()
            self.transport.write_eof()

    def _reset(self) -> None:
        """Close so that the client sees a failure, not an end."""
        transport_socket: socket.socket | None = self.transport.get_extra_info("socket")
        if transport_socket is not None:
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

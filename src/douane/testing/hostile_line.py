"""The wire of the hostile server: one connection, what is known of it, and what a behaviour works with."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

_MAX_REQUEST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; header names in lower case. `connection` counts connections from 0."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    raw_head: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(slots=True)
class ConnectionLog:
    """What is known of a connection: bytes read and written, and whether the other side, or this one, has closed."""

    number: int
    bytes_read: int = 0
    bytes_written: int = 0
    requests: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    reset_by_us: bool = False
    blocked: bool = False


class Exchange:
    """What a behaviour works with: the request, and the wire."""

    def __init__(self, request: Request, line: Line) -> None:
        self.request = request
        self._line = line

    async def write(self, data: bytes) -> None:
        """Write, and wait while the other side does not read. Raises ConnectionError once it is gone."""
        await self._line.write(data)

    async def until_closed(self) -> None:
        """Wait until the other side closes."""
        await self._line.log.closed.wait()

    def close(self) -> None:
        """Close after what was written."""
        self._line.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._line.reset()


Behaviour = Callable[[Exchange], Awaitable[None]]


class Host(Protocol):
    """What a connection tells its server."""

    def begun(self, line: Line) -> ConnectionLog:
        """Note a new connection."""

    def ended(self, line: Line) -> None:
        """Note a lost one."""

    def news(self) -> None:
        """Note that something happened."""

    def behaviour(self, request: Request) -> Behaviour:
        """Keep a request, and say how to answer it."""


class Line(asyncio.Protocol):
    """One connection: reads requests, plays behaviours one after the other."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._unread = bytearray()
        self._arrived = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self.log = ConnectionLog(-1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.log = self._server.begun(self)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self.log.bytes_read += len(data)
        self._unread += data
        self._arrived.set()
        self._server.news()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.log.closed.set()
        self._may_write.set()
        if self._task is not None:
            self._task.cancel()
        self._server.ended(self)

    def pause_writing(self) -> None:
        self._may_write.clear()
        self.log.blocked = True
        self._server.news()

    def resume_writing(self) -> None:
        self.log.blocked = False
        self._may_write.set()

    async def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the other side is gone")
        transport.write(data)
        self.log.bytes_written += len(data)
        await self._may_write.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        if self._transport is None:
            return
        self.log.reset_by_us = True
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _serve(self) -> None:
        while True:
            request = await self._request()
            self.log.requests += 1
            try:
                await self._server.behaviour(request)(Exchange(request, self))
            except ConnectionError:
                return

    async def _request(self) -> Request:
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            await self._more()
        raw_head = bytes(self._unread[: end + 4])
        first, *lines = raw_head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        size = min(int(headers.get("content-length", "0")), _MAX_REQUEST_BYTES)
        while len(self._unread) < end + 4 + size:
            await self._more()
        body = bytes(self._unread[end + 4 : end + 4 + size])
        del self._unread[: end + 4 + size]
        return Request(method, target, headers, body, self.log.number, raw_head)

    async def _more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

"""A real HTTP/1.1 server on loopback whose every answer is told: honest, broken, late, lying or endless.

It serves tests of whatever calls an upstream. It keeps what each connection sent, and when the other side closed.

    async with HostileServer() as server:
        server.behave("/v1/chat/completions", ok_sse(b'{"choices":[]}', b"[DONE]"))
        ...
        assert server.received[0].body == payload

A behaviour is a coroutine function over an `Exchange`; those below are named after what they do. Behaviours that wait
do so on events of the other side, never on a clock.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

from douane.core.models.catalogue import Endpoint

_MAX_REQUEST_BYTES = 256 * 1024 * 1024
_JSON = {"content-type": "application/json"}


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

    def __init__(self, request: Request, line: _Line) -> None:
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


# --- honest behaviours


def head(status: int, headers: Mapping[str, str], reason: str = "X") -> bytes:
    """Return an answer's head."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def chunked(data: bytes) -> bytes:
    """Return one chunk of a chunked body; of nothing, its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answers(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer with a length."""
    named = {**_JSON, **(headers or {}), "content-length": str(len(body))}

    async def behave(exchange: Exchange) -> None:
        await exchange.write(head(status, named) + body)

    return behave


def ok_json(body: bytes) -> Behaviour:
    """Answer 200 with JSON."""
    return answers(body)


def streams(*pieces: bytes, end: bool = True, content_type: str = "text/event-stream", status: int = 200) -> Behaviour:
    """Answer in chunks, one write each. Without `end` the last chunk never comes and the connection closes."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(head(status, {"content-type": content_type, "transfer-encoding": "chunked"}))
        for piece in pieces:
            await exchange.write(chunked(piece))
        if end:
            await exchange.write(chunked(b""))
        else:
            exchange.close()

    return behave


def ok_sse(*events: bytes) -> Behaviour:
    """Stream each of `events` as the data of a server-sent event."""
    return streams(*(b"data: " + event + b"\n\n" for event in events))


def cut_stream(*events: bytes) -> Behaviour:
    """Stream events, then close without the last chunk."""
    return streams(*(b"data: " + event + b"\n\n" for event in events), end=False)


def redirects(location: str) -> Behaviour:
    """Answer 302."""
    return answers(b"", status=302, headers={"location": location})


def html(body: bytes = b"<html>Bad gateway</html>", *, status: int = 502) -> Behaviour:
    """Answer as a broken proxy does."""
    return answers(body, status=status, headers={"content-type": "text/html"})


def error_with_200(body: bytes = b'{"error":{"message":"no"}}') -> Behaviour:
    """Answer 200 with an error in the body."""
    return answers(body)


def until_close(body: bytes) -> Behaviour:
    """Answer with neither length nor chunks: the end of the connection is the end of the body."""
    return raw(head(200, _JSON) + body, close=True)


def interim(count: int, then: Behaviour) -> Behaviour:
    """Send interim answers (100 Continue) before the real one."""

    async def behave(exchange: Exchange) -> None:
        for _ in range(count):
            await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await then(exchange)

    return behave


def byte_by_byte(answer: bytes) -> Behaviour:
    """Write these bytes one at a time."""

    async def behave(exchange: Exchange) -> None:
        for at in range(len(answer)):
            await exchange.write(answer[at : at + 1])
            await asyncio.sleep(0)

    return behave


# --- dishonest ones


def raw(answer: bytes, *, close: bool = False) -> Behaviour:
    """Write exactly these bytes, then wait for the other side to close; with `close`, close."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(answer)
        if close:
            exchange.close()
        else:
            await exchange.until_closed()

    return behave


def closes() -> Behaviour:
    """Close without an answer."""
    return raw(b"", close=True)


def resets(after: bytes = b"", *, once: asyncio.Event | None = None) -> Behaviour:
    """Write these bytes, then reset the connection, `once` the event is set: a reset may overtake what was written."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(after)
        if once is not None:
            await once.wait()
        exchange.reset()

    return behave


def stalls(after: bytes = b"") -> Behaviour:
    """Write these bytes, then nothing, until the other side closes."""
    return raw(after)


def waits(event: asyncio.Event, then: Behaviour) -> Behaviour:
    """Behave once the event is set."""

    async def behave(exchange: Exchange) -> None:
        await event.wait()
        await then(exchange)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave otherwise each time; the last one stays."""
    left = list(behaviours)

    async def behave(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return behave


def lies_about_length(body: bytes, declared: int) -> Behaviour:
    """Declare a length that is not the body's, and close."""
    return raw(head(200, {**_JSON, "content-length": str(declared)}) + body, close=True)


def gzipped(body: bytes = b"\x1f\x8b") -> Behaviour:
    """Answer in an encoding that nobody asked for."""
    return answers(body, headers={"content-encoding": "gzip"})


def large_head(size: int) -> Behaviour:
    """Send a head of about `size` bytes."""
    return answers(b"{}", headers={f"x-{n}": "v" * 1000 for n in range(size // 1000 + 1)})


def many_headers(count: int) -> Behaviour:
    """Send `count` headers."""
    return answers(b"{}", headers={f"x-{n}": "v" for n in range(count)})


def floods(total: int, *, piece: int = 64 * 1024, framed: bool = True) -> Behaviour:
    """Send `total` bytes as fast as they are taken; `framed` declares the length, otherwise in chunks without end."""

    async def behave(exchange: Exchange) -> None:
        framing = {"content-length": str(total)} if framed else {"transfer-encoding": "chunked"}
        await exchange.write(head(200, {**_JSON, **framing}))
        block = b"x" * piece
        for _ in range(total // piece):
            await exchange.write(block if framed else chunked(block))

    return behave


# --- the server


class HostileServer:
    """The server. `received` holds every request, `connections` every connection, in order."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.received: list[Request] = []
        self.connections: list[ConnectionLog] = []
        self._tls = tls
        self._behaviours: dict[str, Behaviour] = {}
        self._default: Behaviour = answers(b'{"error":{"message":"nothing is told here"}}', status=404)
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._refuses = False
        self._news = asyncio.Event()

    def behave(self, path: str, behaviour: Behaviour) -> None:
        """Answer requests for `path` in this way from now on."""
        self._behaviours[path] = behaviour

    def choose(self, path: str, by: Callable[[Request], Behaviour]) -> None:
        """Answer requests for `path` in the way that `by` chooses from the request."""

        async def behave(exchange: Exchange) -> None:
            await by(exchange.request)(exchange)

        self._behaviours[path] = behave

    def otherwise(self, behaviour: Behaviour) -> None:
        """Answer requests for any other path in this way."""
        self._default = behaviour

    def reset_on_accept(self, yes: bool = True) -> None:
        """Reset each connection as soon as it is made."""
        self._refuses = yes

    @property
    def url(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{name}:{self.port}"

    def endpoint(self, path: str = "/v1", host: str | None = None) -> Endpoint:
        """Return the endpoint of this server, under another name of its host where one is given."""
        return Endpoint("https" if self._tls else "http", host or self.host, self.port, path)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something that happens at this server has made `true` true."""
        while not true():
            self._news.clear()
            await self._news.wait()

    def drop_all(self) -> None:
        """Close every connection, as a server that restarts."""
        for line in tuple(self._lines):
            line.close()

    async def __aenter__(self) -> HostileServer:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), self.host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for line in tuple(self._lines):
            line.abort()
        await self.until(lambda: not self._lines)

    # --- told by its connections

    def begun(self, line: _Line) -> ConnectionLog:
        log = ConnectionLog(len(self.connections))
        self.connections.append(log)
        self._lines.add(line)
        if self._refuses:
            line.reset()
        self._news.set()
        return log

    def ended(self, line: _Line) -> None:
        self._lines.discard(line)
        self._news.set()

    def news(self) -> None:
        self._news.set()

    def behaviour(self, request: Request) -> Behaviour:
        self.received.append(request)
        self._news.set()
        return self._behaviours.get(request.path, self._default)


class _Line(asyncio.Protocol):
    """One connection: reads requests, plays behaviours one after the other."""

    def __init__(self, server: HostileServer) -> None:
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

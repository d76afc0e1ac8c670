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
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType

from douane.core.models.catalogue import Endpoint
from douane.testing.hostile_line import Behaviour, ConnectionLog, Exchange, Line, Request

_JSON = {"content-type": "application/json"}


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
        self._lines: set[Line] = set()
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
        self._server = await loop.create_server(lambda: Line(self), self.host, 0, ssl=self._tls)
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

    def begun(self, line: Line) -> ConnectionLog:
        log = ConnectionLog(len(self.connections))
        self.connections.append(log)
        self._lines.add(line)
        if self._refuses:
            line.reset()
        self._news.set()
        return log

    def ended(self, line: Line) -> None:
        self._lines.discard(line)
        self._news.set()

    def news(self) -> None:
        self._news.set()

    def behaviour(self, request: Request) -> Behaviour:
        self.received.append(request)
        self._news.set()
        return self._behaviours.get(request.path, self._default)

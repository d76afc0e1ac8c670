"""A server on loopback with a scripted handler, a client that speaks bytes, and a transport that needs no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httptools
import uvloop

from douane.http.app import Application
from douane.http.server import Server
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, Head, Sink

PATIENCE_S = 20.0
"""How long a test waits for what must happen. Nothing asserts how long it took."""

HOSTS = ("a.test", "::1", "127.0.0.1")
GET = b"GET /v1/echo HTTP/1.1\r\nHost: a.test\r\n\r\n"
SECOND = b"GET /v1/second HTTP/1.1\r\nHost: a.test\r\n\r\n"


def post(body: bytes, *fields: bytes, path: bytes = b"/v1/echo") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: a.test", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def error(self) -> dict[str, Any]:
        """The error inside; fails where the answer is not Douane's envelope with all that belongs to it."""
        assert self.whole
        assert self.headers["content-type"] == "application/json"
        assert self.headers["cache-control"] == "no-store"
        assert int(self.headers["content-length"]) == len(self.body)
        assert self.headers["x-request-id"]
        assert "server" not in self.headers
        error = json.loads(self.body)["error"]
        assert {"message", "type", "param", "code", "douane"} <= set(error)
        assert set(error["douane"]) >= {"code", "rule", "fact", "fix"}
        assert error["douane"]["code"] == error["code"]
        assert error["douane"]["fix"]
        return error


def answers(raw: bytes) -> list[Answer]:
    """Read every answer in what a server sent, interim ones left out. Fails where it is not HTTP."""
    reader = _Reader()
    parser = httptools.HttpResponseParser(reader)
    reader.parser = parser
    parser.feed_data(raw)
    return reader.done()


class _Reader:
    parser: Any

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._open: list[Any] | None = None

    def on_message_begin(self) -> None:
        self._open = [0, {}, b""]

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._open is not None
        self._open[1][name.decode()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._open is not None
        self._open[0] = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        assert self._open is not None
        self._open[2] += data

    def on_message_complete(self) -> None:
        assert self._open is not None
        if self._open[0] >= 200:
            self._answers.append(Answer(*self._open, True))
        self._open = None

    def done(self) -> list[Answer]:
        if self._open is not None:
            self._answers.append(Answer(*self._open, False))
        return self._answers


class Echo:
    """A gateway that says what it was asked. `heads` are all it saw, `bodies` what it could read."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        self.heads.append(head)
        data = await body.read()
        self.bodies.append(data)
        said = {"method": head.method, "path": head.path, "body": data.decode("latin-1")}
        await sink.answer(200, ((b"content-type", b"application/json"),), json.dumps(said).encode())


class Script:
    """A gateway that runs a function."""

    def __init__(self, handle: Callable[[Head, Body, Sink], Coroutine[Any, Any, None]]) -> None:
        self.handle = handle


class Held:
    """A handler that never ends by itself: it waits before its answer, or within a stream, until it is cancelled."""

    def __init__(self, *, streaming: bool) -> None:
        self._streaming = streaming
        self.running, self.cancelled = asyncio.Event(), asyncio.Event()

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        await body.read()
        if self._streaming:
            await sink.start(200, ())
            await sink.write(b"data: x\n\n")
        self.running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class Client:
    """Opens connections to a server. A scenario's connections are all closed at its end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self, data: bytes = b"", *, limit: int = 2**16) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=limit)
        self._writers.append(writer)
        wire = Wire(reader, writer)
        if data:
            writer.write(data)
        return wire

    async def exchange(self, data: bytes) -> list[Answer]:
        """Send, read until the server closes, and return the answers."""
        return answers(await (await self.open(data)).rest())

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Wire:
    """One connection, as a client sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """Read until the server closes; a reset ends what was read before it."""
        data = bytearray()
        try:
            while part := await soon(self.reader.read(65536)):
                data += part
        except ConnectionResetError:
            data += b""
        return bytes(data)

    async def answer(self) -> Answer:
        """Read one answer that has a Content-Length, or none."""
        head = await soon(self.reader.readuntil(b"\r\n\r\n"))
        while head.startswith(b"HTTP/1.1 1"):
            head = await soon(self.reader.readuntil(b"\r\n\r\n"))
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        [answer] = answers(head + await soon(self.reader.readexactly(length)))
        return answer

    async def hang_up(self) -> None:
        self.writer.close()
        try:
            await soon(self.writer.wait_closed())
        except ConnectionError:
            return


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something holds that has no event of its own."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def sweeps(server: Server, count: int) -> None:
    """Let the edge look at its deadlines some times. Without a connection it does not, and nothing is waited for."""
    for _ in range(count):
        now = server.edge.now
        await until(lambda now=now: server.edge.now != now or server.edge.quiet.is_set())


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, PATIENCE_S)


@asynccontextmanager
async def serving(handler: Any = None, *, app: Application | None = None, **bounds: Any):
    """Run a server and yield a client, the handler and the server."""
    handler = handler or Echo()
    bounds = {"hosts": HOSTS, "sweep_s": 0.01, "linger_s": 0.5, "drain_s": 0.05, **bounds}
    settings = EdgeSettings(port=0, **bounds)
    lines: list[str] = []
    server = Server(app or Application(handler, probes={}, report=lines.append), settings)
    [(_, port)] = await server.start()
    client = Client(port)
    try:
        yield client, handler, server
    finally:
        client.close()
        await soon(server.stop())
        assert server.edge.waiting_bytes == 0
        assert not server.edge.tasks
        assert not lines, lines


def run(scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a scenario on the loop that the product uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario())


class FakeTransport(asyncio.Transport):
    """A transport without a socket: what the edge writes is kept."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4711)})
        self.written = bytearray()
        self.writes = self.unsent = 0
        self.closed = self.aborted = self.eof_sent = self.reading_paused = False

    def write(self, data: Any) -> None:
        assert not self.eof_sent, "written after the end"
        if not self.is_closing():
            self.written += data
            self.writes += 1

    def write_eof(self) -> None:
        self.eof_sent = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

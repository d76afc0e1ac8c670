"""The reference: what a gateway in Python costs that enforces next to nothing.

An ASGI callable for uvicorn with a pooled client of its own: it looks up the key, parses the body, passes the client's
bytes on, reads the usage of the answer, and leaves the upstream when the client leaves. What Douane costs above this is
what its laws cost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

import httptools
import orjson

PORT = int(os.environ["BARE_UPSTREAM_PORT"])
KEYS = {hashlib.sha256(b"sk-bench").hexdigest(): "bench"}
USAGE = [0, 0]
IDLE: list[Exchange] = []
PAUSE_BYTES = 262144
JSON_HEADERS = [(b"content-type", b"application/json")]
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]


class Exchange(asyncio.Protocol):
    """A connection to the upstream, used for one exchange after another."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.parser, self.lost = transport, httptools.HttpResponseParser(self), False
        self.reset()

    def reset(self) -> None:
        self.parts: list[bytes] = []
        self.size, self.done, self.paused = 0, False, False
        self.waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self.size > PAUSE_BYTES and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self.wake()

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)
        self.size += len(body)

    def on_message_complete(self) -> None:
        self.done = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.wake()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def chunks(self, loop: asyncio.AbstractEventLoop) -> AsyncIterator[bytes]:
        while True:
            if self.parts:
                data, self.parts, self.size = b"".join(self.parts), [], 0
                if self.paused:
                    self.paused = False
                    self.transport.resume_reading()
                yield data
            if self.done:
                return
            if self.lost:
                raise ConnectionError("the upstream closed its connection")
            if not self.parts:
                self.waiter = loop.create_future()
                await self.waiter


async def send_upstream(loop: asyncio.AbstractEventLoop, path: str, body: bytes) -> Exchange:
    exchange = IDLE.pop() if IDLE else None
    if exchange is None or exchange.lost:
        _, exchange = await loop.create_connection(Exchange, "127.0.0.1", PORT)
    exchange.reset()
    head = f"POST {path} HTTP/1.1\r\nhost: up\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    exchange.transport.write(head.encode() + body)
    return exchange


async def leave_with_client(receive: Any, task: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()


def count(data: bytes) -> None:
    at = data.rfind(b'"usage":{')
    if at >= 0:
        usage = orjson.loads(data[at + 8 : data.index(b"}", at) + 1])
        USAGE[0] += usage["prompt_tokens"]
        USAGE[1] += usage.get("completion_tokens", 0)


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    secret = next((value for name, value in scope["headers"] if name == b"authorization"), b"")[7:]
    request = orjson.loads(body)
    if hashlib.sha256(secret).hexdigest() not in KEYS or "model" not in request:
        await send({"type": "http.response.start", "status": 401, "headers": JSON_HEADERS})
        await send({"type": "http.response.body", "body": b"{}"})
        return
    watcher = loop.create_task(leave_with_client(receive, asyncio.current_task(loop)))
    exchange, whole = await send_upstream(loop, scope["path"], body), False
    try:
        if request.get("stream"):
            await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            async for data in exchange.chunks(loop):
                count(data)
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            answer = b"".join([data async for data in exchange.chunks(loop)])
            count(answer)
            length = [(b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 200, "headers": JSON_HEADERS + length})
            await send({"type": "http.response.body", "body": answer})
        whole = True
    except asyncio.CancelledError:
        pass
    finally:
        watcher.cancel()
        if whole and not exchange.lost:
            IDLE.append(exchange)
        else:
            exchange.transport.abort()

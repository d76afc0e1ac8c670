"""The reference: what a gateway in Python costs that enforces next to nothing.

An ASGI callable for uvicorn with a pooled client of its own. What it does is what the budgets' reference did: it looks
the key up among a thousand, parses the body and checks its shape, takes from a token bucket, picks the upstream with
the fewest requests in flight, passes the client's bytes on, parses the answer (of a stream: its usage), adds the usage
up by tenant, and leaves the upstream when the client leaves. What Douane costs above this is what its laws cost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import httptools
import orjson

PORT = int(os.environ["BARE_UPSTREAM_PORT"])
KEYS = {hashlib.sha256(b"sk-bench%s" % (b"%d" % n if n else b"")).hexdigest(): f"tenant-{n}" for n in range(1000)}
USAGE: dict[str, list[int]] = {}
IDLE: list[Exchange] = []
PAUSE_BYTES = 262144
JSON_HEADERS = [(b"content-type", b"application/json")]
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]


class Bucket:
    """Tokens that refill with time."""

    def __init__(self, rate: float, most: float) -> None:
        self.rate, self.most, self.left, self.at_s = rate, most, most, time.monotonic()

    def take(self, amount: float) -> bool:
        now_s = time.monotonic()
        self.left = min(self.most, self.left + (now_s - self.at_s) * self.rate)
        self.at_s = now_s
        if self.left < amount:
            return False
        self.left -= amount
        return True


class Upstream:
    """Where requests go, and how many are there."""

    def __init__(self) -> None:
        self.in_flight = 0


BUCKETS = {tenant: Bucket(1e9, 1e9) for tenant in KEYS.values()}
UPSTREAMS = (Upstream(), Upstream())


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


def usage_of_stream(data: bytes) -> dict[str, int] | None:
    at = data.rfind(b'"usage":{')
    if at < 0:
        return None
    start = data.rfind(b"data: ", 0, at)
    usage: dict[str, int] | None = orjson.loads(data[start + 6 : data.find(b"\n\n", at)])["usage"]
    return usage


def add_up(tenant: str, usage: dict[str, int] | None) -> None:
    if usage is not None:
        sums = USAGE.setdefault(tenant, [0, 0, 0])
        sums[0] += 1
        sums[1] += usage["prompt_tokens"]
        sums[2] += usage.get("completion_tokens", 0)


def admit(secret: bytes, body: bytes) -> tuple[str, dict[str, Any]] | None:
    tenant = KEYS.get(hashlib.sha256(secret).hexdigest())
    request = orjson.loads(body)
    if tenant is None or not isinstance(request.get("messages"), list) or not request.get("model"):
        return None
    return (tenant, request) if BUCKETS[tenant].take(len(body) // 4 + 1) else None


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
    admitted = admit(secret, body)
    if admitted is None:
        await send({"type": "http.response.start", "status": 401, "headers": JSON_HEADERS})
        await send({"type": "http.response.body", "body": b"{}"})
        return
    tenant, request = admitted
    upstream = min(UPSTREAMS, key=lambda each: each.in_flight)
    upstream.in_flight += 1
    watcher = loop.create_task(leave_with_client(receive, asyncio.current_task(loop)))
    exchange, whole = await send_upstream(loop, scope["path"], body), False
    try:
        if request.get("stream"):
            await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            tail = b""
            async for data in exchange.chunks(loop):
                if b'"usage":{' in data:
                    tail = data
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            add_up(tenant, usage_of_stream(tail))
        else:
            answer = b"".join([data async for data in exchange.chunks(loop)])
            add_up(tenant, orjson.loads(answer).get("usage"))
            length = [(b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 200, "headers": JSON_HEADERS + length})
            await send({"type": "http.response.body", "body": answer})
        whole = True
    except asyncio.CancelledError:
        pass
    finally:
        upstream.in_flight -= 1
        watcher.cancel()
        if whole and not exchange.lost:
            IDLE.append(exchange)
        else:
            exchange.transport.abort()

"""Runs an ASGI application (the admin API, the console) on a head, a body and a sink.

The body is handed over whole, since the edge bounds it. When the client leaves, the task is cancelled, so that
`http.disconnect` is never needed: a second `receive` waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from douane.wire.head import Body, Head, Sink

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection"))


async def run_asgi(app: ASGIApp, head: Head, body: Body, sink: Sink) -> None:
    """Run `app` for one request. What `body` raises goes through the application to the caller."""
    exchange = _Exchange(body, sink)
    await app(_scope(head), exchange.receive, exchange.send)


def _scope(head: Head) -> MutableMapping[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": "http",
        "path": head.path,
        "raw_path": head.path.encode("ascii"),
        "query_string": head.query,
        "root_path": "",
        "headers": head.headers,
        "client": (head.peer, 0) if head.peer else None,
        "server": None,
    }


class _Exchange:
    __slots__ = ("_body", "_headers", "_read", "_sink", "_status")

    def __init__(self, body: Body, sink: Sink) -> None:
        self._body = body
        self._sink = sink
        self._read = False
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": await self._body.read(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("unreachable: the wait ends by cancellation")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [field for field in message.get("headers", ()) if field[0].lower() not in _FRAMING]
            return
        data, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
        if not self._sink.started:
            if not more:
                await self._sink.answer(self._status, self._headers, data)
                return
            await self._sink.start(self._status, self._headers)
        await self._sink.write(data)
        if not more:
            await self._sink.end()

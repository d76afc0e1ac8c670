"""Body and sink for the application as the guest of another ASGI server, where Douane's own edge is not in front.

Such a server has bounds and deadlines of its own, or none: of the edge's rules only the body's size and deadline are
kept here. ASGI can tell a server neither to cut an answer nor to cancel a handler, so:
1. An answer that was not ended leaves the application by `Cut`; servers close the connection then.
2. Once the body is read, a watcher awaits `http.disconnect` and cancels the handler's task.
"""

from __future__ import annotations

import asyncio
from typing import Any

from douane.errors import RequestTimeout
from douane.http.mount import Message, Receive, Send
from douane.http.rules import body_too_large
from douane.http.settings import EdgeSettings
from douane.wire.head import ClientGone, Headers


class Cut(Exception):
    """An answer was begun and not ended."""


class Visit:
    """One request of another server: the gateway's `Body` and `Sink`."""

    __slots__ = (
        "_body",
        "_receive",
        "_send",
        "_settings",
        "_task",
        "_watcher",
        "ended",
        "gone",
        "started",
        "wants_cut",
    )

    def __init__(self, receive: Receive, send: Send, settings: EdgeSettings) -> None:
        self._receive = receive
        self._send = send
        self._settings = settings
        self._body: bytes | None = None
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self.started = self.ended = self.gone = False

    async def read(self) -> bytes:
        """Return the whole body. Raises TooLarge, RequestTimeout, ClientGone."""
        if self._body is None:
            try:
                async with asyncio.timeout(self._settings.body_s):
                    self._body = await self._receive_all()
            except TimeoutError as late:
                raise RequestTimeout(
                    "The request's body arrived too slowly.", "Send the request at once, over a faster line."
                ) from late
            self._watch()
        return self._body

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        await self._begin(status, [*headers, (b"content-length", b"%d" % len(body))])
        self.ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer of unknown length."""
        await self._begin(status, list(headers))
        self._watch()

    async def write(self, data: bytes) -> None:
        """Send a part; the server waits while the client does not read."""
        if self.gone:
            raise ClientGone
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End the body cleanly."""
        if self.gone:
            raise ClientGone
        self.ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def cut(self) -> None:
        """Do nothing: whatever was not ended leaves the application by `Cut`."""

    async def close(self) -> None:
        """End the watcher."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait((self._watcher,))

    async def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if self.gone:
            raise ClientGone
        if self.started:
            raise RuntimeError("a second answer to one request")
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _receive_all(self) -> bytes:
        body = bytearray()
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > self._settings.max_body_bytes:
                raise body_too_large(self._settings.max_body_bytes)
            if not message.get("more_body", False):
                return bytes(body)

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._await_leaving())

    async def _await_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.ended:
            self.gone = True
            if self._task is not None:
                self._task.cancel()

"""The application: which path goes where, and the boundary behind which no fault passes.

Rules enforced:
1. `/v1/` belongs to the gateway; `/healthz`, `/readyz` and `/metrics` to small functions; all else to the mounted
   application (admin API, console), made when it is first needed.
2. Whatever a handler raises, the client gets Douane's envelope, or a cut where an answer had begun.
3. A fault is reported by its type and place, never by its text, which may hold content (law 9).

It runs behind Douane's own edge through `handle`, and under any ASGI server through `__call__`.
"""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

from douane.errors import DouaneError, Internal, MethodNotAllowed, NotFound
from douane.http.guest import Cut, Visit
from douane.http.hosts import KnownHosts
from douane.http.mount import ASGIApp, Receive, Send, run_asgi
from douane.http.response import Headers, Page, error_page
from douane.http.rules import check_headers, split_target
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, ClientGone, Head, Sink

Probe = Callable[[Head], Page]

_GATEWAY_PREFIX: Final = "/v1/"
_ALLOW_READING: Final = ((b"allow", b"GET, HEAD, OPTIONS"),)
_FRAMES: Final = 6


class Pipeline(Protocol):
    """The gateway, as the edge sees it."""

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        """Answer one request."""


def fresh_request_id() -> str:
    """Return an identifier for a request that no gateway has named."""
    return "req_" + secrets.token_hex(13)


def place_of(fault: BaseException) -> str:
    """Say of which type a fault is and where it arose; never its text."""
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    place = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    return f"type={type(fault).__name__} at={place or 'nowhere'}"


async def _nothing() -> None:
    """Start or stop nothing."""


class Application:
    """`probes` answer GET on their exact path. `mounted` makes the ASGI application that gets all other paths.

    `report` takes a line about a fault. `settings` bound the requests that come through `__call__`; those that come
    through `handle` are bounded by the edge in front, which hears of others by `on_apply`.
    """

    def __init__(
        self,
        gateway: Pipeline,
        *,
        probes: Mapping[str, Probe],
        mounted: Callable[[], ASGIApp] | None = None,
        startup: Callable[[], Awaitable[None]] = _nothing,
        shutdown: Callable[[], Awaitable[None]] = _nothing,
        report: Callable[[str], None] = lambda _line: None,
        request_id: Callable[[], str] = fresh_request_id,
        settings: EdgeSettings | None = None,
    ) -> None:
        self.startup = startup
        self.shutdown = shutdown
        self.report = report
        self.request_id = request_id
        self._gateway = gateway
        self._probes = probes
        self._make_mounted = mounted
        self._mounted: ASGIApp | None = None
        self._settings = settings or EdgeSettings()
        self._hosts = KnownHosts(self._settings.hosts)
        self._in_front: list[Callable[[EdgeSettings], None]] = []

    def on_apply(self, apply: Callable[[EdgeSettings], None]) -> None:
        """Have `apply` called with the bounds that a reload brings, for as long as the application lives."""
        self._in_front.append(apply)

    def apply(self, settings: EdgeSettings) -> None:
        """Hold every request that begins from now on to these bounds, here and in front."""
        for apply in self._in_front:
            apply(settings)
        self._settings = settings
        self._hosts = KnownHosts(settings.hosts)

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        """Answer one request. Raises nothing but cancellation."""
        try:
            if head.path.startswith(_GATEWAY_PREFIX):
                await self._gateway.handle(head, body, sink)
            else:
                await self._serve_page(head, body, sink)
        except ClientGone:
            sink.cut()
        except DouaneError as error:
            await self._refuse(error, head, sink)
        except Exception as fault:  # noqa: BLE001 - the request boundary: a fault ends its request, not the server
            await self._confess(fault, head, sink)

    async def _serve_page(self, head: Head, body: Body, sink: Sink) -> None:
        if (probe := self._probes.get(head.path)) is not None:
            await sink.answer(*self._probe(probe, head))
        elif self._make_mounted is not None:
            if self._mounted is None:
                self._mounted = self._make_mounted()
            await run_asgi(self._mounted, head, body, sink)
        else:
            raise no_such_path()

    def _probe(self, probe: Probe, head: Head) -> Page:
        if head.method in ("GET", "HEAD"):
            return probe(head)
        if head.method == "OPTIONS":
            return Page(204, _ALLOW_READING, b"")
        error = MethodNotAllowed("This path takes GET only.", "Send GET.", rule="Each path has its methods.")
        return error_page(error, self.request_id(), head.path, extra=_ALLOW_READING)

    async def _refuse(self, error: DouaneError, head: Head, sink: Sink, request_id: str = "") -> None:
        if sink.started:
            sink.cut()
            return
        try:
            await sink.answer(*error_page(error, request_id or self.request_id(), head.path))
        except ClientGone:
            sink.cut()

    async def _confess(self, fault: Exception, head: Head, sink: Sink) -> None:
        request_id = self.request_id()
        self.report(f"fault request={request_id} {place_of(fault)}")
        error = Internal(
            "The server met a fault of its own.",
            f"Report it with the request id {request_id}; the log holds its place.",
            rule="Every request is answered.",
        )
        await self._refuse(error, head, sink, request_id)

    # --- under another ASGI server

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve an ASGI scope: `http` and `lifespan`; a WebSocket is closed."""
        if scope["type"] == "http":
            await self._visit(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    async def _visit(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        visit = Visit(receive, send, self._settings)
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        try:
            path, query = split_target(scope.get("raw_path") or scope["path"].encode())
            check_headers(
                headers,
                version="1.1",
                upgrade=False,
                hosts=self._hosts,
                max_body_bytes=self._settings.max_body_bytes,
            )
            client = scope.get("client")
            head = Head(
                scope["method"], path, scope.get("query_string", b"") or query, headers, client[0] if client else ""
            )
            await self.handle(head, visit, visit)
        except DouaneError as error:
            await visit.answer(*error_page(error, self.request_id(), scope["path"]))
        except asyncio.CancelledError:
            if not visit.gone:
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        finally:
            await visit.close()
        if not visit.ended and not visit.gone:
            raise Cut

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.startup()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return


def no_such_path() -> NotFound:
    """Return the refusal of a path that nobody serves."""
    return NotFound("There is no such path.", "The API reference lists the paths.", rule="Only known paths are served.")


def reading_page(status: int, content_type: bytes, body: bytes, *, extra: Headers = ()) -> Page:
    """Return a page for a probe: never cached."""
    return Page(status, ((b"content-type", content_type), (b"cache-control", b"no-store"), *extra), body)

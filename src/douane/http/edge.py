"""What all connections of a server share: bounds, known hosts, running tasks, and one sweep that keeps every deadline.

Rules enforced:
1. No deadline has a timer of its own: a sweep every `sweep_s` compares them, while there are connections.
2. A draining server takes no further request; what is under way may end.
3. Other bounds hold for what begins after them; what is under way keeps its own.

What a connection does at its deadline is left to `douane.http.connection`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from douane.http.hosts import KnownHosts
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, Head, Sink

Handler = Callable[[Head, Body, Sink], Coroutine[Any, Any, None]]


class Watched(Protocol):
    """A connection, to the sweep. Its deadlines are times of the loop's clock, or infinite."""

    transport: asyncio.Transport
    deadline: float
    stall_deadline: float

    def expire(self) -> None:
        """Act on `deadline`."""

    def expire_stall(self) -> None:
        """Act on `stall_deadline`."""

    def retire(self) -> None:
        """Close if nothing is under way, else after the answer."""

    def is_idle(self) -> bool:
        """Tell whether the client has nothing under way that it could miss."""


class Edge:
    """What all connections of a server share.

    `now` is the loop's time as of the last sweep. `quiet` is set while there is no connection and no running handler.
    """

    def __init__(
        self,
        handler: Handler,
        settings: EdgeSettings,
        *,
        loop: asyncio.AbstractEventLoop,
        request_id: Callable[[], str],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self.handler = handler
        self.settings = settings
        self.loop = loop
        self.request_id = request_id
        self.crashed = crashed
        self.hosts = KnownHosts(settings.hosts)
        self.connections: dict[Watched, None] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waiting_bytes = 0
        self.draining = False
        self.now = loop.time()
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._sweeper: asyncio.TimerHandle | None = None

    def apply(self, settings: EdgeSettings) -> None:
        """Hold every request and connection that begins from now on to these bounds. What listens stays."""
        if settings.hosts != self.settings.hosts:
            self.hosts = KnownHosts(settings.hosts)
        self.settings = settings

    def opened(self, connection: Watched) -> None:
        """Take note of a connection."""
        self.connections[connection] = None
        if self._sweeper is None:
            self.quiet.clear()
            self.now = self.loop.time()
            self._sweeper = self.loop.call_later(self.settings.sweep_s, self._sweep)

    def closed(self, connection: Watched) -> None:
        """Forget a connection."""
        self.connections.pop(connection, None)
        if not self.connections and self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._settle_down()

    def began(self, task: asyncio.Task[Any]) -> None:
        """Take note of a handler's task."""
        self.tasks.add(task)

    def ended(self, task: asyncio.Task[Any]) -> None:
        """Forget a handler's task; report what it should have caught."""
        self.tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.crashed(fault)
        self._settle_down()

    def make_room(self) -> bool:
        """Close the oldest idle connection; False where there is none. Hoarders of connections lose theirs first."""
        idle = next((connection for connection in self.connections if connection.is_idle()), None)
        if idle is not None:
            idle.retire()
        return idle is not None

    def drain(self) -> None:
        """Take no further request: idle connections close now, the others after their answer."""
        self.draining = True
        for connection in tuple(self.connections):
            connection.retire()

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in tuple(self.connections):
            connection.transport.abort()

    def _settle_down(self) -> None:
        if not self.connections and not self.tasks:
            self.quiet.set()

    def _sweep(self) -> None:
        self.now = now = self.loop.time()
        self._sweeper = self.loop.call_later(self.settings.sweep_s, self._sweep)
        for connection in tuple(self.connections):
            if now >= connection.deadline:
                connection.expire()
            if now >= connection.stall_deadline:
                connection.expire_stall()

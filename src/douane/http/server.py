"""Runs the application behind the edge: listens, reloads on SIGHUP, and on SIGTERM or SIGINT drains before it ends.

Rules enforced:
1. A stopping server accepts nothing more; what is under way may take `drain_s` to end, then it is cancelled, which cuts
   its answer visibly (law 6). A second signal cancels at once.
2. Cancelled requests end before the application is shut down: each is settled while its ledger is open (law 4).
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import uvloop

from douane.errors import ConfigurationError, PortTaken
from douane.http.app import Application, place_of
from douane.http.connection import Connection
from douane.http.edge import Edge
from douane.http.settings import EdgeSettings
from douane.wire.head import STOPPING

Address = tuple[str, int]

_LAST_WORDS_S: Final = 5.0
_FILES_A_CONNECTION: Final = 2
_FILES_BESIDES: Final = 256


class Server:
    """An application on its listening sockets. Made and used within one running loop."""

    def __init__(self, app: Application, settings: EdgeSettings) -> None:
        self._app = app
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._listener: asyncio.Server | None = None
        self._hurry = asyncio.Event()
        self.edge = Edge(app.handle, settings, loop=self._loop, request_id=app.request_id, crashed=self._report)
        app.on_apply(self.apply)

    async def start(self) -> list[Address]:
        """Start the application, then listen; return the addresses. Raises ConfigurationError where it can't."""
        await self._app.startup()
        settings = self._settings
        try:
            self._listener = await self._loop.create_server(
                lambda: Connection(self.edge), settings.host, settings.port, backlog=settings.backlog
            )
        except OSError as error:
            await self._app.shutdown()
            raise _cannot_listen(settings, error) from error
        return [listening.getsockname()[:2] for listening in self._listener.sockets]

    def apply(self, settings: EdgeSettings) -> None:
        """Hold what begins from now on to these bounds. The address stays as it is."""
        raise_file_limit(_files(settings))
        self.edge.apply(settings)

    def hurry(self) -> None:
        """Have `stop` cancel at once what is still under way."""
        self._hurry.set()

    async def stop(self) -> None:
        """Accept nothing more, drain, then cancel what is left, and shut the application down."""
        if self._listener is not None:
            self._listener.close()
        self.edge.drain()
        await self._wait_quiet(self.edge.settings.drain_s, self._hurry)
        for task in tuple(self.edge.tasks):
            task.cancel(STOPPING)
        await self._wait_quiet(self.edge.settings.linger_s)
        self.edge.abort()
        await self._wait_quiet(_LAST_WORDS_S)
        await self._app.shutdown()

    async def _wait_quiet(self, timeout_s: float, *others: asyncio.Event) -> None:
        waits = [self._loop.create_task(event.wait()) for event in (self.edge.quiet, *others)]
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)

    def _report(self, fault: BaseException) -> None:
        self._app.report(f"fault {place_of(fault)}")


async def probe_address(settings: EdgeSettings) -> None:
    """Bind what `Server.start` will listen on, and let go of it at once. Raises ConfigurationError where it can't.

    It spares whoever starts slowly the wait for a refusal; `start` says the same of a port that is taken meanwhile.
    """
    loop = asyncio.get_running_loop()
    try:
        probe = await loop.create_server(asyncio.Protocol, settings.host, settings.port, start_serving=False)
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    probe.close()
    await probe.wait_closed()


def _cannot_listen(settings: EdgeSettings, error: OSError) -> ConfigurationError:
    known = error.errno in errno.errorcode
    cause = os.strerror(error.errno or 0).lower() if known else error.strerror
    kind = PortTaken if error.errno == errno.EADDRINUSE else ConfigurationError
    return kind(
        f"The server cannot listen on {settings.host}, port {settings.port}: {cause}.",
        "Free the port, or set `server.host` and `server.port` to an address of this machine.",
        param="server.port",
    )


async def serve(
    app: Application,
    settings: EdgeSettings,
    *,
    on_ready: Callable[[Sequence[Address]], None],
    reload: Callable[[], Awaitable[object]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `stop` is set. `on_ready` gets the addresses that are listened on."""
    raise_file_limit(_files(settings))
    server = Server(app, settings)
    addresses = await server.start()
    stopping = stop or asyncio.Event()
    signals = _Signals(stopping, server.hurry, reload, app.report)
    try:
        on_ready(addresses)
        await stopping.wait()
    finally:
        await server.stop()
        signals.close()


def run(
    app: Callable[[], Awaitable[Application]],
    settings: EdgeSettings,
    *,
    on_ready: Callable[[Sequence[Address]], None],
    reload: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Make the application on a loop of uvloop and serve it."""

    async def make_and_serve() -> None:
        await serve(await app(), settings, on_ready=on_ready, reload=reload)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(make_and_serve())


def _files(settings: EdgeSettings) -> int:
    return settings.max_connections * _FILES_A_CONNECTION + _FILES_BESIDES


def raise_file_limit(wanted: int) -> None:
    """Raise the soft limit of open files towards `wanted`, as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


class _Signals:
    """SIGTERM and SIGINT stop, a second one hurries, SIGHUP reloads; only where the loop has the main thread."""

    def __init__(
        self,
        stopping: asyncio.Event,
        hurry: Callable[[], None],
        reload: Callable[[], Awaitable[object]] | None,
        report: Callable[[str], None],
    ) -> None:
        self._report = report
        self._stopping = stopping
        self._hurry = hurry
        self._reload = reload
        self._reloading: asyncio.Task[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._taken: list[signal.Signals] = []
        if threading.current_thread() is threading.main_thread():
            self._take(signal.SIGTERM, self._stop)
            self._take(signal.SIGINT, self._stop)
            if reload is not None:
                self._take(signal.SIGHUP, self._start_reload)

    def close(self) -> None:
        for number in self._taken:
            self._loop.remove_signal_handler(number)
        if self._reloading is not None:
            self._reloading.cancel()

    def _take(self, number: signal.Signals, act: Callable[[], None]) -> None:
        self._loop.add_signal_handler(number, act)
        self._taken.append(number)

    def _stop(self) -> None:
        if self._stopping.is_set():
            self._hurry()
        self._stopping.set()

    def _start_reload(self) -> None:
        if self._reload is not None and (self._reloading is None or self._reloading.done()):
            self._reloading = asyncio.ensure_future(_awaited(self._reload))
            self._reloading.add_done_callback(self._reloaded)

    def _reloaded(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._report(f"reload failed {place_of(fault)}")


async def _awaited(reload: Callable[[], Awaitable[object]]) -> None:
    await reload()

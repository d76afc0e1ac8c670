"""The embedded engine: llama.cpp's own server as a supervised child, on loopback, with a key of its own.

Rules enforced:
1. Nothing starts whose weights are not the expected ones; each start and each restart checks them (law 5).
2. `ready` is true only after the server loaded, said so, and a model answered; false as soon as it ends, hangs, or its
   weights change. It is then started again, waiting twice as long each time, up to a bound.
3. The port is this engine's from `reserve` to `stop`, also while the server is down: another user's program can't take
   it and be sent prompts. (This process holds it bound with SO_REUSEPORT; only processes of the same user may join.)
4. The server never outlives this process, and `stop` returns only when it is gone.

What the child may keep and show is decided in `llamacpp_child`; which requests reach it, by the gateway. It answers any
model's name with 200, counts only one choice where `n` is above 1, ignores tools, closes idle connections after 5 s.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from douane.adapters.engines.llamacpp_process import Server, ServerSettings
from douane.adapters.engines.weights import HeldWeights, Weights
from douane.core.models.catalogue import Capabilities, Endpoint
from douane.errors import EngineFailed

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Supervision:
    """How patiently the server is watched, in seconds, and after how many silent probes it counts as hung."""

    start_timeout_s: float = 60.0
    stop_grace_s: float = 5.0
    probe_every_s: float = 5.0
    probe_timeout_s: float = 5.0
    probes_missed: int = 3
    backoff_first_s: float = 0.5
    backoff_most_s: float = 30.0
    settled_after_s: float = 60.0
    """A server that lived this long starts again without delay."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What configuration and composition root need to route to a running engine."""

    endpoint: Endpoint
    base_url: str
    api_key: str = field(repr=False)
    upstream_model: str
    model_digest: str
    context_tokens: int
    """Per request."""
    embedding_tokens: int
    """Longest input of `/v1/embeddings`; the engine answers 500 to a longer one."""
    capabilities: Capabilities


class LlamaCpp:
    """One engine. Its methods belong to one event loop."""

    def __init__(
        self,
        name: str,
        weights: Weights,
        settings: ServerSettings,
        *,
        supervision: Supervision | None = None,
        on_change: Callable[[bool], None] | None = None,
    ) -> None:
        self.name = name
        self._weights = weights
        self._settings = settings
        self._supervision = supervision or Supervision()
        self._on_change = on_change or (lambda _ready: None)
        self._api_key = secrets.token_urlsafe(32)
        self._port_holder: socket.socket | None = None
        self._server: Server | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = False
        self._failure: EngineFailed | None = None

    @property
    def ready(self) -> bool:
        """Tell whether it answers now."""
        return self._ready

    @property
    def failure(self) -> EngineFailed | None:
        """Return why it is not ready, where it was or should be."""
        return self._failure

    @property
    def pid(self) -> int | None:
        """Return the server's process id, where it runs."""
        return self._server.pid if self._server is not None else None

    @property
    def facts(self) -> EngineFacts:
        """Return how to reach it and what it can do. Reserves its port."""
        port = self.reserve()
        settings = self._settings
        return EngineFacts(
            endpoint=Endpoint("http", LOOPBACK, port, "/v1"),
            base_url=f"http://{LOOPBACK}:{port}/v1",
            api_key=self._api_key,
            upstream_model=settings.alias,
            model_digest=self._weights.sha256,
            context_tokens=settings.request_tokens,
            embedding_tokens=min(settings.request_tokens, settings.batch_tokens),
            capabilities=settings.capabilities,
        )

    def reserve(self) -> int:
        """Take a free loopback port, once, and return it; it stays the same over restarts."""
        if self._port_holder is None:
            self._port_holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._port_holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._port_holder.bind((LOOPBACK, 0))
        port: int = self._port_holder.getsockname()[1]
        return port

    async def start(self) -> str:
        """Check the weights, start, wait until ready; return the base URL. Raises EngineFailed. Harmless later on."""
        if self._supervisor is None:
            self._server = await self._launch()
            self._supervisor = asyncio.create_task(self._supervise(self._server), name=f"engine {self.name}")
            self._turn(None)
        return self.facts.base_url

    async def stop(self) -> None:
        """End it, and wait until it is gone. Harmless where it never started."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait({supervisor})
        server, self._server = self._server, None
        if server is not None:
            await server.end(self._supervision.stop_grace_s)
        if self._port_holder is not None:
            self._port_holder.close()
            self._port_holder = None
        if self._ready:
            self._turn(EngineFailed(f"Engine `{self.name}` was stopped.", "Start it again.", rule="engine"))

    async def _launch(self) -> Server:
        """Start one server and wait until its model answered; whatever goes wrong, nothing of it is left."""
        patience_s = self._supervision.start_timeout_s
        async with AsyncExitStack() as undo:
            held = HeldWeights(self._weights)
            undo.callback(held.close)
            await held.check()
            server = await Server.spawn(self._settings, held, self.reserve(), self._api_key)
            undo.push_async_callback(server.end, 0.0)
            try:
                async with asyncio.timeout(patience_s):
                    await server.until_ready()
            except TimeoutError as error:
                raise _failed(self.name, f"did not answer within {patience_s:g} s") from error
            if held.changed:
                await held.check()
            undo.pop_all()
        return server

    async def _supervise(self, server: Server) -> None:
        """Watch the server, and start it again whenever it is unfit, until cancelled."""
        loop = asyncio.get_running_loop()
        delay_s = 0.0
        while True:
            began_s = loop.time()
            self._turn(await self._until_unfit(server))
            await server.end(self._supervision.stop_grace_s)
            if loop.time() - began_s >= self._supervision.settled_after_s:
                delay_s = 0.0
            server, delay_s = await self._start_again(delay_s)
            self._turn(None)

    async def _until_unfit(self, server: Server) -> EngineFailed:
        """Return why the server may serve no longer, once that is so."""
        rules = self._supervision
        missed = 0
        while missed < rules.probes_missed:
            if await server.ended_within(rules.probe_every_s):
                return _failed(self.name, "ended by itself")
            if server.weights.changed:
                try:
                    await server.weights.check()
                except EngineFailed as error:
                    return error
            missed = 0 if await server.healthy(rules.probe_timeout_s) else missed + 1
        return _failed(self.name, f"gave no sign of life {missed} times")

    async def _start_again(self, delay_s: float) -> tuple[Server, float]:
        """Start a server, as often as it takes; return it and the delay that its next failure will cost."""
        while True:
            await asyncio.sleep(delay_s)
            delay_s = min(max(delay_s * 2, self._supervision.backoff_first_s), self._supervision.backoff_most_s)
            try:
                self._server = None
                self._server = await self._launch()
            except EngineFailed as error:
                self._failure = error
            else:
                return self._server, delay_s

    def _turn(self, failure: EngineFailed | None) -> None:
        """Take note of a change, and tell of it."""
        self._failure = failure
        ready = failure is None
        if ready != self._ready:
            self._ready = ready
            self._on_change(ready)


def _failed(name: str, fact: str) -> EngineFailed:
    return EngineFailed(
        f"Engine `{name}` {fact}.", "Run `douane doctor`; it says what the engine lacks.", rule="engine"
    )

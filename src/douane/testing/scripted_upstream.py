"""A fake of the port `Upstream` that plays a script per deployment, and keeps what it was asked to send.

It holds to the same laws as the real one: the payload must be the cleared one, an address literal (or a host named in
`addresses`) must lie in the permit's zone, a fault ends the answer, an aborted answer yields nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from douane.core.traffic.clearance import Cleared
from douane.errors import AddressNotAllowed, ClearanceBroken, UpstreamFailed, UpstreamTimeout
from douane.ports import Answer
from douane.wire.call import Call

Chunk = bytes | asyncio.Event | UpstreamFailed
"""A step of a body: bytes that arrive, an event that must be set before it goes on, or the fault that ends it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its head, then its body step by step. Bytes in consecutive steps arrive one `chunk()` each."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    chunks: Sequence[Chunk] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """No answer: the attempt ends with this error. With `after`, only once that event is set."""

    error: UpstreamFailed
    after: asyncio.Event | None = None


Step = Reply | Fault
Script = Step | Callable[[Cleared, Call], Step]


def failure(stage: str) -> UpstreamFailed:
    """Return the error of an upstream that broke off at `stage`."""
    return UpstreamFailed("The upstream broke off.", "It was told to.", stage=stage)


def timeout(stage: str) -> UpstreamTimeout:
    """Return the error of a deadline that passed at `stage`."""
    return UpstreamTimeout("The upstream was silent.", "It was told to be.", stage=stage)


def json_reply(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(status, {"content-type": "application/json", **(headers or {})}, (body,))


def sse_reply(*chunks: Chunk, status: int = 200) -> Reply:
    """Return an answer that streams."""
    return Reply(status, {"content-type": "text/event-stream"}, chunks)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a `send` was asked for, in full."""

    cleared: Cleared
    call: Call
    total_s: float


class ScriptedAnswer:
    """The answer to one scripted call. `aborted` tells whether its reader cut it off."""

    def __init__(self, reply: Reply, peer: str) -> None:
        self.status = reply.status
        self.headers: Mapping[str, str] = dict(reply.headers)
        self.peer = peer
        self.aborted = False
        self.ended = False
        self._steps = list(reply.chunks)
        self._fault: UpstreamFailed | None = None

    async def chunk(self) -> bytes:
        """Play the script up to the next bytes."""
        if self._fault is not None:
            raise self._fault
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, asyncio.Event):
                await self._hold(step)
            elif isinstance(step, UpstreamFailed):
                self._steps.clear()
                self._fault = step
                raise step
            elif step:
                return step
        self.ended = True
        return b""

    async def body(self, limit: int) -> bytes:
        """Play the script to its end."""
        whole = bytearray()
        while part := await self.chunk():
            whole += part
            if len(whole) > limit:
                self.abort()
                raise UpstreamFailed(
                    f"The upstream answered with more than {limit} bytes.", "Ask for a shorter answer.", stage="body"
                )
        return bytes(whole)

    def abort(self) -> None:
        """End it at once."""
        if not self.ended and self._fault is None:
            self.aborted = True
            self._steps.clear()
            self._fault = failure("body")

    def let_go(self) -> None:
        """Want nothing more of it."""
        self.ended = True
        self._steps.clear()

    async def _hold(self, until: asyncio.Event) -> None:
        try:
            await until.wait()
        except asyncio.CancelledError:
            self.abort()
            raise


class ScriptedUpstream:
    """The port `Upstream`, from a script.

    `play` appends to a deployment's script: each `send` takes the next entry, the last one serves for ever. `sent`
    holds every call that was let through, in order; `answers` the answers given.
    """

    def __init__(self, *, addresses: Mapping[str, str] | None = None) -> None:
        self.sent: list[Sent] = []
        self.answers: list[ScriptedAnswer] = []
        self.cancelled = 0
        self.closed = False
        self._addresses = dict(addresses or {})
        self._scripts: dict[str, list[Script]] = {}
        self._news = asyncio.Event()

    def play(self, deployment: str, *script: Script) -> None:
        """Append to the script of a deployment."""
        self._scripts.setdefault(deployment, []).extend(script)

    def sent_to(self, deployment: str) -> tuple[Call, ...]:
        """Return the calls that went to a deployment, in order."""
        return tuple(each.call for each in self.sent if each.cleared.deployment.name == deployment)

    async def until_sent(self, count: int) -> None:
        """Wait until `count` calls were let through."""
        while len(self.sent) < count:
            self._news.clear()
            await self._news.wait()

    async def send(self, cleared: Cleared, call: Call, *, total_s: float, confirm: Callable[[], None]) -> Answer:
        """Play the next entry of the deployment's script."""
        if not cleared.covers(call.payload):
            raise ClearanceBroken("The bytes to send are not those that were cleared.", "Report this.")
        deployment = cleared.deployment
        peer = self._peer(cleared)
        confirm()
        self.sent.append(Sent(cleared, call, total_s))
        self._news.set()
        script = self._scripts.get(deployment.name)
        if not script:
            raise LookupError(f"no script for deployment `{deployment.name}`")
        entry = script.pop(0) if len(script) > 1 else script[0]
        step = entry if isinstance(entry, Reply | Fault) else entry(cleared, call)
        if isinstance(step, Fault):
            await self._refuse(step)
            raise step.error
        answer = ScriptedAnswer(step, peer)
        self.answers.append(answer)
        return answer

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True

    async def _refuse(self, fault: Fault) -> None:
        if fault.after is None:
            return
        try:
            await fault.after.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def _peer(self, cleared: Cleared) -> str:
        endpoint = cleared.deployment.endpoint
        text = self._addresses.get(endpoint.host, endpoint.host)
        try:
            address = ip_address(text.strip("[]"))
        except ValueError:
            return f"{endpoint.host}:{endpoint.port}"
        if not cleared.zone.admits(address):
            raise AddressNotAllowed(
                f"Deployment `{cleared.deployment.name}` resolves to no address of zone `{cleared.zone.name}`.",
                "Correct its `base_url`.",
                stage="connect",
            )
        return f"[{address}]:{endpoint.port}" if address.version == 6 else f"{address}:{endpoint.port}"

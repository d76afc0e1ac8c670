"""The upstream client: sends what is cleared to where it is cleared for, over HTTP/1.1, and returns the answer.

Rules enforced:
1. Nothing is sent without a permit for exactly these bytes (law 1): `ClearanceBroken` otherwise.
2. A connection is made only to an address that the permit's zone admits, and the peer is looked at once more before
   the first byte. No proxy of the environment, no redirect, no cookie: an answer 3xx is an answer.
3. A pooled connection that dies before any byte of an answer is replaced once, under the same permit and deadlines:
   the upstream closed it while it was idle. Nothing else is tried again here; attempts are the gateway's matter.
4. Deadlines: to connect (each of several addresses gets its share), to the head, between bytes, and for the whole.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from ipaddress import ip_address

from douane.adapters.http1.answer import Http1Answer
from douane.adapters.http1.connection import Connection
from douane.adapters.http1.faults import failed, late
from douane.adapters.http1.head import Heads, host_name
from douane.adapters.http1.pool import Place, Pool, is_within, place
from douane.adapters.http1.resolve import Resolve, admitted, dial, not_allowed, system_resolve
from douane.adapters.http1.tls import Contexts, spki_sha256
from douane.core.models.catalogue import Deployment
from douane.core.traffic.clearance import Cleared
from douane.core.zone import Address
from douane.errors import ClearanceBroken, DouaneError, UpstreamFailed
from douane.ports import Answer
from douane.wire.call import Call


class Http1Upstream:
    """The port `Upstream`. One per event loop; it has no task of its own."""

    def __init__(self, *, max_idle: int = 64, idle_s: float = 30.0, resolve: Resolve = system_resolve) -> None:
        """Keep up to `max_idle` connections per endpoint, zone and TLS settings, each for `idle_s` seconds."""
        self._max_idle = max_idle
        self._idle_s = idle_s
        self._resolve = resolve
        self._heads = Heads()
        self._pools: dict[Place, Pool] = {}
        self._contexts = Contexts()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost: asyncio.Future[None] | None = None
        self._closed = False

    async def send(self, cleared: Cleared, call: Call, *, total_s: float, confirm: Callable[[], None]) -> Answer:
        """Send the payload and return the answer once its head is there; see the port."""
        if not cleared.covers(call.payload):
            raise ClearanceBroken(
                "The bytes to send are not those that were cleared.",
                "Report this: it is a fault of the gateway.",
                rule="A permit holds for one payload.",
            )
        deployment = cleared.deployment
        if self._closed:
            raise failed(deployment.name, "connect", "is not called any more: the gateway stops", "Ask again later.")
        message = (self._heads.head(deployment.name, deployment.endpoint, call), call.payload)
        loop = self._loop  # looked up once: asking asyncio costs a system call before Python 3.12
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        total_by = loop.time() + min(total_s, deployment.deadlines.total_s)
        pool = self._pool(place(cleared))
        connection = pool.take(cleared.zone)
        if connection is not None:
            try:
                return await _exchange(connection, deployment, message, total_by, confirm)
            except UpstreamFailed as error:
                if not connection.stale or error.code == "upstream_timeout":
                    raise
        connection = await self._connect(loop, cleared, pool, total_by)
        return await _exchange(connection, deployment, message, total_by, confirm)

    async def aclose(self) -> None:
        """Close every idle connection, and each busy one at the end of its answer."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        while any(pool.idle for pool in self._pools.values()):
            self._lost = asyncio.get_running_loop().create_future()
            await self._lost

    def _pool(self, where: Place) -> Pool:
        pool = self._pools.get(where)
        if pool is None:
            pool = self._pools[where] = Pool(self._max_idle)
        return pool

    # --- connecting

    async def _connect(
        self, loop: asyncio.AbstractEventLoop, cleared: Cleared, pool: Pool, total_by: float
    ) -> Connection:
        deployment, zone = cleared.deployment, cleared.zone
        by = min(loop.time() + deployment.deadlines.connect_s, total_by)
        host = host_name(deployment.endpoint.host) or ""
        context = self._context(deployment) if deployment.endpoint.tls else None
        try:
            async with asyncio.timeout_at(by):
                addresses = await admitted(self._resolve, deployment, host, zone)
        except TimeoutError as error:
            raise late(deployment.name, "connect", whole=by == total_by) from error
        failure: OSError | None = None
        for tried, address in enumerate(addresses):
            now = loop.time()
            try:
                async with asyncio.timeout_at(now + (by - now) / (len(addresses) - tried)):
                    connection = await self._connect_to(loop, deployment, address, context, host, pool)
            except OSError as error:
                failure = error
                continue
            if not is_within(connection, zone):
                connection.close()
                raise not_allowed(deployment, zone)
            return connection
        if isinstance(failure, TimeoutError):
            raise late(deployment.name, "connect", whole=by == total_by) from failure
        raise _unreachable(deployment, failure) from failure

    async def _connect_to(
        self,
        loop: asyncio.AbstractEventLoop,
        deployment: Deployment,
        address: Address,
        context: ssl.SSLContext | None,
        host: str,
        pool: Pool,
    ) -> Connection:
        sock = await dial(loop, address, deployment.endpoint.port)
        transport, connection = await loop.create_connection(
            lambda: Connection(loop, self._idle_s, pool.give_back, lambda lost: self._forget(pool, lost)),
            sock=sock,
            ssl=context,
            server_hostname=None if context is None else host,
        )
        try:
            connection.address, connection.peer = _who(transport)
        except OSError:
            transport.abort()
            raise
        return connection

    def _context(self, deployment: Deployment) -> ssl.SSLContext:
        try:
            return self._contexts.of(deployment.ca_file)
        except OSError as error:
            raise failed(
                deployment.name,
                "connect",
                "has a `ca_file` that can't be read as certificates",
                f"Correct `deployments.{deployment.name}.ca_file`: a PEM file.",
            ) from error

    def _forget(self, pool: Pool, connection: Connection) -> None:
        pool.forget(connection)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)


def _who(transport: asyncio.BaseTransport) -> tuple[Address, str]:
    """Return the address at the other end, and how a receipt names it. Raises OSError where there is no telling."""
    name = transport.get_extra_info("peername")
    if name is None:
        raise ConnectionResetError("gone before it was asked")
    ip, port = name[:2]
    peer = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    secured = transport.get_extra_info("ssl_object")
    if secured is not None:
        try:
            peer += f";spki-sha256={spki_sha256(secured.getpeercert(binary_form=True))}"
        except ValueError as error:
            raise ssl.SSLError("unreadable certificate") from error
    return ip_address(ip), peer


async def _exchange(
    connection: Connection,
    deployment: Deployment,
    message: tuple[bytes, bytes],
    total_by: float,
    confirm: Callable[[], None],
) -> Http1Answer:
    try:
        confirm()
    except DouaneError:
        connection.close()
        raise
    answer = Http1Answer(
        connection,
        connection.peer,
        deployment.name,
        first_byte_by=connection.loop.time() + deployment.deadlines.first_byte_s,
        total_by=total_by,
        between_s=deployment.deadlines.between_bytes_s,
    )
    connection.ask(message, answer)
    await answer.head()
    return answer


def _unreachable(deployment: Deployment, failure: OSError | None) -> UpstreamFailed:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return failed(
            deployment.name,
            "connect",
            f"showed a certificate that could not be verified: {failure.verify_message.rstrip('.')}",
            f"Set `deployments.{deployment.name}.ca_file` to its authority, or correct the host in `base_url`.",
        )
    if isinstance(failure, ssl.SSLError):
        return failed(
            deployment.name, "connect", "did not complete the TLS handshake", "Check that its port speaks TLS."
        )
    return failed(
        deployment.name, "connect", "could not be reached", "Check that it runs, and its `base_url` and the firewall."
    )

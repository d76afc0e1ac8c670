"""Which addresses a deployment's host may be dialled at: resolve once, check each, dial what was checked.

Rules enforced:
1. An address is dialled only where the permit's zone admits it (law 1). The dialled address is the checked one: the
   name is not resolved a second time, so that an answer that changes in between (DNS rebinding) gains nothing.
2. What is checked is the binary address. However a host is written (decimal, octal, IPv4 within IPv6), it either is
   an address literal, and checked as that, or goes through the resolver, and what comes out is checked.

What belongs to a zone is decided by `Zone.admits`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv6Address, ip_address

from douane.adapters.http1.faults import failed
from douane.core.models.catalogue import Deployment
from douane.core.zone import Address, Zone
from douane.errors import AddressNotAllowed, UpstreamFailed

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From host and port to addresses as text, in the order in which they should be tried."""

MAX_ADDRESSES = 8


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def literal(text: str) -> Address | None:
    """Return the address that `text` literally is, or None where it is a name.

    >>> literal("127.0.0.1"), literal("2130706433"), literal("0177.0.0.1")
    (IPv4Address('127.0.0.1'), None, None)
    """
    try:
        return ip_address(text)
    except ValueError:
        return None


def not_allowed(deployment: Deployment, zone: Zone) -> AddressNotAllowed:
    """Build the error for a host that lies outside of its zone."""
    held = "its networks" if zone.networks or zone.premises else "public addresses"
    return AddressNotAllowed(
        f"Deployment `{deployment.name}` resolves to no address that zone `{zone.name}` admits: "
        f"that zone is held to {held}.",
        f"Correct the `base_url` of deployment `{deployment.name}`, or name its network in "
        f"`zones.{zone.name}.networks`.",
        stage="connect",
        rule="A connection goes only to addresses of its zone.",
    )


async def admitted(resolve: Resolve, deployment: Deployment, host: str, zone: Zone) -> tuple[Address, ...]:
    """Return the addresses of `host` that `zone` admits, at least one, in the resolver's order.

    Raises AddressNotAllowed, or UpstreamFailed where the name does not resolve.
    """
    address = literal(host)
    if address is not None:
        found: Sequence[Address | None] = (address,)
    else:
        try:
            found = tuple(literal(text) for text in await resolve(host, deployment.endpoint.port))
        except (OSError, UnicodeError) as error:
            raise _unresolved(deployment) from error
    if not found:
        raise _unresolved(deployment)
    allowed = dict.fromkeys(each for each in found if each is not None and zone.admits(each))
    if not allowed:
        raise not_allowed(deployment, zone)
    return tuple(allowed)[:MAX_ADDRESSES]


def _unresolved(deployment: Deployment) -> UpstreamFailed:
    return failed(
        deployment.name, "connect", "has a host that does not resolve", "Check its `base_url` and the name server."
    )


async def dial(loop: asyncio.AbstractEventLoop, address: Address, port: int) -> socket.socket:
    """Return a connected socket to exactly this address. Raises OSError."""
    six = isinstance(address, IPv6Address)
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(sock, (str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock

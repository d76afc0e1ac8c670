"""Zones of trust: who may take what, and the networks that a zone is held to (law 1, last point).

A premises zone names its networks. A zone that names networks is held to them. A zone off the premises that names
none is held to public addresses: never private, loopback, link-local, metadata, carrier or tunnelled ones (RFC 6890,
RFC 6598, RFC 6052, RFC 3056, RFC 4380). Of IPv6 only 2000::/3 is public (RFC 4291): whatever else carries an address,
translated or yet to be assigned, lies outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from douane.core.label import Clearance, Label, Level

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "168.63.129.16/32", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1",
    )
)  # fmt: skip


def is_public(address: Address) -> bool:
    """Tell whether an address may be dialled by a zone that names no networks."""
    return not any(address in network for network in _NEVER_PUBLIC if network.version == address.version)


@dataclass(frozen=True, slots=True)
class Zone:
    """A place that content may be sent to, and what is known of who runs it.

    `mask` holds the finding types, or `TYPE:detail`, whose values may be replaced so that the rest may come here;
    `mask_restricted` lets that be done to what is restricted, too. `unmask_tools` are the tools whose arguments, in an
    answer from here, get their values back.
    """

    name: str
    premises: bool
    clearance: Clearance
    networks: tuple[Network, ...] = ()
    country: str | None = None
    operator: str | None = None
    legal_parent: str | None = None
    retention_days: int | None = None
    trains_on_content: bool | None = None
    certifications: tuple[Certification, ...] = ()
    mask: frozenset[str] = frozenset()
    mask_restricted: bool = False
    unmask_tools: frozenset[str] = frozenset()

    def masks(self, label: Label) -> bool:
        """Tell whether content of a label that this zone is not cleared for may come here masked."""
        return bool(self.mask) and not self.premises and (label.level < Level.RESTRICTED or self.mask_restricted)

    @property
    def masks_names(self) -> bool:
        """Tell whether the names of persons may be masked for this zone."""
        return "PERSON" in self.mask

    def may_mask(self, types: frozenset[str]) -> bool:
        """Tell whether policy lets all of these types be masked for this zone, wholly or one of their details."""
        return types <= {name.partition(":")[0] for name in self.mask}

    def admits(self, address: Address) -> bool:
        """Tell whether a connection of this zone may go to `address`; an IPv4-mapped IPv6 address counts as IPv4."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if self.networks:
            return any(address in network for network in self.networks if network.version == address.version)
        return not self.premises and is_public(address)


@dataclass(frozen=True, slots=True)
class Certification:
    """A certificate that a zone's operator holds, until `expires` (ISO date)."""

    name: str
    expires: str
    source: str

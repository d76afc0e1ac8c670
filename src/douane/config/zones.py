"""Zones: clearance words, and networks that mean something (law 1, last point).

Rules enforced:
1. A premises zone names its networks: "on the premises" is checked, not claimed.
2. A network is a CIDR block without host bits, not IPv4 in IPv6 clothes, and not so wide that it names everything.
3. A zone off the premises that would take what can't be read is a warning.
4. What may be masked are types that name a value, for a zone off the premises; masking what is restricted is a warning.
"""

from __future__ import annotations

from ipaddress import IPv6Network, ip_network

from douane.config import schema
from douane.config.labels import Labels
from douane.config.problems import Path, Problems, choose, dotted, quoted
from douane.core.finding import FINDING_TYPES
from douane.core.label import Clearance, Label, Level
from douane.core.pseudonym import NEVER_MASKED
from douane.core.zone import Certification, Network, Zone

NOTHING_ABOVE_PUBLIC = Clearance(Level.PUBLIC)
"""Stands for a clearance that has a problem."""

_MASKABLE = tuple(kind for kind in FINDING_TYPES if kind not in NEVER_MASKED)

_WIDEST_PREFIX = {4: 8, 6: 7}
"""As wide as the widest private blocks: 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193)."""


def compile_zones(given: dict[str, schema.Zone], labels: Labels, unknown: Label, problems: Problems) -> dict[str, Zone]:
    """Return the zones of which it is known whether they are on the premises; each problem is recorded."""
    zones: dict[str, Zone] = {}
    for name, wanted in given.items():
        path: Path = ("zones", name)
        clearance = labels.clearance(path, wanted.clearance, wanted.compartments)
        networks = _networks(wanted, path, problems)
        if problems.doubtful(*path, "premises"):
            continue
        clearance = clearance or NOTHING_ABOVE_PUBLIC
        zones[name] = Zone(
            name,
            wanted.premises,
            clearance,
            networks or (),
            wanted.country,
            wanted.operator,
            wanted.legal_parent,
            wanted.retention_days,
            wanted.trains_on_content,
            tuple(Certification(one.name, one.expires, one.source) for one in wanted.certifications),
            _mask(wanted, path, problems),
            wanted.mask_restricted,
            frozenset(wanted.unmask_tools),
        )
        if not wanted.premises and clearance.permits(unknown):
            problems.warn(
                "unread_may_leave",
                "What can't be read stays on the premises.",
                f"Zone {quoted(name)}, off the premises, is cleared for `{unknown}`, the label of what can't be read.",
                f"Lower `{dotted((*path, 'clearance'))}`, or raise `policy.unknown`.",
            )
    return zones


def _mask(wanted: schema.Zone, path: Path, problems: Problems) -> frozenset[str]:
    """Return the types that may be masked for a zone, a problem for each that can't be."""
    here: Path = (*path, "mask")
    if wanted.premises and wanted.mask:
        problems.refuse(
            here,
            "Masking is for zones off the premises.",
            f"`{dotted(path)}` is on the premises and has a `mask`.",
            "Leave `mask` out, and give the zone the clearance that it is to have.",
        )
    for place, name in enumerate(wanted.mask):
        kind = name.partition(":")[0]
        if kind not in _MASKABLE:
            problems.refuse(
                (*here, place),
                "Only what names a value can be masked.",
                f"`{dotted((*here, place))}` is {quoted(name)}, which is no finding type that can be masked.",
                choose(kind, _MASKABLE, ""),
            )
    if wanted.mask and wanted.mask_restricted:
        problems.warn(
            "restricted_is_masked",
            "Pseudonymised data remain personal data, and restricted content is masked for nobody by default.",
            f"`{dotted((*path, 'mask_restricted'))}` is true: restricted content may leave the premises masked.",
            "Set it to false, unless the zone's operator may process what the masked text still tells.",
        )
    return frozenset(wanted.mask)


def _networks(wanted: schema.Zone, path: Path, problems: Problems) -> tuple[Network, ...] | None:
    here: Path = (*path, "networks")
    if wanted.premises and not wanted.networks:
        problems.refuse(
            here,
            "A zone on the premises names its networks.",
            f"`{dotted(path)}` is on the premises and names no networks.",
            'Add `networks`, such as `["127.0.0.0/8", "::1/128", "10.0.0.0/8"]`: its connections are held to them.',
        )
        return None
    found = [_network(text, (*here, place), problems) for place, text in enumerate(wanted.networks)]
    networks = tuple(network for network in found if network is not None)
    return networks if len(networks) == len(found) else None


def _network(text: str, path: Path, problems: Problems) -> Network | None:
    rule = "A network is a CIDR block."
    try:
        network = ip_network(text)
    except ValueError:
        fact = f"`{dotted(path)}` is {quoted(text)}, which is no CIDR block."
        problems.refuse(path, rule, fact, _block_meant(text))
        return None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        problems.refuse(
            path, rule, f"`{dotted(path)}` is IPv4 written as IPv6; it would never match.",
            "Write the IPv4 network itself.",
        )  # fmt: skip
        return None
    if network.prefixlen < _WIDEST_PREFIX[network.version]:
        problems.refuse(
            path,
            "A network names a part of the world.",
            f"`{dotted(path)}` is {quoted(text)}, which holds most addresses there are.",
            f"Name the networks that you use; the prefix is at least /{_WIDEST_PREFIX[network.version]}.",
        )
        return None
    return network


def _block_meant(text: str) -> str:
    """Return the fix for a block that cannot be read: without its host bits, where that is all that is wrong."""
    try:
        return f"Write {quoted(ip_network(text, strict=False))}: its address may have no bits beyond its prefix."
    except ValueError:
        return "Write an address and a prefix length, such as `10.0.0.0/8` or `::1/128`."

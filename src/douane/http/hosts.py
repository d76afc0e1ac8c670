"""Which Host names this server answers for (DNS rebinding: a browser can be made to send another site's name here).

Rules enforced:
1. A Host field is `name`, `name:port`, `[IPv6]` or `[IPv6]:port` (RFC 9110 section 7.2); anything else is malformed.
2. Names are compared without case, IPv6 literals by value; the port is ignored.

How many Host fields a request has is left to `douane.http.rules`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME: Final = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)(?::[0-9]{1,5})?", re.ASCII)
_LITERAL: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?", re.ASCII)
_MAX_SPELLINGS: Final = 64


def host_name(field: str) -> str | None:
    """Return the host of a Host field in its one normal spelling, or None where the field is malformed.

    >>> host_name("LocalHost:8080"), host_name("[0:0::1]:80"), host_name("a b")
    ('localhost', '::1', None)
    """
    if match := _NAME.fullmatch(field):
        return match[1].lower()
    if match := _LITERAL.fullmatch(field):
        try:
            return str(ipaddress.IPv6Address(match[1]))
        except ValueError:
            return None
    return None


def known_name(host: str) -> str | None:
    """Return an entry of `server.hosts` in its one normal spelling: a Host field, or an IPv6 address as it is.

    >>> known_name("LocalHost:8080"), known_name("0:0::1"), known_name("a..")
    ('localhost', '::1', None)
    """
    return host_name(host) or host_name(f"[{host}]")


def is_local(host: str) -> bool:
    """Tell whether a name or an address means this machine, to itself alone.

    >>> is_local("localhost"), is_local("::1"), is_local("0.0.0.0")
    (True, True, False)
    """
    address = _literal(host)
    return host == "localhost" if address is None else address.is_loopback


def way_to(bound: str, hosts: Iterable[str]) -> str | None:
    """Return the host by which a listener on the address `bound` is reached and answers; None where there is none.

    The address itself where it is known, else a local name, else the first other one. A listener on every address
    (0.0.0.0, ::) is reached by addresses of its own family alone, one on a single address by that one or by a name.

    >>> way_to("0.0.0.0", ["llm.example.com", "localhost"]), way_to("::", ["127.0.0.1"]), way_to("10.0.0.5", ["::1"])
    ('localhost', None, None)
    """
    at = _literal(bound)
    names = [name for name in map(known_name, hosts) if name is not None and _leads_to(at, name)]
    if bound in names and at is not None and not at.is_unspecified:
        return bound
    return min(names, key=lambda name: (not is_local(name), _literal(name) is None), default=None)


def _leads_to(at: Address | None, name: str) -> bool:
    """Tell whether who dials a name can reach a listener at an address; None is one that is no plain literal."""
    literal = _literal(name)
    if literal is None:
        return name != "localhost" or at is None or at.is_unspecified or at.is_loopback
    return literal == at or (at is not None and at.is_unspecified and literal.version == at.version)


def _literal(host: str) -> Address | None:
    """Return the address that a host is, or None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class KnownHosts:
    """The names of `server.hosts`, and a bounded memory of spellings already found to be one of them."""

    __slots__ = ("_names", "_spellings")

    def __init__(self, hosts: Iterable[str]) -> None:
        self._names = frozenset(name for name in map(known_name, hosts) if name is not None)
        self._spellings: set[bytes] = set()

    def __contains__(self, field: bytes) -> bool:
        if field in self._spellings:
            return True
        name = host_name(field.decode("latin-1"))
        if name not in self._names:
            return False
        if len(self._spellings) < _MAX_SPELLINGS:
            self._spellings.add(field)
        return True

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


class KnownHosts:
    """The names of `server.hosts`, and a bounded memory of spellings already found to be one of them."""

    __slots__ = ("_names", "_spellings")

    def __init__(self, hosts: Iterable[str]) -> None:
        names = (host_name(f"[{host}]" if ":" in host and not host.startswith("[") else host) for host in hosts)
        self._names = frozenset(name for name in names if name is not None)
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

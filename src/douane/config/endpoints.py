"""Addresses of upstreams: a URL that can be read in one way only.

Refused: another scheme than http and https, credentials, query, fragment, ports out of range, hosts that some resolvers
take for numbers (`0x7f.1`, `2130706433`, RFC 3986 section 7.4), scoped IPv6, hosts that are not ASCII.
Whether an address may be dialled is the zone's rule: literal ones are checked here, names at each connect.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from douane.core.models.catalogue import Endpoint
from douane.core.zone import Address, Zone

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_NUMBER = re.compile(r"(\d+|0x[0-9a-f]*)\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~%:+-]+)*/?\Z")
_PORTS = {"http": 80, "https": 443}


class NotAnEndpoint(ValueError):
    """Why a URL is no endpoint; the text never quotes it, since it may hold credentials."""


def endpoint_of(url: str) -> Endpoint:
    """Return the endpoint that a base URL names.

    >>> endpoint_of("http://[::1]:8000/v1/")
    Endpoint(scheme='http', host='::1', port=8000, path='/v1')
    """
    if not url.isascii() or any(char <= " " or char in '\\"<>^`{|}\x7f' for char in url):
        raise NotAnEndpoint("holds characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAnEndpoint("has a host or port that cannot be read") from None
    if parts.scheme not in _PORTS:
        raise NotAnEndpoint("starts with neither `https://` nor `http://`")
    if "@" in parts.netloc:
        raise NotAnEndpoint("holds credentials")
    if "?" in url or "#" in url:
        raise NotAnEndpoint("holds a query or a fragment")
    if port == 0 or parts.netloc.endswith(":"):
        raise NotAnEndpoint("has a host or port that cannot be read")
    if not _PATH.match(parts.path) or "/." in parts.path:
        raise NotAnEndpoint("has a path that is not plain")
    return Endpoint(parts.scheme, _host(parts), port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def literal(host: str) -> Address | None:
    """Return the address that a host is, or None where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if literal(host) is not None and "%" not in host:
        return host
    if _NUMBER.match(host.rpartition(".")[2]):
        raise NotAnEndpoint("has a host that some resolvers take for a number")
    if not _NAME.match(host):
        raise NotAnEndpoint("has a host that is neither a name nor an address")
    return host


def refused_by(zone: Zone, endpoint: Endpoint) -> str | None:
    """Return why a literal address may not be dialled by this zone, or None."""
    address = literal(endpoint.host)
    if address is None or zone.admits(address):
        return None
    if zone.networks:
        return f"lies outside the networks of zone `{zone.name}`"
    return f"is not a public address, and zone `{zone.name}` names no networks"

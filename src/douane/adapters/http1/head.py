"""The head of a request, built from the endpoint and the call.

Rules enforced:
1. Nothing that could end a line early is written: names are tokens, values printable ASCII (RFC 9110, 5.1 and 5.5).
2. Host, length, connection and encodings are this client's: a call that names them is not sent.
3. Only methods whose answers are framed like any other are sent: no HEAD, no CONNECT.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from douane.adapters.http1.faults import failed
from douane.core.models.catalogue import Endpoint
from douane.wire.call import Call

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]{0,16382}[\x21-\x7e])?")
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]{0,8191}")
_HOST = re.compile(r"[0-9A-Za-z._-]{1,253}")
_MAX_KNOWN = 256
_METHODS = frozenset({"GET", "POST"})
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
     "accept-encoding", "proxy-connection", "proxy-authorization", "proxy-authenticate", "cookie"}
)  # fmt: skip
_DEFAULT_PORT = {"http": 80, "https": 443}


def host_name(host: str) -> str | None:
    """Return the host as it is resolved and verified, without brackets or a last dot; None where it is none.

    >>> host_name("[::1]"), host_name("example.org."), host_name("a b")
    ('::1', 'example.org', None)
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host.removesuffix(".")
    if ":" in bare:
        return bare if _is_ipv6(bare) else None
    return bare if _HOST.fullmatch(bare) else None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def authority(endpoint: Endpoint, host: str) -> str:
    """Return what the Host header says: brackets around IPv6, the port unless it is the scheme's own."""
    name = f"[{host.partition('%')[0]}]" if ":" in host else host
    return name if endpoint.port == _DEFAULT_PORT.get(endpoint.scheme) else f"{name}:{endpoint.port}"


class Heads:
    """Builds heads, and keeps a bounded number of them: a deployment's calls differ in their length alone."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], bytes] = {}

    def head(self, deployment: str, endpoint: Endpoint, call: Call) -> bytes:
        """Return the request's head, up to and with the empty line. Raises UpstreamFailed, stage `send`."""
        asked = (endpoint, call.method, call.path, call.headers, not call.payload)
        known = self._known.get(asked)
        if known is None:
            known = _up_to_length(deployment, endpoint, call)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[asked] = known
        return b"%b%d\r\n\r\n" % (known, len(call.payload))


def _up_to_length(deployment: str, endpoint: Endpoint, call: Call) -> bytes:
    host = host_name(endpoint.host)
    if host is None or endpoint.scheme not in _DEFAULT_PORT:
        raise failed(deployment, "connect", "has no usable host or scheme", "Correct its `base_url`.")
    target = endpoint.path + call.path
    if call.method not in _METHODS or not _TARGET.fullmatch(target):
        raise failed(deployment, "send", "was given a method or path that may not be sent", "Correct its `base_url`.")
    lines = [f"{call.method} {target} HTTP/1.1\r\nhost: {authority(endpoint, host)}\r\naccept-encoding: identity\r\n"]
    named: set[str] = set()
    for name, value in call.headers:
        lower = name.lower()
        if lower in _OURS or lower in named or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise failed(
                deployment,
                "send",
                "was given a header that may not be sent: reserved, repeated, or with characters that HTTP forbids",
                "Check its `api_key`: printable ASCII on one line.",
            )
        named.add(lower)
        lines.append(f"{lower}: {value}\r\n")
    if "user-agent" not in named:
        lines.append("user-agent: douane\r\n")
    if "accept" not in named:
        lines.append("accept: */*\r\n")
    if call.payload and "content-type" not in named:
        lines.append("content-type: application/json\r\n")
    lines.append("content-length: ")
    return "".join(lines).encode("ascii")

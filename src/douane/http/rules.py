"""What a request's head must be before anything of it is used.

Rules enforced (RFC 9112; request smuggling lives where two parsers read one of these differently, so doubt refuses):
1. HTTP/1.1 or HTTP/1.0, and a target in origin form, printable, without fragment, control character or encoded slash
   (save in a model's name).
2. Exactly one Host field, and a known one; HTTP/1.0 is not excepted.
3. One framing: at most one Content-Length of digits alone, or one `Transfer-Encoding: chunked` (HTTP/1.1), never both.
4. A declared length above the bound is refused before a byte of the body is read.
5. No CONNECT, and no upgrade of a request that has a body.

The bytes of the head, their number and their time are bounded by `douane.http.edge`; character rules of names and
values are the parser's (llhttp, strict).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from douane.errors import InvalidRequest, TooLarge, Unsupported
from douane.http.hosts import KnownHosts

_WATCHED: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
_DIGITS: Final = re.compile(rb"[0-9]{1,15}")
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_ESCAPED_PATH: Final = re.compile(rb"/(?:[A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x7e]*")
_DECODED: Final = re.compile(rb"[\x20-\x7e]*")
_ENCODED_SLASH: Final = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)
_MODEL_PATH: Final = re.compile(rb"/v1/models/(?:(?!%5c)[^/])+", re.IGNORECASE)
"""One name of a model, in which SDKs escape the slash: nothing but a look-up comes of it."""


class Framing(NamedTuple):
    """`length` of the body in bytes, None where it is chunked. `waits`: the client awaits `100 Continue`."""

    length: int | None
    waits: bool


def split_target(target: bytes) -> tuple[str, bytes]:
    """Return the decoded path and the raw query of a request-target."""
    raw_path, _, query = target.partition(b"?")
    if query and not _QUERY.fullmatch(query):
        raise _bad_target()
    if _PLAIN_PATH.fullmatch(raw_path):
        return raw_path.decode("ascii"), query
    slashed = _ENCODED_SLASH.search(raw_path) and not _MODEL_PATH.fullmatch(raw_path)
    if slashed or not _ESCAPED_PATH.fullmatch(raw_path):
        raise _bad_target()
    path = unquote_to_bytes(raw_path)
    if not _DECODED.fullmatch(path):
        raise _bad_target()
    return path.decode("ascii"), query


def check_line(method: bytes, version: str) -> None:
    """Refuse a version other than 1.1 and 1.0, and CONNECT."""
    if version not in ("1.1", "1.0"):
        raise InvalidRequest(
            "The request line names a version of HTTP that is not spoken here.",
            "Send HTTP/1.1; terminate HTTP/2 in a proxy in front.",
            rule="HTTP/1.1 and HTTP/1.0 are answered.",
        )
    if method == b"CONNECT":
        raise Unsupported(
            "The method CONNECT asks for a tunnel.", "Use the API's paths; this is no proxy.", rule="No tunnels."
        )


def check_headers(
    headers: Sequence[tuple[bytes, bytes]], *, version: str, upgrade: bool, hosts: KnownHosts, max_body_bytes: int
) -> Framing:
    """Return how the body is framed. Raises InvalidRequest, TooLarge, Unsupported."""
    watched: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _WATCHED:
            watched.setdefault(name, []).append(value)
    _check_host(watched.get(b"host", ()), hosts)
    length = _framing(watched.get(b"content-length", ()), watched.get(b"transfer-encoding", ()), version)
    if upgrade and length != 0:
        raise Unsupported(
            "The request asks for another protocol and has a body.", "Leave out the Upgrade field.", rule="No upgrades."
        )
    if length is not None and length > max_body_bytes:
        raise body_too_large(max_body_bytes)
    waits = b"expect" in watched and b"100-continue" in [value.lower() for value in watched[b"expect"]]
    return Framing(length, waits and version == "1.1")


def body_too_large(max_body_bytes: int) -> TooLarge:
    """Return the refusal of a body above the bound."""
    return TooLarge(
        f"The request's body is larger than {max_body_bytes} bytes.",
        "Send a smaller request, or raise `server.max_body_bytes`.",
        rule="A body is bounded.",
    )


def _check_host(values: Sequence[bytes], hosts: KnownHosts) -> None:
    if len(values) != 1:
        raise InvalidRequest(
            f"The request has {len(values)} Host fields.", "Send exactly one Host field.", rule="One Host field."
        )
    if values[0] not in hosts:
        raise InvalidRequest(
            "The Host field names a host that this server does not answer for.",
            "Use a name that `server.hosts` lists, or add this one there.",
            rule="Only known hosts are answered.",
        )


def _framing(lengths: Sequence[bytes], codings: Sequence[bytes], version: str) -> int | None:
    if codings:
        if lengths:
            raise _bad_framing("The request has both Content-Length and Transfer-Encoding.")
        if version != "1.1":
            raise _bad_framing("The request is HTTP/1.0 and has a Transfer-Encoding.")
        if len(codings) != 1 or codings[0].strip().lower() != b"chunked":
            raise _bad_framing("The request's Transfer-Encoding is not `chunked` alone.")
        return None
    if not lengths:
        return 0
    if len(lengths) != 1 or not _DIGITS.fullmatch(lengths[0]):
        raise _bad_framing("The request's Content-Length is not one number.")
    return int(lengths[0])


def _bad_framing(problem: str) -> InvalidRequest:
    return InvalidRequest(
        problem, "Send one Content-Length, or `Transfer-Encoding: chunked`.", rule="A body has one framing."
    )


def _bad_target() -> InvalidRequest:
    return InvalidRequest(
        "The request's target is not a path and query of printable ASCII.",
        "Send the path of the API, percent-encoded, without scheme, host and fragment.",
        rule="A target is a path.",
    )

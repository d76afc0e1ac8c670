"""How an answer's head looks on the wire, and what an error answers with."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

from douane.errors import DouaneError
from douane.wire.error_body import dialect_of, error_body, error_headers

Headers = Sequence[tuple[bytes, bytes]]

JSON_HEADERS: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_STATUS_LINES: Final = MappingProxyType(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
)


class Page(NamedTuple):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


def head_bytes(status: int, headers: Headers, framing: bytes, *, close: bool) -> bytes:
    """Return status line and headers. `framing` is the field that frames the body, with its line end, or b"".

    Raises ValueError where a name or a value would break the head in two.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status, *map(b": ".join, headers)]
    told = b"".join(lines)
    if b"\n" in told or b"\r" in told or b"\0" in told:
        raise ValueError("an answer's header holds a line break or NUL")
    lines.append(b"%bconnection: close\r\n" % framing if close else framing)
    return b"%b\r\n" % b"\r\n".join(lines)


def error_page(error: DouaneError, request_id: str, path: str = "", *, extra: Headers = ()) -> Page:
    """Return the answer that an error is. It says whether a retry is useless, and when one may help."""
    headers = [*JSON_HEADERS, (b"x-request-id", request_id.encode("ascii", "replace")), *error_headers(error), *extra]
    return Page(error.status, headers, error_body(error, dialect=dialect_of(path)))

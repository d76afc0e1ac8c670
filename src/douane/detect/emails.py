"""E-mail addresses (RFC 5321 in everyday use; internationalised domains in Latin letters included)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe

_LOCAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+-/=?^_`{|}~"
_LATIN = bytes(range(0x80, 0xC0)) + b"\xc3\xc4\xc5"
_LOCAL_AND_LATIN = _LOCAL + _LATIN
_LEADING = b".!#$%&'*+-/=?^`{|}~" + bytes(range(0x80, 0xC0))
_CUTS = b"/=?&|'`{}"
_LABEL = rb"(?:[A-Za-z0-9]|[\xc3-\xc5][\x80-\xbf])(?:[A-Za-z0-9\-]|[\xc3-\xc5][\x80-\xbf]){0,62}"
_DOMAIN = re.compile(rb"(?:" + _LABEL + rb"\.){1,8}((?:xn--[A-Za-z0-9\-]{2,59}|[A-Za-z]{2,24}))(?![A-Za-z0-9])")
_BACKSLASH, _DOT, _COLON = b"\\.:"
_FILE_ENDINGS = frozenset((b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"html", b"json", b"pdf"))
"""`icon@2x.png` names a picture: none of these is a top-level domain (IANA root zone)."""


class EmailDetector:
    """From each `@`: the longest local part to its left, a domain to its right. `private`: at a service for anyone."""

    name = "email"
    version = "2"
    probes: tuple[Probe, ...] = (Probe(rb"[^\x00-\x20@]@[A-Za-z0-9\xc3-\xc5]"),)

    def __init__(self, mailboxes: Collection[str] = ()) -> None:
        self._mailboxes = frozenset(domain.encode() for domain in mailboxes)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for end in ends[0]:
            domain = _DOMAIN.match(data, end - 1)
            if domain is None or domain[1].lower() in _FILE_ENDINGS:
                continue
            at, stop = end - 2, domain.end()
            start = self._local_start(data, at)
            if data[start - 1] == _BACKSLASH and data[start] in b"nrt":
                start += 1
            if start == at or data[at - 1] == _DOT or (data[stop] == _COLON and data[start:at] == b"git"):
                continue
            address = data[start:stop].lower()
            detail = "private" if address[at - start + 1 :] in self._mailboxes else ""
            yield Candidate("EMAIL", start, stop, 0.95, detail, 0, address, "email")

    @staticmethod
    def _local_start(data: bytes, at: int) -> int:
        before = data[max(0, at - 64) : at]
        tail = before[len(before.rstrip(_LOCAL_AND_LATIN)) :]
        if len(tail.translate(None, _CUTS)) < len(tail):
            for sign in _CUTS:
                cut = tail.rfind(sign)
                if cut >= 0 and cut + 1 < len(tail):
                    tail = tail[cut + 1 :]
        return at - len(tail.lstrip(_LEADING))

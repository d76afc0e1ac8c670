"""Tokens with a literal prefix, and credentials of another known shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import ShapeRow, TokenRow
from douane.detect.secrets.alive import is_placeholder

_SEEN_BY_PROBE = 16
_FEWEST_SIGNS = 8  # different ones: asked first, for a repeated prefix costs little so
_END = rb"(?<![.])(?![A-Za-z0-9])"


class TokenDetector:
    """An issuer's prefix and enough of its characters after it."""

    name = "token"
    version = "1"

    def __init__(self, rows: Sequence[TokenRow]) -> None:
        probes: list[Probe] = []
        self._rows: list[tuple[TokenRow, int, re.Pattern[bytes]]] = []
        for row in rows:
            body = row.body.encode()
            seen = min(row.shortest, _SEEN_BY_PROBE)
            for prefix in row.prefixes:
                literal = re.escape(prefix).encode()
                probes.append(Probe(literal + b"[%b]{%d}" % (body, seen)))
                pattern = re.compile(
                    literal + b"[%b]{%d,%d}" % (body, row.shortest, row.longest) + row.then.encode() + _END
                )
                self._rows.append((row, len(prefix) + seen, pattern))
        self.probes = tuple(probes)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for (row, width, pattern), hits in zip(self._rows, ends, strict=True):
            for end in hits:
                start = end - width
                if not row.glued and data[start - 1 : start].isalnum():
                    continue
                found = pattern.match(data, start)
                if found is not None and len(set(found[0])) >= _FEWEST_SIGNS and not is_placeholder(found[0]):
                    yield Candidate("SECRET", found.start(), found.end(), 0.95, row.detail)


class ShapeDetector:
    """A pattern of its own around a telling word."""

    name = "credential"
    version = "1"

    def __init__(self, rows: Sequence[ShapeRow]) -> None:
        self.probes = tuple(Probe(row.probe.encode("latin-1"), row.caseless) for row in rows)
        self._rows = [
            (row, re.compile(row.pattern.encode("latin-1"), re.IGNORECASE if row.caseless else 0)) for row in rows
        ]

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for (row, pattern), hits in zip(self._rows, ends, strict=True):
            done = 0
            for end in hits:
                if end <= done:
                    continue
                if row.back:
                    found = pattern.search(data, max(done, end - row.back), end + row.reach)
                else:
                    found = pattern.match(data, end - row.width)
                if found is None or found.start() > end:
                    continue
                done = found.end()
                group = 1 if pattern.groups else 0
                if not (row.alive and is_placeholder(found[group])):
                    yield Candidate("SECRET", found.start(group), found.end(group), 0.9, row.detail)

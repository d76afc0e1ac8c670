"""Tokens with a literal prefix, and credentials of another known shape.

All prefixes whose tokens go on with the same characters share one probe. A row's own pattern is compiled when its
prefix is first met: hundreds of rows cost no memory in a process that never sees their vendors' tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import ShapeRow, TokenRow
from douane.detect.secrets.alive import is_alive, is_placeholder, looks_drawn
from douane.detect.secrets.heads import apart
from douane.detect.secrets.limits import A_FINDING, A_PLACE, A_VALUE, Allowance, crowded

_SEEN_BY_PROBE = 16
_FEWEST_SIGNS = 8  # different ones: asked first, for a repeated prefix costs little so
_BYTES_A_PLACE = 16  # where a row looks back
_INSIDE_A_BLOB = (b"+", b"/")
_END = rb"(?<![.])(?![A-Za-z0-9])"


class _Prefix:
    """One prefix of one row."""

    __slots__ = ("_pattern", "head", "row")

    def __init__(self, row: TokenRow, head: bytes) -> None:
        self.row = row
        self.head = head
        self._pattern: re.Pattern[bytes] | None = None

    @property
    def pattern(self) -> re.Pattern[bytes]:
        if self._pattern is None:
            row = self.row
            body = b"[%b]{%d,%d}" % (row.body.encode(), row.shortest, row.longest)
            self._pattern = re.compile(re.escape(self.head) + body + row.then.encode() + _END)
        return self._pattern


class _Group:
    """The prefixes that one probe finds, by length and spelling."""

    __slots__ = ("heads", "probe", "seen", "widths")

    def __init__(self, body: str, seen: int, heads: Mapping[str, Sequence[TokenRow]]) -> None:
        self.seen = seen
        self.heads = {head.encode(): [_Prefix(row, head.encode()) for row in rows] for head, rows in heads.items()}
        self.widths = sorted({len(head) for head in self.heads}, reverse=True)
        self.probe = Probe(b"[%b]{%d}" % (body.encode(), seen), heads=tuple(re.escape(head) for head in self.heads))


class TokenDetector:
    """An issuer's prefix and enough of its characters after it."""

    name = "token"
    version = "2"

    def __init__(self, rows: Sequence[TokenRow]) -> None:
        alike: dict[tuple[str, int], dict[str, list[TokenRow]]] = {}
        for row in rows:
            heads = alike.setdefault((row.body, min(row.shortest, _SEEN_BY_PROBE)), {})
            for prefix in row.prefixes:
                heads.setdefault(prefix, []).append(row)
        self._groups = [
            _Group(body, seen, {head: heads[head] for head in group})
            for (body, seen), heads in alike.items()
            for group in apart(heads)
        ]
        self.probes = tuple(group.probe for group in self._groups)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        allowance = Allowance(data)
        for group, hits in zip(self._groups, ends, strict=True):
            done = 0
            for end in hits:
                if end - group.seen < done:
                    continue
                if allowance.spent(A_PLACE):
                    yield crowded(data, end)
                    return
                for prefix, start in _heads_before(group, data, end):
                    found = prefix.pattern.match(data, start)
                    if found is None:
                        continue
                    if allowance.spent(A_VALUE):
                        yield crowded(data, end)
                        return
                    few = len(set(found[0])) < _FEWEST_SIGNS
                    if not few and (is_placeholder(found[0]) or _is_written(prefix, found[0])):
                        continue
                    done = found.end()
                    if not few:
                        allowance.spent(A_FINDING)
                        yield Candidate("SECRET", start, done, 0.95, prefix.row.detail)
                    break


def _heads_before(group: _Group, data: bytes, end: int) -> Iterator[tuple[_Prefix, int]]:
    """Yield the prefixes that stand where a hit says one does, longer ones first, and where they start."""
    limit = end - group.seen
    for width in group.widths:
        start = limit - width
        for prefix in group.heads.get(data[start:limit], ()) if start >= 0 else ():
            before = data[start - 1 : start]
            if prefix.row.glued or not (before.isalnum() or (prefix.row.drawn and before in _INSIDE_A_BLOB)):
                yield prefix, start


def _is_written(prefix: _Prefix, token: bytes) -> bool:
    return prefix.row.drawn and not looks_drawn(token[len(prefix.head) :], prefix.row.shortest)


class ShapeDetector:
    """A pattern of its own around a telling word."""

    name = "credential"
    version = "2"

    def __init__(self, rows: Sequence[ShapeRow]) -> None:
        self.probes = tuple(Probe(row.probe.encode("latin-1"), row.caseless) for row in rows)
        self._rows = rows
        self._patterns: list[re.Pattern[bytes] | None] = [None] * len(rows)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        allowance = Allowance(data)
        for number, hits in enumerate(ends):
            if not hits:
                continue
            row, pattern = self._rows[number], self._pattern(number)
            cost = A_PLACE + row.back // _BYTES_A_PLACE
            done = 0
            for end in hits:
                if end <= done:
                    continue
                if allowance.spent(cost):
                    yield crowded(data, end)
                    return
                if row.back:
                    found = pattern.search(data, max(done, end - row.back), end + row.reach)
                else:
                    found = pattern.match(data, end - row.width)
                if found is None or found.start() > end:
                    continue
                done = found.end()
                group = 1 if pattern.groups else 0
                if is_alive(found[group], row.alive):
                    allowance.spent(A_FINDING)
                    yield Candidate("SECRET", found.start(group), found.end(group), 0.9, row.detail)

    def _pattern(self, number: int) -> re.Pattern[bytes]:
        pattern = self._patterns[number]
        if pattern is None:
            row = self._rows[number]
            flags = re.IGNORECASE if row.caseless else 0
            pattern = self._patterns[number] = re.compile(row.pattern.encode("latin-1"), flags)
        return pattern

"""Protection marks on documents: TLP, CONFIDENTIEL, DIFFUSION RESTREINTE, classified marks of France, EU and NATO.

A mark is not a word: `a secret ingredient` is none. A row says where its words count: in any case and place (fixed
phrases), in capitals, or only where a header or footer would stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from douane.detect.detector import BLANK, Candidate, windows
from douane.detect.engine import Probe
from douane.detect.rules import MarkRow

_REACH = 96
_GAP = b"(?:" + BLANK + rb"|\r|\n)"
_BLANKS = re.compile(rb" \??")
_ANNOUNCED = re.compile(
    rb"(?:classification|classified|confidentialit(?:y|\xc3\xa9|e)|niveau|marking|mention|protection|sensibilit(?:\xc3\xa9|e)"
    rb"|sensitivity|einstufung|level|label)[\"'*\x01\x00 ]{0,4}(?:[:=]|\x00)[\"'* ]{0,3}\Z",
    re.I,
)
_LINE_END = re.compile(rb"[\r\n\x00]|\\n")
_BLANK_BYTES = b" \t\xc2\xa0\xaf"
_AFTER_ANNOUNCEMENT = frozenset((b":", b"=", b"\x00", b'"', b"'", b"*"))
_EDGES = b"\x00\r\n\\-*/|#=_~[](){}<>:!.\xe2\x80\x93\x94\xc2\xab\xbb\"'"
_TITLE_LEFT = re.compile(rb"[ \t]*(?:#{1,6} ?|> ?|\*\*|__|\[|\()?\Z")
_TITLE_RIGHT = re.compile(rb"[ \t]*(?:\*\*|__|\]|\))?[ \t]*(?:\Z|[-/|]|\xe2\x80[\x93\x94])")
_CODE_AFTER = re.compile(rb"[ \t]{0,2}(?:=[^=]|\()")


class MarkDetector:
    """All marks of the rows; of marks that overlap, the one that begins first and is longest."""

    name = "mark"
    version = "1"

    def __init__(self, rows: Sequence[MarkRow]) -> None:
        probes = list(dict.fromkeys(row.probe for row in rows))
        self.probes = tuple(Probe(_bytes(probe), caseless=True) for probe in probes)
        self._rows = [(row, probes.index(row.probe), _compiled(row.pattern)) for row in rows]

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        found = [
            mark
            for row, probe, pattern in self._rows
            if ends[probe]
            for mark in self._of_row(data, ends[probe], row, pattern)
        ]
        found.sort(key=lambda mark: (mark.start, -mark.end))
        done = 0
        for mark in found:
            if mark.start >= done:
                done = mark.end
                yield mark

    @staticmethod
    def _of_row(data: bytes, ends: list[int], row: MarkRow, pattern: re.Pattern[bytes]) -> Iterator[Candidate]:
        for low, high in windows(ends, _REACH, _REACH):
            for match in pattern.finditer(data, low, high):
                if row.where == "phrase" or _is_mark(data, match, header_only=row.where == "header"):
                    yield Candidate("MARK", match.start(), match.end(), 0.9, row.detail)


def _is_mark(data: bytes, match: re.Match[bytes], *, header_only: bool) -> bool:
    start, end = match.span()
    words = match[0].decode("utf-8", "replace")
    capitals = words.isupper()
    if capitals and not header_only:
        return data[start - 1 : start] != b"." and _CODE_AFTER.match(data, end) is None
    left = data[max(0, start - 24) : start].rstrip(_BLANK_BYTES)[-1:]
    if left in _AFTER_ANNOUNCEMENT and _ANNOUNCED.search(data, max(0, start - 48), start) is not None:
        return True
    right = data[end : end + 24].lstrip(_BLANK_BYTES)[:1]
    if not (_edge(left) and _edge(right)):
        return False
    if capitals:
        return _CODE_AFTER.match(data, end) is None
    alone = data[start - 1] == 0 and data[end] == 0
    return words[:1].isupper() and not alone and _is_title(*_rest_of_line(data, start, end))


def _is_title(before: bytes, after: bytes) -> bool:
    return _TITLE_LEFT.match(before) is not None and _TITLE_RIGHT.match(after) is not None


def _rest_of_line(data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """Return what stands before and after a span on its line, blanks at the span's side removed, 200 bytes at most."""
    before = _LINE_END.split(data[max(0, start - 200) : start])[-1]
    after = _LINE_END.split(data[end : end + 200], maxsplit=1)[0]
    return before.rstrip(_BLANK_BYTES), after.lstrip(_BLANK_BYTES)


def _edge(sign: bytes) -> bool:
    return sign in _EDGES


def _bytes(pattern: str) -> bytes:
    """Return a pattern for bytes in which a letter with an accent stands for both of its cases."""
    return b"".join(
        char.encode() if char.isascii() else b"(?:" + char.encode() + b"|" + char.upper().encode() + b")"
        for char in pattern
    )


def _compiled(pattern: str) -> re.Pattern[bytes]:
    spaced = _BLANKS.sub(lambda blank: _GAP + (b"{0,2}" if blank[0] == b" ?" else b"{1,4}"), _bytes(pattern))
    return re.compile(rb"(?<![A-Za-z0-9_])(?:" + spaced + rb")(?![A-Za-z0-9_])", re.IGNORECASE)

"""Protection marks on documents: TLP, CONFIDENTIEL, DIFFUSION RESTREINTE, classified marks of states, EU and NATO.

A mark is not a word: `a secret ingredient` is none. A row says where its words count: in any case and place (fixed
phrases, and what a text says of itself), in capitals or set apart, or only where a header or footer would stand.
Levels that are listed beside each other (`PUBLIC, INTERNAL, CONFIDENTIAL`) are talk about marks.

Border cases, decided: `classé secret défense` in small letters is talk of the press; `Ce document est classé secret
défense` is a mark. `TLP:RED` is one even in a question about it. What keeps a promise (`will be kept strictly
confidential`, `streng vertraulich behandelt`) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from douane.detect.detector import BLANK, Candidate, windows
from douane.detect.engine import Probe
from douane.detect.rules import MarkRow

_GAP = b"(?:" + BLANK + rb"|\r|\n)"
_BLANKS = re.compile(rb" \??")
_SIGN_OF_A_WORD = rb"[^\x20.!?\x00]"
"""As rows write it. A blank of any kind is none: what may be either is tried as both."""
_ANNOUNCES = tuple(
    word.encode() for word in (
        "classification", "classified", "confidentiality", "confidentialité", "confidentialite", "niveau", "marking",
        "mention", "protection", "sensibilité", "sensibilite", "sensitivity", "einstufung", "geheimhaltungsgrad",
        "vertraulichkeit", "vertraulichkeitsstufe", "schutzklasse", "level", "label", "nivel", "livello",
        "clasificación", "clasificacion", "classificazione", "confidencialidad", "riservatezza",
    )
)  # fmt: skip
_SIGNS_BEFORE_MARK, _MOST_SIGNS_BEFORE_MARK = b"\"'* ", 3
_SIGNS_AFTER_WORD, _MOST_SIGNS_AFTER_WORD = b"\"'*\x01\x00 ", 4
_ANNOUNCING_SIGNS = frozenset(b":=\x00")
_LINE_ENDS = (b"\r", b"\n", b"\x00", b"\\n")
_LINE_END = re.compile(rb"[\r\n\x00]|\\n")
_BLANK_BYTES = b" \t\xc2\xa0\xaf"
_AFTER_ANNOUNCEMENT = frozenset((b":", b"=", b"\x00", b'"', b"'", b"*"))
_LEVEL = (
    rb"(?:public|publique?|open|internal|interne?|restricted|restreint|confidential|confidentiel|vertraulich|secret"
    rb"|geheim|(?:\xc3\xb6|\xc3\x96)ffentlich|top secret|interno|p(?:\xc3\xba|\xc3\x9a)blico|pubblico|confidencial"
    rb"|riservato|segreto|secreto)"
)
_JOINS = re.compile(rb"[,|]| (?:and|or|et|ou|und|oder|[yoe]) ", re.I)
_LISTED_LEFT = re.compile(_LEVEL + rb"[\"'`* ]{0,3}(?:[,|]|,? (?:and|or|et|ou|und|oder|y|o|e))[\"'`* ]{0,4}\Z", re.I)
_LISTED_RIGHT = re.compile(rb"[\"'`* ]{0,3}(?:[,|]|,? (?:and|or|et|ou|und|oder|y|o|e) )[\"'`* ]{0,4}" + _LEVEL, re.I)
_EDGES = b"\x00\r\n\\-*/|#=_~[](){}<>:!.\xe2\x80\x93\x94\xc2\xab\xbb\"'"
_WORD_SIGNS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_")
_TITLE_LEFT = re.compile(rb"[ \t]*(?:#{1,6} ?|> ?|\*\*|__|\[|\()?\Z")
_TITLE_RIGHT = re.compile(rb"[ \t]*+(?:(?:\*\*|__|[\])])[ \t]*+)?(?:\Z|-(?!- [a-z])|[/|]|\xe2\x80[\x93\x94])")
_CODE_BEFORE = re.compile(rb"(?:\.|[=!]= ?)\Z")
_CODE_AFTER = re.compile(rb"[ \t]{0,2}(?:=[^=]|\()")


class MarkDetector:
    """All marks of the rows; of marks that overlap, the one that begins first and is longest."""

    name = "mark"
    version = "2"

    def __init__(self, rows: Sequence[MarkRow]) -> None:
        probes = list(dict.fromkeys(row.probe for row in rows))
        self.probes = tuple(Probe(_bytes(probe), caseless=True) for probe in probes)
        self._rows = [(row, probes.index(row.probe), _compiled(row.pattern)) for row in rows]

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        small = data.lower()
        found = [
            mark
            for row, probe, pattern in self._rows
            if ends[probe]
            for mark in self._of_row(data, small, ends[probe], row, pattern)
        ]
        found.sort(key=lambda mark: (mark.start, -mark.end))
        done = 0
        for mark in found:
            if mark.start >= done:
                done = mark.end
                yield mark

    @staticmethod
    def _of_row(
        data: bytes, small: bytes, ends: list[int], row: MarkRow, pattern: re.Pattern[bytes]
    ) -> Iterator[Candidate]:
        for low, high in windows(ends, row.reach, row.reach):
            for match in pattern.finditer(small, low, high):
                start, end = match.span()
                if small[start - 1] in _WORD_SIGNS:
                    continue
                if row.where == "phrase" or _is_mark(data, start, end, row.where):
                    yield Candidate("MARK", start, end, 0.9, row.detail)


def _is_mark(data: bytes, start: int, end: int, where: str) -> bool:
    words = data[start:end].decode("utf-8", "replace")
    return _is_set_apart(data, start, end, words, where) and not (words.isalpha() and _is_listed(data, start, end))


def _is_set_apart(data: bytes, start: int, end: int, words: str, where: str) -> bool:
    if words.isupper() and where != "header":
        return _CODE_BEFORE.search(data, max(0, start - 3), start) is None and _CODE_AFTER.match(data, end) is None
    left = data[max(0, start - 24) : start].rstrip(_BLANK_BYTES)[-1:]
    right = data[end : end + 24].lstrip(_BLANK_BYTES)[:1]
    if left in _AFTER_ANNOUNCEMENT and _is_announced(data[max(0, start - 48) : start]):
        return True
    if where == "strong":
        return _edge(left) and (_edge(right) or right == b",")
    return _edge(left) and _edge(right) and _stands_apart(data, start, end, words)


def _is_announced(before: bytes) -> bool:
    """Tell whether what stands before a mark ends in a word such as `Classification:`."""
    said = before.rstrip(_SIGNS_BEFORE_MARK)
    if len(before) - len(said) > _MOST_SIGNS_BEFORE_MARK or not said or said[-1] not in _ANNOUNCING_SIGNS:
        return False
    word = said[:-1].rstrip(_SIGNS_AFTER_WORD)
    return len(said) - 1 - len(word) <= _MOST_SIGNS_AFTER_WORD and word.lower().endswith(_ANNOUNCES)


def _stands_apart(data: bytes, start: int, end: int, words: str) -> bool:
    """Tell whether words between edges are a header: in capitals, or the title of their line."""
    if words.isupper():
        return _CODE_AFTER.match(data, end) is None
    alone = data[start - 1] == 0 and data[end] == 0
    return words[:1].isupper() and not alone and _is_title(*_rest_of_line(data, start, end))


def _is_listed(data: bytes, start: int, end: int) -> bool:
    """Tell whether a level stands beside another one in a list."""
    if _JOINS.search(data, max(0, start - 8), start) is None and _JOINS.search(data, end, end + 8) is None:
        return False
    return (
        _LISTED_LEFT.search(data, max(0, start - 32), start) is not None
        or _LISTED_RIGHT.match(data, end, end + 32) is not None
    )


def _is_title(before: bytes, after: bytes) -> bool:
    return _TITLE_LEFT.match(before) is not None and _TITLE_RIGHT.match(after) is not None


def _rest_of_line(data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """Return what stands before and after a span on its line, blanks at the span's side removed, 200 bytes at most."""
    low = max(0, start - 200)
    begin = max(low, *(data.rfind(sign, low, start) + len(sign) for sign in _LINE_ENDS))
    stop = _LINE_END.search(data, end, end + 200)
    after = data[end : stop.start() if stop is not None else end + 200]
    return data[begin:start].rstrip(_BLANK_BYTES), after.lstrip(_BLANK_BYTES)


def _edge(sign: bytes) -> bool:
    return sign in _EDGES


def _bytes(pattern: str) -> bytes:
    """Return a pattern for bytes in which a letter with an accent stands for both of its cases."""
    return b"".join(
        char.encode() if char.isascii() else b"(?:" + char.encode() + b"|" + char.upper().encode() + b")"
        for char in pattern
    )


def _compiled(pattern: str) -> re.Pattern[bytes]:
    """Return a pattern for text in small letters that begins with a letter: so the search skips to where one stands."""
    spaced = _BLANKS.sub(lambda blank: _GAP + (b"{0,2}" if blank[0] == b" ?" else b"{1,4}"), _bytes(pattern))
    spaced = spaced.replace(_SIGN_OF_A_WORD, rb"(?:(?!" + _GAP + rb")" + _SIGN_OF_A_WORD + rb")")
    return re.compile(rb"(?:" + spaced + rb")(?![a-z0-9_])")

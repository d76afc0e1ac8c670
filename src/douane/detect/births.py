"""Dates of birth: a date in any usual form after a word for birth, or in a column that is headed by one.

A date alone is nothing: most dates are not of anybody's birth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from douane.detect.columns import Columns, tables
from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.identifiers import BY_WORD
from douane.detect.words import keyword_probe, letters

_RANK: Final = 5
"""Above telephone numbers, which dates look like."""
_REACH: Final = 72
_YEAR: Final = rb"(?:19[0-9]{2}|20[0-4][0-9])"
_DAY: Final = rb"(?:3[01]|[12][0-9]|0?[1-9])"
_SIGN: Final = rb"(?:[./\-]| |\xc2\xa0|\xe2\x80\xaf| ?[./] ?)"
_OPENING: Final = b".:) \"'=*"
_ENDINGS: Final = re.compile(rb"[.;|]|(?<!\x01)\x00")


class BirthDetector:
    """The nearest date after a word for birth, with no end of a sentence between."""

    name = "birth"
    version = "1"

    def __init__(self, words: Iterable[str], months: Iterable[str]) -> None:
        self.probes: tuple[Probe, ...] = (keyword_probe(words),)
        named = b"|".join(b"".join(map(letters, month)) for month in sorted(months, key=len, reverse=True))
        of = rb"(?: de| of| del|er|st|nd|rd|th|\xc2\xba|\.)?(?: de| of)? ?"
        forms = (
            _DAY + _SIGN + _DAY + _SIGN + rb"(?:" + _YEAR + rb"|[0-9]{2})",
            _YEAR + rb"[-./]" + _DAY + rb"[-./]" + _DAY,
            _YEAR + rb"(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])",
            _DAY + of + rb"(?:" + named + rb")\.?,?(?: de| del)? ?" + _YEAR,
            rb"(?:" + named + rb")\.? ?" + _DAY + rb"(?:st|nd|rd|th)?,? ?" + _YEAR,
        )
        date = rb"(?<![0-9A-Za-z])(?:" + b"|".join(forms) + rb")(?![0-9])"
        self._date = re.compile(date, re.IGNORECASE)
        self._cell = re.compile(rb"[\"' ]*+(" + date + rb")[^;,\t|\n\x00]{0,12}", re.IGNORECASE)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        words = ends[0]
        for end, following in zip(words, (*words[1:], len(data)), strict=True):
            found = self._date.search(data, end - 1, min(end + _REACH, max(following, end)))
            if found is not None and _is_of_word(data[end - 1 : found.start()]):
                yield _birth(*found.span(), found[0])
        for table in tables(data, words):
            for start, cell in Columns.cells(data, table):
                found = self._cell.fullmatch(cell)
                if found is not None:
                    yield _birth(start + found.start(1), start + found.end(1), found[1])


def _is_of_word(gap: bytes) -> bool:
    """Tell whether what stands between a word and a date ends no sentence, no field and no second line."""
    rest = gap.lstrip(_OPENING)
    return _ENDINGS.search(rest) is None and gap.count(b"\n") <= 1


def _birth(start: int, end: int, date: bytes) -> Candidate:
    return Candidate("DOB", start, end, BY_WORD, "", _RANK, date, "birth")

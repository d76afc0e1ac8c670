"""Names of persons, without a model of language: after a title or a cue, in a field, or a frequent given name.

Precision before recall: a name alone makes little difference to a label, a wrong one beside an address makes much. What
no rule here knows (a name in running text without a title, of a given name that is not in the rows) is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from douane.detect.capitals import AFTER, BEFORE, BLANKS, NAME, PARTICLE, UPPER, WHOLE_NAME, words_of
from douane.detect.columns import Columns, tables
from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.identifiers import BY_WORD
from douane.detect.people_rows import PeopleRows
from douane.detect.words import keyword_probe

_RANK: Final = 1
_INITIAL: Final = UPPER + rb"\."
_ONE: Final = rb"(?:" + PARTICLE + rb"){0,2}" + WHOLE_NAME
_MORE: Final = rb"(?:" + BLANKS + rb"(?:" + _INITIAL + rb"|" + _ONE + rb")" + AFTER + rb")"
_NAMES: Final = rb"(?:" + _INITIAL + BLANKS + rb")?" + _ONE + AFTER + _MORE + rb"{0,3}"
_GAP: Final = rb"(?:[ \t:,;=\"'*(\[>-]|\xc2\xa0|\xe2\x80[\x80-\xaf]|\xc2\xab|\r?\n|\\n|\x01\x00){1,8}"
_TITLED: Final = re.compile(_NAMES)
_AFTER_CUE: Final = re.compile(_GAP + rb"(" + _NAMES + rb")")
_NAMED: Final = re.compile(_ONE + AFTER + rb"(?:-" + NAME + rb")?" + _MORE + rb"{0,2}")
_CELL: Final = re.compile(rb"[\"' ]*+(" + _NAMES + rb")[\"' ]*+")
_BEFORE_BIRTH: Final = re.compile(
    BEFORE
    + rb"("
    + _ONE
    + AFTER
    + _MORE
    + rb"{1,3})[ ,(]{1,3}(?:n\xc3\xa9e?s?|nee?|born|geb|nacid|nat[oa]|ur|nascid|DOB|dob)"
)
_BORN_WITHIN: Final = 80
_REACH: Final = 160
_SURNAME_FIRST: Final = re.compile(BEFORE + UPPER + rb"(?:" + UPPER + rb"|['\-]){1,32}+ \Z")
_INSIDE: Final = frozenset(b"-'@/_.=&")
_CAPITALS: Final = (b"\xc3", b"\xc4", b"\xc5")
_ARTICLES: Final = frozenset(("le", "la", "les", "de", "du", "des", "el", "van", "von", "di", "da"))
_FEW, _ANY = 2, 1
_ASCII: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"
_WORD_SIGNS: Final = _ASCII + bytes(range(0x80, 0xC0)) + b"\xc3\xc4\xc5"


class PersonDetector:
    """A title needs one word in capitals after it, a cue two, a field any; a given name a surname.

    Given names are looked for as bare literals: with a class on either side, 800 of them take the engine twice as long
    to compile, and 7 MB more.
    """

    name = "person"
    version = "1"

    def __init__(self, rows: PeopleRows) -> None:
        self._firms = rows.firms
        self._others = rows.others | rows.firms
        self.probes: tuple[Probe, ...] = (
            Probe(
                rb"[ \xc2][A-Z\xa0\xc3]", heads=tuple(rb"[^A-Za-z]" + re.escape(word).encode() for word in rows.titles)
            ),
            keyword_probe(rows.cues),
            keyword_probe(rows.fields),
            Probe(b"", heads=tuple(re.escape(name).encode() + b" " for name in rows.given)),
            keyword_probe(rows.births),
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        titles, cues, fields, given, births = ends
        found = [
            *self._titled(data, titles),
            *self._announced(data, cues, _FEW),
            *self._announced(data, fields, _ANY),
            *self._given(data, given),
            *self._in_columns(data, fields),
            *self._born(data, births),
        ]
        found.sort(key=lambda one: (one.start, -one.end))
        done = 0
        for one in found:
            if one.start >= done:
                done = one.end
                yield one

    def _titled(self, data: bytes, ends: Sequence[int]) -> Iterator[Candidate]:
        for end in ends:
            start = end - 1 if data[end - 1] != 0xA0 else end
            match = _TITLED.match(data, start, start + _REACH)
            if match is not None:
                yield from self._person(data, match.start(), match.end(), _ANY)

    def _announced(self, data: bytes, ends: Sequence[int], least: int) -> Iterator[Candidate]:
        for end in ends:
            match = _AFTER_CUE.match(data, end - 1, end + _REACH)
            if match is not None:
                yield from self._person(data, match.start(1), match.end(1), least)

    def _given(self, data: bytes, ends: Sequence[int]) -> Iterator[Candidate]:
        done = 0
        for end in ends:
            if end <= done:
                continue
            start = _word_start(data, end - 1)
            match = _NAMED.match(data, start, start + _REACH)
            if match is None or data[start - 1] in _INSIDE or _is_numbered(data, start):
                continue
            first = _SURNAME_FIRST.search(data, max(0, start - 34), start)
            done = match.end()
            yield from self._person(data, first.start() if first is not None else start, done, _FEW)

    def _born(self, data: bytes, ends: Sequence[int]) -> Iterator[Candidate]:
        """Yield the names right before a word for birth: `Jean Dupont, né le`."""
        for end in ends:
            low = max(0, end - _BORN_WITHIN)
            match = _BEFORE_BIRTH.search(data, low, end)
            if match is not None and not _is_numbered(data, match.start(1)):
                yield from self._person(data, match.start(1), match.end(1), _FEW)

    def _in_columns(self, data: bytes, ends: Sequence[int]) -> Iterator[Candidate]:
        for table in tables(data, ends):
            for start, cell in Columns.cells(data, table):
                match = _CELL.fullmatch(cell)
                if match is not None:
                    yield from self._person(data, start + match.start(1), start + match.end(1), _ANY)

    def _person(self, data: bytes, start: int, end: int, least: int) -> Iterator[Candidate]:
        """Cut a name before the first word that is none, and yield it if enough is left."""
        text = data[start:end]
        at = kept = count = 0
        for word in text.replace(b"\xc2\xa0", b"  ").split(b" "):
            plain = word.decode("utf-8", "replace").casefold().rstrip(".")
            if plain in self._others:
                if plain in self._firms:
                    return
                break
            if (word[:1].isupper() or word[:1] in _CAPITALS) and plain not in _ARTICLES:
                count += 1
                kept = at + len(word)
            at += len(word) + 1
        if count < least or data[start + kept] in b"@_":
            return
        value = " ".join(words_of(text[:kept])).encode()
        yield Candidate("PERSON", start, start + kept, BY_WORD, "", _RANK, value, "person")


def _is_numbered(data: bytes, start: int) -> bool:
    """Tell whether a number stands before a word: `648 Douglas Shore` is an address."""
    return data[max(0, start - 3) : start].rstrip(b" \n")[-1:].isdigit()


def _word_start(data: bytes, end: int) -> int:
    """Return where the word begins that ends before `end`."""
    tail = data[max(0, end - 40) : end + 1].rstrip(b" \xc2")
    return max(0, end - 40) + len(tail.rstrip(_WORD_SIGNS))


def _head(text: str) -> bytes:
    return rb"[^A-Za-z]" + re.escape(text).encode()

"""The words around a number that say what it is, or that it is something else.

Rules enforced:
1. A keyword of a type counts within a reach of the number, before or after it, or at the head of its column.
2. A word for something else (`order`, `timestamp`) right before a number denies it, unless the keyword is nearer.

Which words there are is data (data/detectors/identifiers.toml); what a number needs to count, its row says.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from douane.detect.columns import LOOSE, Columns
from douane.detect.engine import Probe
from douane.detect.html_tables import names_next, without_label_end
from douane.detect.identifier_rows import WordRows
from douane.detect.layouts import Layout

_PARTS: Final = re.compile(r"(?:[^\W_]|[.°])+")
_GAP: Final = rb"[^A-Za-z0-9]{0,4}"
"""What may stand between the parts of a keyword: `code fiscal`, `code_fiscal`, `code-fiscal`, `codefiscal`."""
_SHORT_GAPS: Final = (b"", b" ", b"_", b"\\-")
_LONG: Final = 7
_SHORTEST: Final = 2
"""Words so short stand alone: `cb60` is no card, `NIR1850` is one."""
_PLAIN: Final = str.maketrans("àáâãäåçèéêëìíîïñòóôõöùúûüýąćęłńśźżñ", "aaaaaaceeeeiiiinooooouuuuyacelnszzn")
_BACK: Final = 48
"""How far back the words before a number are read, in bytes."""
_WORD: Final = re.compile(r"n°|nº|[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-ZÀ-Þ]+(?![a-zß-ÿ])|[^\W\d_]+")
_BYTES: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){2,}(?![0-9A-Za-z])")
_SENTENCE_END: Final = re.compile(rb"(?<=[0-9])[.;!?]\s")
"""What a word says of a number that ends a sentence, it does not say of the next one."""
_NEXT_SENTENCE: Final = re.compile(rb"[0-9]{5}\)? +(?=[A-Z][a-z]+ )")
"""Nor what it says of a number after which another sentence begins."""
_AFTER: Final = re.compile(
    rb"[ \"'`*]{0,4}(?:\(|(?:as|is|was|for|est|comme|pour|ist|als|es|como|come|\xc3\xa8|jest|jako|\xc3\xa9)\b)"
    rb"[^0-9.;!?\n\x00]{0,40}\Z",
    re.IGNORECASE,
)
"""What stands between a number and a word after it that says what it is: `... as the SIRET`, `... (SIREN)`."""
_NOT_NEXT: Final = re.compile(rb"[^.;!?\n\x00]{0,24}[0-9]")
"""What follows such a word where it names the number after it."""
_PAD: Final = re.compile(
    rb"[A-Za-z.()\-]{0,8}(?: [ .]{2,64}+|[._]{3,64}+|\t{1,64}+)[:=] {0,8}|[A-Za-z.()\-]{0,8} ?[:=][ \t]{1,64}+"
)
"""What stands between a word and its number where those of many lines are aligned: `Bsn-nr.             : `."""
_ALIGNED: Final = 64
_MOST_WORDS: Final = 4
_SAID_WITHIN: Final = 64
CLOSE: Final = 24
"""So many bytes between a keyword and its number are no more than `n° : ` and the like."""


class Vocabulary:
    """Words for something else, those that say nothing, and those that say whose something is."""

    __slots__ = ("connectors", "others", "owned")

    def __init__(self, rows: WordRows) -> None:
        self.others = frozenset(word.casefold() for word in rows.others)
        self.connectors = frozenset(word.casefold() for word in rows.connectors)
        owner = b"|".join(re.escape(word.encode()) for word in rows.owners)
        self.owned = re.compile(rb"[A-Za-z]{0,8}[_.\- ]?(?:" + owner + rb")s?", re.IGNORECASE)


class Words:
    """The words of one scan. `ends` are the hits of `keyword_probe`s, by type; `slots` numbers the types."""

    __slots__ = ("_columns", "_data", "_ends", "_heard", "_layouts", "_slots", "_vocabulary")

    def __init__(self, data: bytes, ends: Sequence[list[int]], slots: dict[str, int], vocabulary: Vocabulary) -> None:
        self._data = data
        self._ends = ends
        self._slots = slots
        self._vocabulary = vocabulary
        self._columns: dict[str, Columns] = {}
        self._heard: dict[str, Sequence[int]] = {}
        self._layouts: dict[int, Layout | None] = {}

    def heard(self, kind: str) -> bool:
        """Tell whether a keyword of a type is there at all."""
        return bool(self._ends[self._slots[kind]])

    def distance(self, kind: str, start: int, end: int, reach: int) -> int:
        """Return how far away the nearest keyword of a type stands, in bytes, or -1 where none is within reach.

        0 stands for a column that is headed by it. One after the number is never close.
        """
        ends = self._spoken_of(kind)
        if not ends:
            return -1
        at = bisect_right(ends, start + 1)
        heard = ends[at - 1] if at else -1
        before = max(0, start - heard) if at else reach + 1
        if (
            before <= min(reach, _ALIGNED)
            and (self._leads_to(heard, start) if before > CLOSE or self._is_below(heard, start) else True)
            and not self._is_denied(heard, start)
        ):
            return min(before, CLOSE)
        if at < len(ends) and self._is_said_after(end, ends[at]):
            return CLOSE
        cell = self._columns_of(kind).cell(start, end)
        if cell > 0:
            return -1 if self.denied(start) > cell else 0
        after = max(ends[at] - end, CLOSE + 1) if at < len(ends) else reach + 1
        if cell == 0 or min(before, after) > reach or self._is_denied(heard, start):
            # The head of another column is near the first rows, and says nothing about this one.
            return -1
        return max(CLOSE + 1 if cell == LOOSE else 0, min(before, after))

    def is_cell(self, kind: str, start: int, end: int) -> bool:
        """Tell whether a number is a whole cell of a table of fixed width, one blank before the next cell or not."""
        return self.heard(kind) and self._columns_of(kind).is_cell(start, end)

    def tables(self, kind: str) -> list[tuple[int, int]]:
        """Return where the tables lie of which a keyword of a type heads a column."""
        return self._columns_of(kind).reaches() if self._ends[self._slots[kind]] else []

    def _columns_of(self, kind: str) -> Columns:
        columns = self._columns.get(kind)
        if columns is None:
            ends = self._spoken_of(kind)
            columns = self._columns[kind] = Columns(self._data, ends, self._layouts)
        return columns

    def _spoken_of(self, kind: str) -> Sequence[int]:
        ends = self._heard.get(kind)
        if ends is None:
            ends = self._heard[kind] = _spoken(self._data, self._ends[self._slots[kind]])
        return ends

    def about(self, kind: str, start: int) -> tuple[int, int]:
        """Return where the keyword before a number and the one after it end, -1 where there is none."""
        ends = self._ends[self._slots[kind]]
        at = bisect_right(ends, start + 1)
        return (ends[at - 1] if at else -1), (ends[at] if at < len(ends) else -1)

    def heads(self, kind: str, start: int) -> int:
        """Return 1 where a keyword heads the column of a number, 0 for another column of its table, or -1."""
        columns = self._columns.get(kind)
        if columns is None:
            columns = self._columns[kind] = Columns(self._data, self._ends[self._slots[kind]])
        return min(columns.cell(start), 1)

    def _is_below(self, heard: int, start: int) -> bool:
        """Tell whether a word may be the head of a table in which a number stands: on a line above, or on this."""
        if self._data.find(b"\n", heard - 1, start) >= 0 or b"<tr" in self._data[heard:start].lower():
            return True
        return self._data.rfind(b"(", heard, start) > self._data.rfind(b")", heard, start)

    def _leads_to(self, heard: int, start: int) -> bool:
        """Tell whether nothing but blanks and a colon stand between a word and its number, or the tags of a label."""
        return _PAD.fullmatch(self._data, heard - 1, start) is not None or names_next(self._data, heard, start)

    def _is_denied(self, heard: int, start: int) -> bool:
        """Tell whether a word for something else stands nearer than the keyword; not in one key: `siren_client`."""
        denied = self.denied(start)
        return denied > heard and (heard < 0 or self._vocabulary.owned.fullmatch(self._data, heard - 1, denied) is None)

    def _is_said_after(self, end: int, heard: int) -> bool:
        """Tell whether a keyword says of the number before it what it is, in its sentence, and not of the next one."""
        return (
            heard - end <= _SAID_WITHIN
            and _AFTER.match(self._data, end, heard - 1) is not None
            and _NOT_NEXT.match(self._data, heard - 1) is None
        )

    def denied(self, start: int) -> int:
        """Return where the word ends that says that the number at `start` is something else, or -1."""
        before = self._data[max(0, start - _BACK) : start]
        leaf = before.rfind(b"\x00")
        if leaf >= 0:
            leaf = before.rfind(b"\x00", 0, leaf) if before[leaf - 1 : leaf] == b"\x01" else leaf
            before = before[leaf + 1 :]
        before = _NEXT_SENTENCE.split(_SENTENCE_END.split(before)[-1])[-1]
        if before.isspace() or not before:
            return -1
        text = without_label_end(before).decode("utf-8", "replace")
        words = [(found[0].casefold(), found.end()) for found in _WORD.finditer(text)][-_MOST_WORDS:]
        others, connectors = self._vocabulary.others, self._vocabulary.connectors
        bare_id = -1
        for word, stop in reversed(words):
            if word in others:
                return start - len(text[stop:].encode("utf-8", "replace"))
            if word == "id" or word == "ids":
                bare_id = start - len(text[stop:].encode("utf-8", "replace"))
            elif word not in connectors:
                break
        return bare_id


def _spoken(data: bytes, ends: Sequence[int]) -> Sequence[int]:
    """Return the ends of keywords without those of bytes: `cc` in `7c:8e:cc:44` names no card."""
    return [
        end for end in ends if (data[end - 1] not in b":-" and data[end - 4] not in b":-") or not _is_byte(data, end)
    ]


def _is_byte(data: bytes, end: int) -> bool:
    """Tell whether the word before `end` is one of three and more bytes in a row."""
    bytes_ = _BYTES.search(data, max(0, end - 9), end + 5)
    return bytes_ is not None and bytes_.start() <= end - 3 and end - 1 <= bytes_.end()


def keyword_probe(keywords: Iterable[str]) -> Probe:
    """Return what finds any of some keywords, whole; it ends one byte after one, or after one that stays open (`*`).

    One that is a part of keys (`+`) counts in those that other words are glued to, too: `employeeBsn`, `EMPLOYEEBSN`.

    >>> keyword_probe(["siren*"]).heads
    (b'[^A-Za-z0-9]siren',)
    """
    return Probe(b"", caseless=True, heads=tuple(dict.fromkeys(chain.from_iterable(map(_spellings, keywords)))))


def _spellings(keyword: str) -> Iterator[bytes]:
    """Yield the patterns of a keyword: one for all gaps, or one for each where its parts are too short to look for."""
    if keyword.startswith("+"):
        yield from _glued(keyword[1:].split())
        return
    spelled = exactly if keyword.startswith("=") else letters
    parts = [b"".join(map(spelled, word)) for word in _PARTS.findall(keyword.strip("=").rstrip("*."))]
    end = b"" if keyword.endswith("*") else b"[^A-Za-z]" if len(keyword) > _SHORTEST else b"[^A-Za-z0-9]"
    gaps = (_GAP,) if len(parts) == 1 or max(map(len, parts)) >= _LONG else _SHORT_GAPS
    for gap in gaps:
        yield b"[^A-Za-z0-9]" + gap.join(parts) + end


def _glued(parts: Sequence[str]) -> Iterator[bytes]:
    """Yield the patterns of a word within a key: at humps, and after capitals unless it begins with `~`."""
    words = [part.strip("~").encode() for part in parts]
    humps = b"".join(word.capitalize() for word in words)
    yield b"(?-i:[a-z0-9]%b[^a-z])" % humps
    yield b"(?-i:[^A-Za-z0-9]%b[A-Z])" % humps
    yield b"(?-i:[^A-Za-z0-9]%b%b[A-Z])" % (words[0], b"".join(word.capitalize() for word in words[1:]))
    before = b"[a-z]" if parts[0].startswith("~") else b"[A-Za-z]"
    yield b"(?-i:%b%b[^A-Za-z])" % (before, b"".join(words).upper())


def letters(sign: str) -> bytes:
    """Return the pattern of one sign of a word, with its accent or without, in capitals or not."""
    plain = sign.lower().translate(_PLAIN)
    return exactly(sign) if sign.isascii() or not plain.isascii() else b"(?:%b|%b)" % (exactly(sign), plain.encode())


def exactly(sign: str) -> bytes:
    """Return the pattern of one sign of a word, in capitals or not. The pattern is matched without regard to case."""
    if sign.isascii():
        return re.escape(sign.lower()).encode()
    return b"(?:%b|%b)" % (sign.lower().encode(), sign.upper().encode())

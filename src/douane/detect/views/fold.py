"""The fold: one plain form for what looks alike, without what cannot be seen.

Invisible and combining signs go; every digit of Unicode is a digit, every blank a blank, every dash a hyphen; letters
that only look Latin become Latin; the rest is as NFKC has it, sign by sign. Accents of Latin letters stay: they are
French. Only stretches around odd signs are folded: typographic blanks, quotes and dashes are ordinary, and so is Greek
or Cyrillic that touches no Latin letter, digit or `@`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.views.extract import Edit, Edited, Extract
from douane.detect.views.stretches import matches
from douane.detect.views.view import Shared

_REACH = 96
_UNSEEN = (
    rb"\xc2[\x80-\x84\x86-\x9f\xad]|\xcd\x8f|\xe1\x85[\x9f\xa0]|\xe1\xa0[\x8b-\x8f]|\xe2\x80[\x8b\x8e\x8f\xaa-\xae]"
    rb"|\xe2\x81[\xa0-\xaf]|\xe3\x85\xa4|\xef\xbb\xbf|\xef\xbe\xa0|\xf3\xa0[\x80-\x87]|[\x02-\x08\x0e-\x1f\x7f]"
)
_JOINERS = rb"[!-~]\xe2\x80[\x8c\x8d]|\xe2\x80[\x8c\x8d][!-~]|[!-~]\xef\xb8[\x80-\x8f][!-~]"
"""Between the parts of an emoji these are ordinary."""
_MARKS = rb"[!-~](?:\xcc[\x80-\xbf]|\xcd[\x80-\x8e\x90-\xaf]|\xe2\x83[\x90-\xb0])"
_WIDE = rb"\xef\xbc[\x90-\xbb]|\xef\xbd[\x81-\x9a]|\xef\xbc\xa0"
_DIGITS = (
    rb"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xdf[\x80-\x89]|\xe0[\xa5\xa7\xa9\xab\xad\xaf\xb1\xb3\xb5][\xa6-\xaf]"
    rb"|\xe0[\xb9\xbb][\x90-\x99]|\xe0\xbc[\xa0-\xa9]|\xe1\x81[\x80-\x89]|\xe1\x9f[\xa0-\xa9]|\xe1\xa0[\x90-\x99]"
    rb"|\xe2\x81[\xb0-\xb9]|\xe2\x82[\x80-\x89]|\xe2\x91[\x80-\xbf]|\xe2\x92|\xe2\x93|\xe2\x9d[\xb6-\xbf]|\xe2\x9e[\x80-\x93]"
    rb"|\xea[\x98\xa3\xa7\xa9\xaf][\x80-\xb9]"
)
_STYLED = rb"\xf0(?:[\x90\x91\x96\x9d\x9e][\x80-\xbf]|\x9f[\x84\x85\x86\xaf])[\x80-\xbf]"
_ALIKE = rb"[A-Za-z0-9@][\xcd-\xd4][\x80-\xbf]|[\xcd-\xd4][\x80-\xbf][A-Za-z0-9@]|[A-Za-z0-9@][\xc9\xca][\x80-\xbf]"
_SIGNS = rb"[0-9]\xe2\x88\x92[0-9]|\xef\xb9[\x92\x98\xab]|\xe2\x80[\xa8\xa9]"
_ODD = (_UNSEEN, _JOINERS, _MARKS, _WIDE, _DIGITS, _STYLED, _ALIKE, _SIGNS)
_LEADS = rb"[!-~]?[\x02-\x1f\x7f\xc2-\xf3]"
_MOST_REMEMBERED = 4096
_LOOKS_0, _LOOKS_3 = "\u041e\u043e\u039f\u03bf", "\u0417\u0437"
_ALIKE_DIGITS = str.maketrans(dict.fromkeys(_LOOKS_0, "\u0660") | dict.fromkeys(_LOOKS_3, "\u0663"))
"""To digits of another script, which take as many bytes in UTF-8."""
_LOOKS_DIGIT = _LOOKS_0 + _LOOKS_3
_TOUCHES_DIGIT = re.compile(f"[0-9+][{_LOOKS_DIGIT}]|[{_LOOKS_DIGIT}][0-9]")
_DIGIT = f"(?:[0-9]|[{_LOOKS_DIGIT}](?![a-z\u0370-\u04ff](?<![{_LOOKS_DIGIT}])))"
_AMONG_DIGITS = re.compile(
    f"(?<![\u0370-\u04ff]){_DIGIT}(?:[ .\\-/()]{{0,2}}(?:[A-Z\u0410\u0412]{{1,4}}[ .\\-]?)?{_DIGIT}){{8,30}}"
)
"""A number of somebody's, some of whose digits are letters."""
_NOT_PLAIN = re.compile("[^ -~\t\n\r]")
"""What may be folded: every other sign is a byte, and stands for itself."""


class FoldTable(dict[int, str]):
    """What stands for each code point. Learnt as they turn up, and remembered up to a bound."""

    def __init__(self, alike: Mapping[str, str]) -> None:
        super().__init__()
        self._alike = {ord(odd): plain for plain, many in alike.items() for odd in many}

    def __missing__(self, point: int) -> str:
        plain = self._folded(point)
        if len(self) < _MOST_REMEMBERED:
            self[point] = plain
        return plain

    def _folded(self, point: int) -> str:
        sign = chr(point)
        if point < 0x7F:
            return sign if point >= 0x20 or sign in "\t\n\r" else ""
        alike = self._alike.get(point)
        if alike is not None:
            return alike
        kind = unicodedata.category(sign)
        by_kind = "" if sign in _FILLERS else "-" if sign == _MINUS else _BY_KIND.get(kind)
        if by_kind is not None:
            return by_kind
        digit = unicodedata.digit(sign, None)
        if digit is not None:
            return str(digit)
        plain = unicodedata.normalize("NFKC", sign)
        return "".join([self[ord(part)] for part in plain]) if plain != sign else sign


_BY_KIND: Mapping[str, str] = {
    **dict.fromkeys(("Cf", "Cc", "Mn", "Me"), ""), "Zs": " ", "Zl": "\n", "Zp": "\n", "Pd": "-",
}  # fmt: skip
_MINUS = "\u2212"
_FILLERS = "\u034f\u115f\u1160\u3164\uffa0"


class FoldView:
    """Letters, digits and blanks as they are read, not as they are encoded."""

    name = "fold"
    version = "2"
    wild = False
    closer: tuple[Probe, ...] = ()
    shared: Shared = ()
    probes: tuple[Probe, ...] = tuple(Probe(pattern, once=True) for pattern in _ODD)

    def __init__(self, alike: Mapping[str, str]) -> None:
        self._table = FoldTable(alike)
        odd = b"|".join(_ODD)
        self._odd = re.compile(rb"(?=%b)(?:%b)(?:[ -~]{0,4}(?:%b))*" % (_LEADS, odd, odd))

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        first = min(hits[0] for hits in ends if hits)
        for low, high in matches(self._odd, data, max(0, first - 8), _REACH, _REACH):
            text = data[low:high].decode("utf-8", "surrogateescape")
            if _TOUCHES_DIGIT.search(text) is not None:
                text = _AMONG_DIGITS.sub(_with_digits, text)
            folded = text.translate(self._table)
            if folded != text:
                plain = folded.encode("utf-8", "surrogateescape").replace(b"\x00", b" ")
                yield Extract(
                    self.name, plain, Edited(low, Folding(text, low, self._table)), low, None, high - low - len(text)
                )


def _with_digits(number: re.Match[str]) -> str:
    """Return a number with digits for letters, where one of these touches a digit; a word before a number does not."""
    signs = number[0]
    return signs.translate(_ALIKE_DIGITS) if _TOUCHES_DIGIT.search(signs) is not None else signs


class Folding:
    """The edits of one fold, sign by sign."""

    __slots__ = ("_low", "_table", "_text")

    def __init__(self, text: str, low: int, table: FoldTable) -> None:
        self._text = text
        self._low = low
        self._table = table

    def __call__(self) -> Iterator[Edit]:
        at, done = self._low, 0
        table = self._table
        for found in _NOT_PLAIN.finditer(self._text):
            start, sign = found.start(), found[0]
            at += start - done
            done = start + 1
            size = len(sign.encode("utf-8", "surrogateescape"))
            plain = table[ord(sign)]
            if plain != sign:
                yield at, at + size, plain.encode("utf-8", "surrogateescape")
            at += size

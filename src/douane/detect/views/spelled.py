"""Signs and digits in words: `jean [at] exemple [dot] fr`, `zéro six douze trente-quatre`, `forty-two`.

Number words count in French (with septante, huitante, nonante) and English, digit by digit and by tens and hundreds; in
other languages, which are rows, digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import SpokenRow
from douane.detect.views.extract import Edit, Edited, Extract, edited
from douane.detect.views.stretches import around
from douane.detect.views.view import Shared

_AT = rb"at|arobase|arroba|arobas|chez|@|a commercial|klammeraffe|chiocciola"
_DOT = rb"dot|point|punkt|punto|\.|pt"
_BRACKETED = rb"[ \t]{0,2}[\[({<]{1,2}[ \t]?(?:%b)[ \t]?[\])}>]{1,2}[ \t]{0,2}"
_SIGNS = re.compile(
    rb"(?=[ \t\[({<][ \t]?[\[({<]{0,2}[ \t]?[acdhkmptu@.\-_])"  # fails sooner than each of what follows
    rb"(?:(?P<at>%b|[ \t]{1,2}(?:arobase|arroba|arobas|chiocciola)[ \t]{1,2}"
    rb"|[ \t]{1,2}at[ \t]{1,2}(?=[a-z0-9.\-]{1,40}(?:[ \t]{1,2}dot[ \t]|[ \t]?[\[({<]|\.[a-z]{2,6}\b)))"
    rb"|(?P<dot>%b|[ \t]{1,2}(?:dot|point|punkt|punto)[ \t]{1,2})"
    rb"|(?P<dash>%b|[ \t]{1,2}(?:dash|tiret|hyphen|minus)[ \t]{1,2})"
    rb"|(?P<under>%b|[ \t]{1,2}(?:underscore|tiret bas)[ \t]{1,2}))"
    % (_BRACKETED % _AT, _BRACKETED % _DOT, _BRACKETED % rb"dash|tiret|hyphen|minus|-", _BRACKETED % rb"underscore|_"),
    re.I,
)
_SAYS_AT = re.compile(
    rb" (?:at|arobase|arroba|arobas|chez|chiocciola) |@|[\[({<][ \t]?(?:at|arobase|@)[ \t]?[\])}>]", re.I
)
_WRITTEN = {"at": b"@", "dot": b".", "dash": b"-", "under": b"_"}


class SignView:
    """`[at]`, `(dot)`, ` arobase ` and the like."""

    name = "signs"
    version = "2"
    wild = True
    closer: tuple[Probe, ...] = ()
    shared: Shared = ()
    probes: tuple[Probe, ...] = (
        Probe(
            rb"[ \t]?[A-Za-z0-9]",
            caseless=True,
            heads=tuple(
                opening + blank + word + blank + closing
                for opening, closing in ((b"\\[", b"\\]"), (b"\\(", b"\\)"), (b"\\{", b"\\}"), (b"<", b">"))
                for word in (b"at", b"dot", b"arobase", b"point", b"@", rb"\.")
                for blank in ((b"", b" ") if word.isalpha() else (b"",))
            ),
        ),
        Probe(
            rb"[a-z0-9]", caseless=True, heads=(b" dot ", b" point ", b" punto ", b" punkt ", b" arobase ", b" arroba ")
        ),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        hits = [*ends[0], *(end for end in ends[1] if _SAYS_AT.search(data, max(0, end - 96), end + 16) is not None)]
        for low, high in around(data, sorted(hits), 96, 80):
            yield edited(self.name, data, low, high, _SIGNS, _sign, only=True)


def _sign(found: re.Match[bytes]) -> bytes:
    return _WRITTEN[found.lastgroup or ""]


_UNITS: Mapping[str, int] = {
    "zéro": 0, "zero": 0, "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "neuf": 9, "oh": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7,
    "eight": 8, "nine": 9,
}  # fmt: skip
_TEENS: Mapping[str, int] = {
    "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16, "dix-sept": 17,
    "dix-huit": 18, "dix-neuf": 19, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS: Mapping[str, int] = {
    "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "septante": 70, "huitante": 80,
    "octante": 80, "quatre-vingts": 80, "quatre-vingt": 80, "nonante": 90, "twenty": 20, "thirty": 30, "forty": 40,
    "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_FRENCH_ELEVENS = (60, 80)
"""Tens that go on with ten to nineteen: soixante-dix, quatre-vingt-dix-sept."""
_NINETEEN = 19


def _any_of(words: Iterable[str]) -> bytes:
    longest_first = sorted(_spelt(words), key=len, reverse=True)
    return b"|".join(re.escape(word).replace(rb"\-", rb"[ \-]") for word in longest_first)


def _beginnings(words: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Return the first signs of some words, as they stand in a class, and the pattern of what may follow each.

    >>> _beginnings([b"six", b"sept", b"sei", b"un"])
    (b'sSuU', b'(?<=[sS])(?:[eE](?:[iI]|[pP][tT])|[iI][xX])|(?<=[uU])[nN]')
    """
    by_first: dict[int, list[bytes]] = {}
    for word in words:
        by_first.setdefault(word[0], []).append(word[1:_TOLD_BY])
    either = {first: _in_both_cases((first,)) for first in sorted(by_first)}
    following = (b"(?<=[%b])%b" % (either[first], _any_beginning(by_first[first])) for first in either)
    return b"".join(either.values()), b"|".join(following)


def _any_beginning(ends: Iterable[bytes]) -> bytes:
    """Return the pattern of any of some ends of words, or nothing where one of them is empty."""
    by_first: dict[int, list[bytes]] = {}
    for end in ends:
        if not end:
            return b""
        by_first.setdefault(end[0], []).append(end[1:])
    paths = [b"[%b]%b" % (_in_both_cases((first,)), _any_beginning(by_first[first])) for first in sorted(by_first)]
    return b"(?:%b)" % b"|".join(paths) if len(paths) > 1 else paths[0]


def _in_both_cases(signs: Iterable[int]) -> bytes:
    return b"".join(re.escape(bytes(dict.fromkeys((sign, *bytes((sign,)).upper())))) for sign in sorted(signs))


_HUNDREDS = (
    rb"(?:(?P<times>deux|trois|quatre|cinq|six|sept|huit|neuf|one|two|three|four|five|seven|eight|nine|a)[ \-])?"
    rb"(?:cents?|hundred)(?:[ \-]and)?(?:[ \-](?=[a-z]))?"
)
_DOUBLE, _TRIPLE, _PLUS = ("double",), ("triple",), ("plus",)
_HEARD = (
    "zéro", "zero", "deux", "trois", "quatre", "cinq", "sept", "huit", "neuf", "two", "three", "four", "five", "seven",
    "eight", "nine",
)  # fmt: skip
_SHORTEST_HEARD = 3
_NOT_HEARD = frozenset(("una", "uno", "uma", "een", "ein", "eins", "dos", "één", "meia"))
"""Words of every other sentence: among ten digits there are always others."""
_BEFORE_AT, _MOST_BEFORE_AT = b" ,-", 2
_LONGEST_NUMBER_WORD = 24
_AT_AND_SIGN = 2
_TO_AT = re.compile(rb"[ ,\-]{0,2}(?=@)")
_OF_LOCAL = re.compile(rb"[A-Za-z0-9._+\-] ")
_GAP = re.compile(rb"[ ,.\-/\t\n]{0,4}(?:(?:et|and|puis|then|und|y|e|en)[ ,]{1,2}|(?P<letter>[ABab])[ ,\-]{1,2})?")
_FEWEST = 3
_MOST_AT_ONCE, _LONGEST_SPELT = 4096, 256
"""A longer run of words than this is read in parts, each paid for, that overlap by the longest of numbers."""
_TOLD_BY = 4
"""So many signs of a word tell whether it may be a number's: the pattern of all numbers is tried at few others."""
_PAIR = 2
"""So many digits before an `@` go on with the word before them, as one name."""
_NEAR = 2


class Spoken:
    """The number words of all languages: what they look like, and what each stands for."""

    def __init__(self, rows: Iterable[SpokenRow]) -> None:
        rows = tuple(rows)
        units = dict(_UNITS)
        for row in rows:
            for value, spellings in enumerate(row.digits):
                units.update(dict.fromkeys(spellings, value))
        double = [*_DOUBLE, *(word for row in rows for word in row.double)]
        triple = [*_TRIPLE, *(word for row in rows for word in row.triple)]
        plus = [*_PLUS, *(word for row in rows for word in row.plus)]
        self._times = dict.fromkeys(_spelt(double), 2) | dict.fromkeys(_spelt(triple), 3)
        self._values = {
            spelt: value
            for words in (units, _TEENS, _TENS)
            for word, value in words.items()
            for spelt in _spelt((word,))
        }
        small = _any_of((*_TEENS, *units))
        below = rb"(?:(?P<tens>%b)(?:[ \-](?:et[ \-])?(?P<more>%b))?|(?P<small>%b))" % (_any_of(_TENS), small, small)
        self._number = re.compile(
            rb"(?-i:(?<![a-z\xc3\x80-\xbf]))(?:(?P<again>%b)[ \-]?(?P<unit>%b)|(?P<plus>(?:%b)(?=[ ,\-]{1,2}(?:%b)))"
            rb"|(?P<hundred>%b)?%b|(?P<only>%b))(?![a-z\xc3])"
            % (
                _any_of((*double, *triple)), _any_of(units), _any_of(plus), small,
                _HUNDREDS, below, _HUNDREDS.replace(b"?P<times>", b"?P<times_only>"),
            ),
            re.I,
        )  # fmt: skip
        hundred = (b"cent", b"hundred", b"a hundred", b"a-hundred", b"a cent", b"a-cent")
        words = (*self._values, *self._times, *_spelt(plus), *hundred)
        self._begins = re.compile(rb"[%b](?<![a-z\xc3\x80-\xbf][\x00-\xff])(?:%b)" % _beginnings(words))
        self._ends = tuple(word.replace(b"-", gap) for word in self._values for gap in (b"-", b" "))
        self.heads_at = tuple(dict.fromkeys(b" " + spelt for spelt in _spelt(units)))
        self.heads = tuple(dict.fromkeys(spelt for spelt in _spelt(_heard(rows))))

    def numbers(self, data: bytes, low: int, high: int) -> Iterator[re.Match[bytes]]:
        """Yield the number words of a stretch."""
        done = low
        for beginning in self._begins.finditer(data, low, high):
            start = beginning.start()
            if start >= done:
                number = self._number.match(data, start, high)
                if number is not None:
                    done = number.end()
                    yield number

    def ends_in_number(self, before: bytes) -> bool:
        """Tell whether what stands before an `@` ends in a number word."""
        said = before.rstrip(_BEFORE_AT)
        return 1 <= len(before) - len(said) <= _MOST_BEFORE_AT and said.lower().endswith(self._ends)

    def digits(self, found: re.Match[bytes]) -> bytes:
        """Return the digits, or the sign, that a number word stands for."""
        value = self._values.get(found[0].lower())
        if value is not None:
            return b"%d" % value
        if found["plus"] is not None:
            return b"+"
        if found["again"] is not None:
            return b"%d" % self._value(found["unit"]) * self._times[found["again"].lower()]
        if found["only"] is not None:
            return b"%d00" % self._hundreds(found["times_only"])
        if found["small"] is not None:
            value, rest = self._value(found["small"]), b""
        else:
            value, rest = self._value(found["tens"]), b""
            if found["more"] is not None:
                more = self._value(found["more"])
                if more < 10 or (value in _FRENCH_ELEVENS and more <= _NINETEEN):
                    value += more
                else:
                    rest = b"%d" % more
        if found["hundred"] is not None:
            return b"%d%02d%b" % (self._hundreds(found["times"]), value, rest)
        return b"%d%b" % (value, rest)

    def _hundreds(self, times: bytes | None) -> int:
        return 1 if times is None or times.lower() == b"a" else self._value(times)

    def _value(self, words: bytes) -> int:
        return self._values[words.lower().replace(b" ", b"-")]


def _spelt(words: Iterable[str]) -> Iterator[bytes]:
    """Yield words in small letters, and with their accents in capitals: patterns know both cases of ASCII alone."""
    for word in words:
        yield word.encode()
        if not word.isascii():
            yield "".join(sign if sign.isascii() else sign.upper() for sign in word).encode()


def _heard(rows: Iterable[SpokenRow]) -> Iterator[str]:
    """Yield the words that the gate looks for: not those that are common words as well."""
    yield from _HEARD
    for row in rows:
        for spellings in row.digits:
            yield from (word for word in spellings if len(word) >= _SHORTEST_HEARD and word not in _NOT_HEARD)


class NumberWordView:
    """Runs of number words as digits, what is written in digits between them left as it is."""

    name = "words"
    version = "4"
    wild = True
    closer: tuple[Probe, ...] = ()
    shared: Shared = ()

    def __init__(self, rows: Iterable[SpokenRow]) -> None:
        self._spoken = Spoken(rows)
        self.probes: tuple[Probe, ...] = (
            Probe(
                rb"(?:[ ,.\-\n]{1,2}| [.,\-/] )[a-z\x80-\xff]{2,9}(?:[ ,\-]{1,2}| [.,\-/] )[a-z]",
                caseless=True, heads=self._spoken.heads,
            ),
            Probe(rb"[a-z],? @[A-Za-z0-9]", caseless=True), Probe(rb"[a-z]-@[A-Za-z0-9]", caseless=True),
            Probe(rb"@[A-Za-z0-9]", caseless=True, heads=self._spoken.heads_at),
        )  # fmt: skip

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        hits = list(dict.fromkeys(ends[0]))
        near: list[int] = []
        for at in range(_NEAR, len(hits)):
            if hits[at] - hits[at - _NEAR] <= 96:
                near += hits[at - _NEAR : at + 1 : _NEAR]
        near = sorted(
            [
                *near,
                *(
                    end
                    for end in chain(ends[1], ends[2])
                    if self._spoken.ends_in_number(data[max(0, end - _LONGEST_NUMBER_WORD) : end - _AT_AND_SIGN])
                ),
                *ends[3],
            ]
        )
        for low, high in around(data, near, 128, 128):
            for start in range(low, high, _MOST_AT_ONCE):
                made = _in_digits(self._spoken, data, start, min(high, start + _MOST_AT_ONCE + _LONGEST_SPELT))
                if made is not None:
                    yield made


def _join_with_word(data: bytes, edits: list[Edit], at: int) -> None:
    """Let the digits right before an `@` go on with the word before them, where there are two and more."""
    first, digits = at, len(edits[at][2])
    while first and edits[first - 1][1] == edits[first][0]:
        first -= 1
        digits += len(edits[first][2])
    start, end, written = edits[first]
    if digits >= _PAIR and _OF_LOCAL.match(data, start - 2) is not None:
        edits[first] = (start - 1, end, written)


def _in_digits(spoken: Spoken, data: bytes, low: int, high: int) -> Extract | None:
    edits = _edits(spoken, data, low, high)
    of_address = data.find(b"@", low, high + _AT_AND_SIGN) >= 0 and _go_on_to_signs(data, edits)
    if len(edits) <= _FEWEST and not of_address:
        return None
    if data.find(b"+ ", max(0, low - _AT_AND_SIGN), high) >= 0:
        edits = [(start - (data[max(0, start - 2) : start] == b"+ "), end, written) for start, end, written in edits]
    parts: list[bytes] = []
    at = low
    for start, end, digits in edits:
        parts += (data[at:start], digits)
        at = end
    parts.append(data[at:high])
    return Extract(NumberWordView.name, b"".join(parts), Edited(low, lambda: edits, only=True), low, None, len(edits))


def _edits(spoken: Spoken, data: bytes, low: int, high: int) -> list[Edit]:
    """Return number words as digits, each up to the next where nothing but a gap is between them."""
    edits: list[Edit] = []
    last = -1
    for number in spoken.numbers(data, low, high):
        start, end = number.span()
        if last >= 0:
            if data[last:start] == b" ":
                edits[-1] = (edits[-1][0], start, edits[-1][2])
            elif (gap := _GAP.fullmatch(data, last, start)) is not None:
                edits[-1] = (edits[-1][0], start, edits[-1][2] + (gap["letter"] or b""))
        edits.append((start, end, spoken.digits(number)))
        last = end
    return edits


def _go_on_to_signs(data: bytes, edits: list[Edit]) -> bool:
    """Let number words before an `@` go on to it; tell whether there are any."""
    any_does = False
    for at, (start, end, written) in enumerate(edits):
        to_sign = _TO_AT.match(data, end)
        if to_sign is not None:
            edits[at] = (start, to_sign.end(), written)
            _join_with_word(data, edits, at)
            any_does = True
    return any_does

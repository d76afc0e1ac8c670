"""National numbers by their rows: what digits or signs they have, who checks them, and what they need to count.

Rules enforced:
1. A number whose check digits few others pass counts alone; one that many pass needs groups or a keyword, by its row.
2. Without a keyword nothing counts that is tied to a neighbour, called something else, or one of a column of ids of
   which as few pass as chance would let.
3. Three tiers of confidence: a form and a keyword, check digits, both.

Runs of digits are read by `numbers`, which asks `DigitNumber`; numbers with letters are looked for here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from importlib import import_module
from itertools import pairwise
from typing import Final, NamedTuple

from douane.detect.detector import SEPARATOR, Candidate, windows
from douane.detect.digits import Place, Run, Tie, even_gaps, groupings, is_apart, tie_of
from douane.detect.engine import Probe
from douane.detect.identifier_rows import IdentifierRow, Quick, WordRows
from douane.detect.sums import LuhnSum, Sum
from douane.detect.words import CLOSE, Vocabulary, Words, keyword_probe

LUHN_ALONE: Final = "luhn"
"""The check of a row whose `quick` sum is all there is to check."""
NIR_KEY: Final = "fr.nir"
_ZERO: Final = ord("0")
_CHAINED: Final = frozenset(("de.idnr",))
"""The checks that ask, beside other things, for a digit by ISO 7064, modulo 11, 10."""
_CHAIN: Final = [[((check or 10) * 2 % 11 + digit) % 10 for digit in range(10)] for check in range(10)]
BY_WORD: Final = 0.65
BY_CHECK: Final = 0.75
BY_BOTH: Final = 0.85
_CLOSELY_NAMED, _NAMED, _STRONG, _WEAK = 8, 7, 6, 3
"""Ranks: what a number is called outranks what it could be."""
_WAY: Final = re.compile(r"([0-9]+)([| ./-]?)")
_AMOUNT: Final = re.compile(
    rb"(?:\xc2\xa0|\xe2\x80\xaf| )?(?:\xe2\x82\xac|\$|\xc2\xa3|%|EUR|USD|GBP|CHF|PLN|k\xe2\x82\xac|euros?\b)", re.I
)
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_NOT_SIGNS: Final = bytes(
    sorted(set(range(256)) - set(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
)
_WORD_SIGN: Final = rb"[A-Za-z0-9_]"
_MOST_COUNTED: Final = 4096
_LONGEST: Final = 40


def passes_luhn(digits: bytes) -> bool:
    """Tell whether digits are right by ISO/IEC 7812-1, annex B (Luhn): as stdnum does, in a twentieth."""
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0


def has_nir_key(digits: str | bytes) -> bool:
    """Tell whether fifteen digits are right by the key of a French social security number: as stdnum does, quickly."""
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def has_iso_7064_digit(digits: bytes) -> bool:
    """Tell whether digits are right by ISO 7064, modulo 11, 10: as stdnum does, in a tenth.

    >>> has_iso_7064_digit(b"36574261809"), has_iso_7064_digit(b"36574261890")
    (True, False)
    """
    check = 5
    for sign in digits:
        check = _CHAIN[check][sign - _ZERO]
    return check == 1


class Crowd:
    """The bare numbers of one scan, by kind and length. Where few of many are valid, chance explains those.

    `chance` is the share of numbers of that length that are valid by accident: of cards, one in fifty.
    """

    BY_ACCIDENT = 0.01

    __slots__ = ("_doubtful", "_seen", "_valid")

    def __init__(self) -> None:
        self._seen: dict[tuple[object, int], dict[bytes, bool]] = {}
        self._valid: Counter[tuple[object, int]] = Counter()
        self._doubtful: list[tuple[tuple[object, int], float, Candidate]] = []

    def known(self, kind: object, digits: bytes) -> bool | None:
        """Tell whether a number that was counted is valid; None if it was not."""
        seen = self._seen.get((kind, len(digits)))
        return None if seen is None else seen.get(digits)

    def count(self, kind: object, numbers: Sequence[bytes], valid: Set[bytes]) -> None:
        """Take note of bare numbers of one length, and of which of them are valid."""
        key = kind, len(numbers[0])
        seen = self._seen.setdefault(key, {})
        new = [digits for digits in dict.fromkeys(numbers) if digits not in seen][: _MOST_COUNTED - len(seen)]
        seen.update((digits, digits in valid) for digits in new)
        self._valid[key] += sum(digits in valid for digits in new)

    def doubt(self, kind: object, chance: float, candidate: Candidate) -> None:
        """Keep a candidate until the others are known."""
        if len(self._doubtful) < _MOST_COUNTED:
            self._doubtful.append(((kind, len(candidate.value)), chance, candidate))

    def rest(self) -> Iterator[Candidate]:
        """Yield those kept, unless they may well be there by accident and most of their kind are not valid."""
        for key, chance, candidate in self._doubtful:
            seen = len(self._seen.get(key, ()))
            if seen * chance <= self.BY_ACCIDENT or self._valid[key] * 2 >= seen:
                yield candidate


class Scan(NamedTuple):
    """What the judges of one scan share."""

    data: bytes
    words: Words
    crowd: Crowd


class Way(NamedTuple):
    """How many digits the groups of a number have, and by which signs they are parted; any one sign where it is b""."""

    sizes: tuple[int, ...]
    signs: bytes


def ways(text: str) -> list[Way]:
    """Return the ways of writing a number that a row's text stands for.

    >>> [way.sizes for way in ways("3|3 3")]
    [(6, 3), (3, 3, 3)]
    >>> ways("3-2-4")
    [Way(sizes=(3, 2, 4), signs=b'--')]
    """
    parts = _WAY.findall(text)
    sizes = [int(size) for size, _ in parts]
    signs = "".join(sign for _, sign in parts)
    if "|" not in signs:
        return [Way(tuple(sizes), b"" if set(signs) <= {" "} else signs.encode())]
    total, fixed, loose, at = sum(sizes), set[int](), [], 0
    for size, sign in zip(sizes, signs, strict=False):
        at += size
        if sign == "|":
            loose.append(at)
        else:
            fixed.add(at)
    return [Way(found, b"") for found in groupings(total, (*loose, *fixed)) if fixed <= set(_edges(found))]


def _edges(sizes: Iterable[int]) -> Iterator[int]:
    at = 0
    for size in sizes:
        at += size
        yield at


class DigitNumber:
    """A number of digits alone, at a place in a run of them."""

    def __init__(self, row: IdentifierRow) -> None:
        self.row = row
        self.ways = [way for text in row.digits for way in ways(text)]
        self._signs: dict[tuple[int, ...], set[bytes]] = {}
        for way in self.ways:
            self._signs.setdefault(way.sizes, set()).add(way.signs)
        self._form = re.compile(row.form.encode())
        self._bare = re.compile(row.bare.encode()) if row.bare else None
        self._check = has_nir_key if row.check == NIR_KEY else _check(row.check)
        self._sum = _sum(row.quick)
        self._chained = row.check in _CHAINED

    def right(self, numbers: Sequence[bytes]) -> Set[bytes]:
        """Return those of some numbers of one length whose form and check digits are right."""
        few = numbers if self._sum is None else self._sum.passing(numbers)
        return set(filter(self._is_right, set(few)))

    def judge(self, scan: Scan, place: Place) -> Candidate | None:
        """Return the number at a place, if it is right; one that only the others can tell is given to the crowd."""
        row, words = self.row, scan.words
        bare = place.first == place.last
        distance = words.distance(row.type, place.start, place.end, row.reach)
        if distance >= 0:
            found = self._named(scan.data, place, close=distance <= CLOSE)
            if distance <= CLOSE or not bare:
                return found
            return self._doubted(scan, found)
        if row.counts == "named" or tie_of(scan.data, place) > (Tie.SIGN if row.counts == "alone" else Tie.NONE):
            return None
        return self._unnamed(scan, place, bare=bare)

    def _is_right(self, digits: bytes) -> bool:
        return (
            self._form.match(digits) is not None
            and _is_varied(self.row.quick, digits)
            and digits.count(digits[:1]) < len(digits)
            and (not self._chained or has_iso_7064_digit(digits))
            and (self._check is None or self._check(digits.decode()))
        )

    def _named(self, data: bytes, place: Place, *, close: bool) -> Candidate | None:
        row = self.row
        if tie_of(data, place) is Tie.WORD or (row.counts != "alone" and _is_amount(data, place)):
            return None
        if not (is_apart(data, place) or (close and row.check) or row.counts == "alone"):
            return None
        return self._found(place, BY_BOTH if row.check else BY_WORD, _CLOSELY_NAMED if close else _NAMED)

    def _unnamed(self, scan: Scan, place: Place, *, bare: bool) -> Candidate | None:
        row, data = self.row, scan.data
        strong = row.counts == "alone"
        if bare:
            if not strong and (self._bare is None or self._bare.match(place.digits) is None):
                return None
        elif not self._is_grouped(data, place):
            return None
        if not strong and (not is_apart(data, place) or _is_amount(data, place)):
            return None
        if (bare or not strong) and scan.words.denied(place.start) >= 0:
            return None
        found = self._found(place, BY_CHECK if row.check else BY_WORD, _STRONG if strong else _WEAK)
        return self._doubted(scan, found) if bare else found

    def _doubted(self, scan: Scan, found: Candidate | None) -> Candidate | None:
        """Leave it to the others: the crowd hands it back at the end."""
        if found is not None:
            scan.crowd.doubt(self, self.row.chance, found)
        return None

    def _is_grouped(self, data: bytes, place: Place) -> bool:
        signs = self._signs[place.run.sizes[place.first : place.last + 1]]
        if b"" in signs and (even_gaps_or_last(data, place) or _even_slashes(data, place)):
            return True
        gaps = [data[left[1] : right[0]] for left, right in pairwise(place.run.groups[place.first : place.last + 1])]
        return b"".join(gaps) in signs

    def _found(self, place: Place, confidence: float, rank: int) -> Candidate:
        row = self.row
        return Candidate(row.type, place.start, place.end, confidence, row.detail, rank, place.digits, row.type.lower())


class LetteredNumber:
    """A number with letters: its pattern, and where to look for it."""

    def __init__(self, row: IdentifierRow) -> None:
        self.row = row
        gap = SEPARATOR + b"?"
        self._pattern = re.compile(
            b"(?<!%b)(?:%b)(?!%b)" % (_WORD_SIGN, row.pattern.encode().replace(b"_", gap), _WORD_SIGN), re.IGNORECASE
        )
        self.probe = Probe(row.probe.encode().replace(b"_", gap), apart=row.apart) if row.probe else None
        self._form = re.compile(row.form.encode())
        self._check = _check(row.check)
        self._key = object()

    def near(self, scan: Scan, hits: Sequence[int], keywords: Sequence[int]) -> Iterator[Candidate]:
        """Yield the numbers around the hits of the probe and, if the row asks for a keyword, around those."""
        row = self.row
        if row.counts == "named":
            around = windows(keywords, row.reach + _LONGEST, row.reach + _LONGEST)
            places = _merged([*around, *scan.words.tables(row.type)])
        else:
            places = windows(hits, row.width + _LONGEST, _LONGEST)
        for low, high in places:
            for found in self._pattern.finditer(scan.data, low, high):
                candidate = self._judged(scan, *found.span())
                if candidate is not None:
                    yield candidate

    def _judged(self, scan: Scan, start: int, end: int) -> Candidate | None:
        row, data = self.row, scan.data
        signs = data[start:end].translate(None, _NOT_SIGNS).upper()
        valid = scan.crowd.known(self._key, signs)
        if valid is None:
            valid = self._form.match(signs) is not None and (self._check is None or self._check(signs.decode()))
            scan.crowd.count(self._key, [signs], {signs} if valid else frozenset())
        if not valid:
            return None
        distance = scan.words.distance(row.type, start, end, row.reach)
        if distance >= 0:
            rank = _CLOSELY_NAMED if distance <= CLOSE else _NAMED
            return self._found(start, end, signs, BY_BOTH if row.check else BY_WORD, rank)
        if row.counts == "named" or data[start - 1] in b"-./" or scan.words.denied(start) >= 0:
            return None
        found = self._found(start, end, signs, BY_CHECK if row.check else BY_WORD, _STRONG)
        scan.crowd.doubt(self._key, row.chance, found)
        return None

    def _found(self, start: int, end: int, signs: bytes, confidence: float, rank: int) -> Candidate:
        row = self.row
        return Candidate(row.type, start, end, confidence, row.detail, rank, signs, row.type.lower())


class IdentifierDetector:
    """All rows that have a pattern."""

    name = "identifiers"
    version = "1"

    def __init__(self, rows: Sequence[IdentifierRow], words: WordRows) -> None:
        lettered = [LetteredNumber(row) for row in rows if row.pattern]
        probes = list(dict.fromkeys(number.probe for number in lettered if number.probe is not None))
        kinds = list(dict.fromkeys(number.row.type for number in lettered))
        self._slots = {kind: len(probes) + slot for slot, kind in enumerate(kinds)}
        self._numbers = [
            (number, probes.index(number.probe) if number.probe is not None else -1) for number in lettered
        ]
        self._vocabulary = Vocabulary(words)
        self.probes: tuple[Probe, ...] = (
            *probes,
            *(keyword_probe(words.keywords[kind]) for kind in kinds),
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        scan = Scan(data, Words(data, ends, self._slots, self._vocabulary), Crowd())
        for number, probe in self._numbers:
            hits = ends[probe] if probe >= 0 else ()
            keywords = ends[self._slots[number.row.type]]
            if hits or keywords:
                yield from number.near(scan, hits, keywords)
        yield from scan.crowd.rest()


def _merged(places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield places in order, those that overlap as one."""
    low = high = -1
    for start, end in sorted(places):
        if start > high:
            if high >= 0:
                yield low, high
            low = start
        high = max(high, end)
    if high >= 0:
        yield low, high


def _check(name: str) -> Callable[[str], bool] | None:
    """Return the check of a module of python-stdnum."""
    return import_module(f"stdnum.{name}").is_valid if name and name != LUHN_ALONE else None


def _sum(rule: Quick | None) -> Sum | None:
    if rule is None or rule.distinct:
        return None
    return LuhnSum(rule.luhn) if rule.luhn else Sum(rule.weights, rule.modulus, rule.remainders)


def _is_varied(rule: Quick | None, digits: bytes) -> bool:
    return rule is None or not rule.distinct or len(set(digits[:-1])) in rule.distinct


def _is_amount(data: bytes, place: Place) -> bool:
    return _AMOUNT.match(data, place.end) is not None


def _even_slashes(data: bytes, place: Place) -> bool:
    groups = place.run.groups[place.first : place.last + 1]
    return all(data[left[1] : right[0]] == b"/" for left, right in pairwise(groups))


def even_gaps_or_last(data: bytes, place: Place) -> bool:
    """Tell whether the separators of a place agree; that before the last group may differ (`732829320-00074`)."""
    run: Run = place.run
    first, last = place.first, place.last
    return last - first <= 1 or even_gaps(data, run, first, last - 1) or even_gaps(data, run, first, last)

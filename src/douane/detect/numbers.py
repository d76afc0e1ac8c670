"""Numbers that carry check digits and nothing else to tell them by: NIR, SIREN, SIRET, payment cards.

A valid check digit counts by itself, without a word beside it: asking for one loses more cards than it spares false
alarms. Check digits are those of python-stdnum; issuer ranges are data rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

from stdnum.fr import nir, siren, siret

from douane.detect.detector import SEPARATOR, Candidate, windows
from douane.detect.digits import (
    RUN_PROBE,
    Place,
    Run,
    Shapes,
    Tie,
    even_gaps,
    groupings,
    is_apart,
    place_of,
    runs,
    tie_of,
)
from douane.detect.engine import Probe
from douane.detect.phones import AMERICAN, FRENCH, NINE, Phones
from douane.detect.rules import CardRange

_GAP = SEPARATOR + rb"?"
_CORSICAN = re.compile(
    rb"(?<![0-9A-Za-z])[1-478]" + _GAP + rb"[0-9]{2}" + _GAP + rb"[0-9]{2}" + _GAP + rb"2[ABab]" + _GAP
    + rb"[0-9]{3}" + _GAP + rb"[0-9]{3}" + _GAP + rb"[0-9]{2}(?![0-9A-Za-z])"
)  # fmt: skip
_CORSICAN_REACH = 24
_AMOUNT = re.compile(
    rb"(?:\xc2\xa0|\xe2\x80\xaf| )?(?:\xe2\x82\xac|\$|\xc2\xa3|%|EUR|USD|GBP|CHF|k\xe2\x82\xac|euros?\b)", re.I
)
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_LA_POSTE = b"356000000"
_MOST_JUDGED = 4096
_DOUBTFUL = -1
_CARD_WORD = re.compile(
    rb"(?:card|carte|\bcb\b|visa|master|amex|credit|cr\xc3\xa9dit|paiement|payment|\bpan\b|\bcc\b)", re.I
)
_CARD_WORD_REACH = 40


class CorsicanNirDetector:
    """Births in Corsica since 1976: 2A or 2B stands where the department does."""

    name = "nir-corsica"
    version = "1"
    probes: tuple[Probe, ...] = (Probe(rb"[0-9]" + _GAP + rb"[0-9]{2}" + _GAP + rb"2[ABab]" + _GAP + rb"[0-9]"),)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for low, high in windows(ends[0], _CORSICAN_REACH, _CORSICAN_REACH):
            for found in _CORSICAN.finditer(data, low, high):
                number = bytes(char for char in found[0].upper() if char in b"0123456789AB").decode()
                if nir.is_valid(number):
                    yield Candidate("NIR", found.start(), found.end(), 0.95, "", 8, number.encode(), "nir")


Judge = Callable[[bytes, Place], Candidate | None]
_ANY = b"0123456789"


class Kind(NamedTuple):
    """A kind of number: what it may begin with, and who says whether a place holds one.

    A `weak` number is one that many other numbers look like: any sign that ties it to a neighbour rules it out.
    """

    starts: bytes
    weak: bool
    judge: Judge | None
    """None: the wallet of the scan."""
    is_phone: bool = False
    """`Phones.of_run` tells it, too."""


class NumberDetector:
    """All numbers that stand in runs of digits: each run is read once, by everyone who may know it."""

    name = "numbers"
    version = "1"
    probes: tuple[Probe, ...] = (RUN_PROBE,)

    def __init__(self, ranges: Sequence[CardRange], regions: Sequence[str]) -> None:
        self._phones = phones = Phones(regions)
        self._cards = Cards(ranges)
        self._shapes = Shapes(
            (
                (Kind(b"123478", False, _nir), groupings(15, (1, 3, 5, 7, 10, 13))),
                (Kind(_ANY, True, _siret), [*groupings(14, (3, 6, 9)), (3, 3, 3, 3, 2), (9, 3, 2)]),
                (Kind(_ANY, True, _siren), groupings(9, (3, 6))),
                (Kind(b"0", True, phones.french, is_phone=True), FRENCH),
                (Kind(b"23456789", False, phones.american), AMERICAN),
                (Kind(b"236789", True, phones.nine_digits), NINE),
                (Kind(_ANY, False, None), self._cards.groupings),
            )
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        wallet = Wallet(self._cards)
        for run in runs(data, ends[0]):
            phones: set[tuple[int, int]] = set()
            for phone in self._phones.of_run(data, run):
                phones.add((phone.start, phone.end))
                yield phone
            yield from self._judged(data, run, phones, wallet)
        yield from wallet.rest()

    def _judged(self, data: bytes, run: Run, phones: set[tuple[int, int]], wallet: Wallet) -> Iterator[Candidate]:
        """Judge first, look around after: nine in ten candidates fail by their check digit alone."""
        groups = run.groups
        in_word = run.glued == "a"
        for first, last, kinds in self._shapes.of_run(run.sizes):
            start = groups[first][0]
            sign = data[start]
            place: Place | None = None
            for kind in kinds:
                judge = kind.judge
                if sign not in kind.starts or (in_word and first == 0 and judge is not None):
                    continue
                if kind.is_phone and (start, groups[last][1]) in phones:
                    continue
                place = place or place_of(data, run, first, last)
                candidate = wallet.judge(data, place) if judge is None else judge(data, place)
                if candidate is None:
                    continue
                tie = tie_of(data, run, first, last)
                if tie is Tie.NONE or (tie is Tie.SIGN and not kind.weak):
                    yield from wallet.sorted_in(candidate) if judge is None else (candidate,)


def _nir(_data: bytes, place: Place) -> Candidate | None:
    """The French social security number: 13 digits and a key modulo 97 (INSEE, NIR)."""
    if not _is_registrable(place.digits) or not nir.is_valid(place.digits.decode()):
        return None
    return Candidate("NIR", place.start, place.end, 0.95, "", 8, place.digits, "nir")


def _is_registrable(digits: bytes) -> bool:
    """Tell whether a month of birth (or the code for an unknown one), a department and a commune are there."""
    month = int(digits[3:5])
    known = 1 <= month <= 12 or month == 20 or 30 <= month <= 42 or month >= 50
    return known and digits[5:7] != b"00" and digits[7:10] != b"000" and digits[10:13] != b"000"


def _siret(data: bytes, place: Place) -> Candidate | None:
    """An establishment's number: its company's, and Luhn over all; La Poste's own rule is stdnum's."""
    digits = place.digits
    if not (passes_luhn(digits[:9]) and (passes_luhn(digits) or digits.startswith(_LA_POSTE))):
        return None
    if not _counts(data, place) or not siret.is_valid(digits.decode()):
        return None
    return Candidate("SIRET", place.start, place.end, 0.9, "", 6, place.digits, "siret")


def _siren(data: bytes, place: Place) -> Candidate | None:
    """A company's number: nine digits, often part of something longer."""
    if not (is_apart(place) and passes_luhn(place.digits) and _counts(data, place)):
        return None
    if not siren.is_valid(place.digits.decode()):
        return None
    return Candidate("SIREN", place.start, place.end, 0.75, "", 3, place.digits, "siren")


def _counts(data: bytes, place: Place) -> bool:
    return even_gaps_or_last(data, place) and len(set(place.digits)) > 1 and _AMOUNT.match(data, place.end) is None


def even_gaps_or_last(data: bytes, place: Place) -> bool:
    """Tell whether the separators of a place agree; that before the last group may differ (`732829320-00074`)."""
    run, first, last = place.run, place.first, place.last
    return last - first <= 1 or even_gaps(data, run, first, last - 1) or even_gaps(data, run, first, last)


class Cards:
    """Issuers' first digits and lengths (ISO/IEC 7812), compiled."""

    CUTS: ClassVar[Mapping[int, tuple[tuple[int, ...], ...]]] = {
        14: ((4, 10),),
        15: ((4, 10), (4, 8, 12)),
        16: ((4, 8, 12), (6,)),
        19: ((4, 8, 12, 16), (6,)),
    }

    def __init__(self, ranges: Sequence[CardRange]) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[bytes], str]]] = {}
        for row in ranges:
            for length in row.lengths:
                self._by_length.setdefault(length, []).append((re.compile(row.prefix.encode()), row.brand))
        self.groupings = [
            sizes
            for length in self._by_length
            for cuts in self.CUTS.get(length, ((),))
            for sizes in groupings(length, cuts)
        ]

    def brand(self, digits: bytes) -> str:
        """Return the issuer whose number this may be, or ""."""
        return next((brand for prefix, brand in self._by_length[len(digits)] if prefix.match(digits)), "")


class Wallet:
    """The cards of one scan. A valid Luhn digit counts, save in a column of ids where one in ten has one by chance.

    A word for a card before a number makes it one whatever its issuer, and outranks what else it could be.
    """

    ENOUGH_TO_JUDGE = 20

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self._bare: dict[bytes, bool] = {}
        self._doubtful: list[Candidate] = []

    def judge(self, data: bytes, place: Place) -> Candidate | None:
        """Return the card at a place, of rank `_DOUBTFUL` where only the other numbers will tell."""
        valid = _is_card_like(place.digits)
        bare = place.first == place.last
        if bare and len(self._bare) < _MOST_JUDGED:
            self._bare[place.digits] = valid
        if not valid:
            return None
        brand = self._cards.brand(place.digits)
        if _is_announced(data, place):
            return Candidate("CARD", place.start, place.end, 0.95, brand, 9, place.digits, "card")
        if not brand:
            return None
        return Candidate("CARD", place.start, place.end, 0.9, brand, _DOUBTFUL if bare else 5, place.digits, "card")

    def sorted_in(self, card: Candidate) -> tuple[Candidate, ...]:
        """Return a card that stands by itself; keep one that does not."""
        if card.rank != _DOUBTFUL:
            return (card,)
        if len(self._doubtful) < _MOST_JUDGED:
            self._doubtful.append(card._replace(rank=5))
        return ()

    def rest(self) -> Iterator[Candidate]:
        """Yield the bare numbers, unless so few of them are valid that chance explains those."""
        if len(self._bare) < self.ENOUGH_TO_JUDGE or sum(self._bare.values()) * 4 > len(self._bare):
            yield from self._doubtful


def _is_announced(data: bytes, place: Place) -> bool:
    """Tell whether a word for a card stands before a place. Deep in a run there is none to look for."""
    start = place.start
    if start - place.run.start >= _CARD_WORD_REACH:
        return False
    return _CARD_WORD.search(data, max(0, start - _CARD_WORD_REACH), start) is not None


def _is_card_like(digits: bytes) -> bool:
    return passes_luhn(digits) and len(set(digits)) > 1


def passes_luhn(digits: bytes) -> bool:
    """Tell whether digits are right by ISO/IEC 7812-1, annex B (Luhn): as stdnum does, in a twentieth."""
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0

"""Numbers that carry check digits and nothing else to tell them by: NIR, SIREN, SIRET, payment cards.

A valid check digit counts by itself, without a word beside it: asking for one loses more cards than it spares false
alarms. Check digits are those of python-stdnum; issuer ranges are data rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from stdnum import luhn
from stdnum.fr import nir, siren, siret

from douane.detect.detector import SEPARATOR, Candidate, windows
from douane.detect.digits import RUN_PROBE, Place, Run, Shape, even_gaps, groupings, is_apart, runs
from douane.detect.engine import Probe
from douane.detect.phones import Phones
from douane.detect.rules import CardRange

_NIR = Shape(groupings(15, (1, 3, 5, 7, 10, 13)))
_NIR_FIRST = b"123478"
_SIREN = Shape(groupings(9, (3, 6)))
_SIRET = Shape([*groupings(14, (3, 6, 9)), (3, 3, 3, 3, 2), (9, 3, 2)])
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
_MOST_JUDGED = 4096
_CARD_WORD = re.compile(
    rb"(?:card|carte|\bcb\b|visa|master|amex|credit|cr\xc3\xa9dit|paiement|payment|\bpan\b|\bcc\b)", re.I
)


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


class NumberDetector:
    """All numbers that stand in runs of digits: each run is read once, by everyone who may know it."""

    name = "numbers"
    version = "1"
    probes: tuple[Probe, ...] = (RUN_PROBE,)

    def __init__(self, ranges: Sequence[CardRange], regions: Sequence[str]) -> None:
        self._phones = Phones(regions)
        self._cards = Cards(ranges)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        wallet = Wallet(self._cards)
        for run in runs(data, ends[0]):
            yield from self._phones.of_run(data, run)
            yield from _nirs(data, run)
            yield from _sirens(data, run)
            yield from wallet.of_run(data, run)
        yield from wallet.rest()


def _nirs(data: bytes, run: Run) -> Iterator[Candidate]:
    """The French social security number: 13 digits and a key modulo 97 (INSEE, NIR)."""
    for place in _NIR.places(data, run, weak=False, starts=_NIR_FIRST):
        if _is_registrable(place.digits) and nir.is_valid(place.digits.decode()):
            yield Candidate("NIR", place.start, place.end, 0.95, "", 8, place.digits, "nir")


def _is_registrable(digits: bytes) -> bool:
    """Tell whether a month of birth (or the code for an unknown one), a department and a commune are there."""
    month = int(digits[3:5])
    known = 1 <= month <= 12 or month == 20 or 30 <= month <= 42 or month >= 50
    return known and digits[5:7] != b"00" and digits[7:10] != b"000" and digits[10:13] != b"000"


def _sirens(data: bytes, run: Run) -> Iterator[Candidate]:
    """Company (SIREN, 9 digits) and establishment (SIRET, 14 digits; La Poste's own rule is stdnum's)."""
    for place in _SIRET.places(data, run, weak=True):
        if _counts(data, place) and siret.is_valid(place.digits.decode()):
            yield Candidate("SIRET", place.start, place.end, 0.9, "", 6, place.digits, "siret")
    for place in _SIREN.places(data, run, weak=True):
        if is_apart(place) and _counts(data, place) and siren.is_valid(place.digits.decode()):
            yield Candidate("SIREN", place.start, place.end, 0.75, "", 3, place.digits, "siren")


def _counts(data: bytes, place: Place) -> bool:
    return even_gaps_or_last(data, place) and len(set(place.digits)) > 1 and _AMOUNT.match(data, place.end) is None


def even_gaps_or_last(data: bytes, place: Place) -> bool:
    """Tell whether the separators of a place agree; that before the last group may differ (`732829320-00074`)."""
    if place.last - place.first <= 1:
        return True
    return even_gaps(data, Place(place.run, place.first, place.last - 1, b"")) or even_gaps(data, place)


class Cards:
    """Issuers' first digits and lengths (ISO/IEC 7812), compiled."""

    CUTS: ClassVar[Mapping[int, tuple[tuple[int, ...], ...]]] = {
        14: ((4, 10), (4, 8, 12)),
        15: ((4, 10), (4, 8, 12)),
        16: ((4, 8, 12), (6,)),
        19: ((4, 8, 12, 16), (6,)),
    }

    def __init__(self, ranges: Sequence[CardRange]) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[bytes], str]]] = {}
        for row in ranges:
            for length in row.lengths:
                self._by_length.setdefault(length, []).append((re.compile(row.prefix.encode()), row.brand))
        sizes = [
            [one for cuts in self.CUTS.get(length, ((4, 8),)) for one in groupings(length, cuts)]
            for length in sorted(self._by_length, reverse=True)
        ]
        self.shapes = [Shape(ways) for ways in sizes]
        self.any_shape = Shape([one for ways in sizes for one in ways])

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

    def of_run(self, data: bytes, run: Run) -> Iterator[Candidate]:
        if not self._cards.any_shape.occurs(run):
            return
        for shape in self._cards.shapes:
            for place in shape.places(data, run, weak=False):
                valid = _is_card_like(place.digits)
                bare = place.first == place.last
                if bare and len(self._bare) < _MOST_JUDGED:
                    self._bare[place.digits] = valid
                if not valid:
                    continue
                named = _CARD_WORD.search(data, max(0, place.start - 40), place.start) is not None
                brand = self._cards.brand(place.digits)
                if named:
                    yield Candidate("CARD", place.start, place.end, 0.95, brand, 9, place.digits, "card")
                elif brand:
                    found = Candidate("CARD", place.start, place.end, 0.9, brand, 5, place.digits, "card")
                    if not bare:
                        yield found
                    elif len(self._doubtful) < _MOST_JUDGED:
                        self._doubtful.append(found)

    def rest(self) -> Iterator[Candidate]:
        """Yield the bare numbers, unless so few of them are valid that chance explains those."""
        if len(self._bare) < self.ENOUGH_TO_JUDGE or sum(self._bare.values()) * 4 > len(self._bare):
            yield from self._doubtful


def _is_card_like(digits: bytes) -> bool:
    return _passes_luhn(digits) and len(set(digits)) > 2 and luhn.is_valid(digits.decode())


def _passes_luhn(digits: bytes) -> bool:
    """Tell in a fraction of a microsecond what stdnum then confirms: most candidates fail here."""
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0

"""Numbers that carry check digits and nothing else to tell them by: NIR, SIREN, SIRET, payment cards.

A valid check digit counts by itself, without a word beside it: asking for one loses more cards than it spares false
alarms. Check digits are those of python-stdnum; issuer ranges are data rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stdnum import luhn
from stdnum.fr import nir, siren, siret

from douane.detect.detector import SEPARATOR, Candidate
from douane.detect.digits import RUN_PROBE, Place, Shape, even_gaps, groupings, runs
from douane.detect.engine import Probe
from douane.detect.rules import CardRange

_NIR = Shape(groupings(15, (1, 3, 5, 7, 10, 13)))
_NIR_FIRST = b"123478"
_SIREN = Shape(groupings(9, (3, 6)))
_SIRET = Shape(groupings(14, (3, 6, 9)) + [(3, 3, 3, 3, 2), (9, 3, 2)])
_GAP = SEPARATOR + rb"?"
_CORSICAN = re.compile(
    rb"(?<![0-9A-Za-z])[1-478]" + _GAP + rb"[0-9]{2}" + _GAP + rb"[0-9]{2}" + _GAP + rb"2[ABab]" + _GAP
    + rb"[0-9]{3}" + _GAP + rb"[0-9]{3}" + _GAP + rb"[0-9]{2}(?![0-9A-Za-z])"
)  # fmt: skip
_CORSICAN_REACH = 24
_AMOUNT = re.compile(rb"(?:\xc2\xa0|\xe2\x80\xaf| )?(?:\xe2\x82\xac|\$|\xc2\xa3|%|EUR|USD|GBP|CHF|k\xe2\x82\xac|euros?\b)", re.I)
_CARD_WORD = re.compile(rb"(?:card|carte|\bcb\b|visa|master|amex|credit|cr\xc3\xa9dit|paiement|payment|\bpan\b)", re.I)


class NirDetector:
    """The French social security number: 13 characters and a key modulo 97; Corsican births as 2A and 2B."""

    name = "nir"
    version = "1"
    probes = (RUN_PROBE, Probe(rb"[0-9]" + _GAP + rb"[0-9]{2}" + _GAP + rb"2[ABab]" + _GAP + rb"[0-9]"))

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for run in runs(data, ends[0]):
            for place in _NIR.places(data, run, weak=False):
                if place.digits[0] in _NIR_FIRST and _has_birth_month(place.digits) and nir.is_valid(place.digits.decode()):
                    yield Candidate("NIR", place.start, place.end, 0.95, "", 8, place.digits)
        done = 0
        for end in ends[1]:
            if end <= done:
                continue
            for found in _CORSICAN.finditer(data, max(done, end - _CORSICAN_REACH), end + _CORSICAN_REACH):
                done = found.end()
                number = bytes(char for char in found[0].upper() if char in b"0123456789AB").decode()
                if nir.is_valid(number):
                    yield Candidate("NIR", found.start(), found.end(), 0.95, "", 8, number.encode())


def _has_birth_month(digits: bytes) -> bool:
    """Tell whether characters 4 and 5 are a month, or one of the codes for births without a known one."""
    month = int(digits[3:5])
    return 1 <= month <= 12 or 20 <= month <= 42 or month >= 50


class SirenDetector:
    """Company (SIREN, 9 digits) and establishment (SIRET, 14 digits; La Poste's own rule is stdnum's)."""

    name = "siren"
    version = "1"
    probes = (RUN_PROBE,)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for run in runs(data, ends[0]):
            for place in _SIRET.places(data, run, weak=True):
                if self._counts(data, place) and siret.is_valid(place.digits.decode()):
                    yield Candidate("SIRET", place.start, place.end, 0.9, "", 6, place.digits)
            for place in _SIREN.places(data, run, weak=True):
                if self._counts(data, place) and siren.is_valid(place.digits.decode()):
                    yield Candidate("SIREN", place.start, place.end, 0.75, "", 3, place.digits)

    @staticmethod
    def _counts(data: bytes, place: Place) -> bool:
        return (
            even_gaps_or_last(data, place)
            and len(set(place.digits)) > 1
            and _AMOUNT.match(data, place.end) is None
        )


def even_gaps_or_last(data: bytes, place: Place) -> bool:
    """Tell whether the separators of a place agree; that before the last group may differ (`732829320-00074`)."""
    if place.last - place.first <= 1:
        return True
    return even_gaps(data, Place(place.run, place.first, place.last - 1, b"")) or even_gaps(data, place)


class CardDetector:
    """Payment cards: an issuer's first digits, a length of that issuer, a Luhn digit (ISO/IEC 7812)."""

    name = "card"
    version = "1"
    probes = (RUN_PROBE,)

    CUTS = {16: ((4, 8, 12), (6,)), 15: ((4, 10), (4, 8, 12)), 14: ((4, 10), (4, 8, 12)), 19: ((4, 8, 12, 16), (6,))}
    ENOUGH_TO_JUDGE = 20
    """How many distinct bare numbers of card length make a column, and how rarely a wallet's would fail Luhn."""

    def __init__(self, ranges: Sequence[CardRange]) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[str], str]]] = {}
        for row in ranges:
            for length in row.lengths:
                self._by_length.setdefault(length, []).append((re.compile(row.prefix), row.brand))
        self._shapes = [
            (length, Shape([sizes for cuts in self.CUTS.get(length, ((4, 8, 12),)) for sizes in groupings(length, cuts)]))
            for length in sorted(self._by_length, reverse=True)
        ]

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        bare: dict[bytes, bool] = {}
        doubtful: list[Candidate] = []
        for run in runs(data, ends[0]):
            for length, shape in self._shapes:
                for place in shape.places(data, run, weak=False):
                    valid = len(set(place.digits)) > 2 and luhn.is_valid(place.digits.decode())
                    single = place.first == place.last
                    if single:
                        bare[place.digits] = valid
                    brand = self._brand(length, place.digits.decode()) if valid else ""
                    if not brand:
                        continue
                    found = Candidate("CARD", place.start, place.end, 0.9, brand, 5, place.digits)
                    if single and _CARD_WORD.search(data, max(0, place.start - 40), place.start) is None:
                        doubtful.append(found)
                    else:
                        yield found
        if not self._is_column_of_ids(bare):
            yield from doubtful

    def _brand(self, length: int, digits: str) -> str:
        return next((brand for prefix, brand in self._by_length[length] if prefix.match(digits)), "")

    def _is_column_of_ids(self, bare: dict[bytes, bool]) -> bool:
        """Tell whether so many numbers fail Luhn that those which pass do so by chance (one in ten does)."""
        return len(bare) >= self.ENOUGH_TO_JUDGE and sum(bare.values()) * 4 <= len(bare)

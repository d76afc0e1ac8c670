"""Payment cards: issuer ranges, lengths, a Luhn digit.

Rules enforced:
1. A number of an issuer's usual length counts without a word beside it: asking for one loses more cards than it spares.
2. A word for a card right before it makes one of any number with a Luhn digit, whatever its issuer.
3. Ids of a column are none, where as few have a Luhn digit as chance would let (`Crowd`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar, Final

from douane.detect.detector import Candidate
from douane.detect.digits import Place, Run, Tie, groupings, tie_of
from douane.detect.identifiers import BY_BOTH, BY_CHECK, Scan
from douane.detect.rules import CardRange
from douane.detect.sums import LuhnSum
from douane.detect.words import CLOSE

CARD: Final = "CARD"
_NAMED_WITHIN: Final = 300
_GROUP: Final = 4
_ANNOUNCED_RANK, _RANK = 9, 5
_BY_CHANCE: Final = 0.02
"""One number in fifty of sixteen digits has an issuer's first ones and a Luhn digit."""


class Cards:
    """Issuers' first digits and lengths (ISO/IEC 7812), compiled."""

    CUTS: ClassVar[Mapping[int, tuple[tuple[int, ...], ...]]] = {
        14: ((4, 10),),
        15: ((4, 10), (4, 8, 12)),
        16: ((4, 8, 12), (6,)),
        19: ((4, 8, 12, 16), (6,)),
    }
    LENGTHS: ClassVar[range] = range(12, 20)

    def __init__(self, ranges: Sequence[CardRange]) -> None:
        self._sums = {length: LuhnSum(length) for length in self.LENGTHS}
        self._usual: dict[int, list[tuple[re.Pattern[bytes], str]]] = {}
        self._known: dict[int, list[tuple[re.Pattern[bytes], str]]] = {}
        for row in ranges:
            prefix = re.compile(row.prefix.encode()), row.brand
            for length in row.lengths:
                self._usual.setdefault(length, []).append(prefix)
            for length in (*row.lengths, *row.named):
                self._known.setdefault(length, []).append(prefix)
        self.groupings = [
            sizes
            for length in self.LENGTHS
            for cuts in self.CUTS.get(length, ((),))
            for sizes in groupings(length, cuts)
        ]

    def right(self, numbers: Sequence[bytes]) -> Set[bytes]:
        """Return those of some numbers of one length that have a Luhn digit."""
        passing = self._sums[len(numbers[0])].passing(numbers)
        return {digits for digits in passing if digits.count(digits[:1]) < len(digits)}

    def judge(self, scan: Scan, place: Place) -> Candidate | None:
        """Return the card at a place, if it is one; one that only the other numbers can tell is given to the crowd."""
        digits = place.digits
        bare = place.first == place.last
        if tie_of(scan.data, place) is Tie.WORD:
            return None
        distance = scan.words.distance(CARD, place.start, place.end, _NAMED_WITHIN)
        if 0 <= distance <= CLOSE:
            brand = _brand(self._known, digits)
            return _card(place, BY_BOTH, brand, _ANNOUNCED_RANK if brand else _RANK)
        brand = _brand(self._known if distance >= 0 else self._usual, digits)
        card = _card(place, BY_BOTH if distance >= 0 else BY_CHECK, brand, _RANK)
        if brand and not bare:
            return card
        if brand and scan.words.denied(place.start) < 0:
            scan.crowd.doubt(self, _BY_CHANCE, card)
        return None


def is_cut_out(run: Run, first: int, last: int) -> bool:
    """Tell whether a fifth group of four digits stands beside four of them; those of an account number do."""
    groups, sizes, glued, *_ = run
    if len(sizes) == last - first + 1:
        return False
    before = first > 0 and glued != "a" and sizes[first - 1] == _GROUP and groups[first][0] - groups[first - 1][1] == 1
    after = last + 1 < len(sizes) and sizes[last + 1] == _GROUP and groups[last + 1][0] - groups[last][1] == 1
    return before or after


def _card(place: Place, confidence: float, brand: str, rank: int) -> Candidate:
    return Candidate(CARD, place.start, place.end, confidence, brand, rank, place.digits, "card")


def _brand(ranges: Mapping[int, Sequence[tuple[re.Pattern[bytes], str]]], digits: bytes) -> str:
    """Return the issuer whose number this may be, or ""."""
    return next((brand for prefix, brand in ranges.get(len(digits), ()) if prefix.match(digits)), "")

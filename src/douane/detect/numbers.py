"""All numbers that stand in runs of digits: national numbers, payment cards, telephone numbers.

Each run is read once, by everyone who may know one of its stretches. What makes a number count is decided by those:
`identifiers`, `cards`, `phones`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from douane.detect.cards import CARD, Cards
from douane.detect.detector import Candidate
from douane.detect.digits import RUN_PROBE, Place, Run, Shapes, Tie, place_of, runs, tie_of
from douane.detect.engine import Probe
from douane.detect.identifiers import Crowd, DigitNumber, Scan
from douane.detect.phones import AMERICAN, FRENCH, NINE, Phones
from douane.detect.rules import Rules
from douane.detect.words import Vocabulary, Words, keyword_probe

_ANY = b"0123456789"
Judge: TypeAlias = Callable[[Scan, Place], Candidate | None]
"""Says whether a place holds a number of some kind."""


class Kind(NamedTuple):
    """A kind of number: what it may begin with, and who says whether a place holds one."""

    starts: bytes
    judge: Judge
    is_phone: bool = False
    """`Phones.of_run` tells it, too."""
    named: str = ""
    """The type whose keyword must be there for it to count."""


class NumberDetector:
    """All numbers that stand in runs of digits: each run is read once, by everyone who may know it."""

    name = "numbers"
    version = "2"

    def __init__(self, rules: Rules, regions: Sequence[str]) -> None:
        self._phones = phones = Phones(regions)
        numbers = [DigitNumber(row) for row in rules.identifiers if row.digits]
        kinds = list(dict.fromkeys((CARD, *(number.row.type for number in numbers))))
        self._slots = {kind: 1 + slot for slot, kind in enumerate(kinds)}
        self.probes: tuple[Probe, ...] = (RUN_PROBE, *(keyword_probe(rules.words.keywords[kind]) for kind in kinds))
        self._vocabulary = Vocabulary(rules.words.others, rules.words.connectors)
        cards = Cards(rules.cards)
        self._shapes = Shapes(
            (
                *((_kind(number), (way.sizes for way in number.ways)) for number in numbers),
                (Kind(b"0", _whole(phones.french, weak=True), is_phone=True), FRENCH),
                (Kind(b"23456789", _whole(phones.american, weak=False)), AMERICAN),
                (Kind(b"236789", _whole(phones.nine_digits, weak=True)), NINE),
                (Kind(_ANY, cards.judge), cards.groupings),
            )
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        scan = Scan(data, Words(data, ends, self._slots, self._vocabulary), Crowd(), {})
        for run in runs(data, ends[0]):
            phones: set[tuple[int, int]] = set()
            for phone in self._phones.of_run(data, run):
                phones.add((phone.start, phone.end))
                yield phone
            yield from self._judged(scan, run, phones)
        yield from scan.crowd.rest()

    def _judged(self, scan: Scan, run: Run, phones: set[tuple[int, int]]) -> Iterator[Candidate]:
        groups = run.groups
        data = scan.data
        dialled = run.start if run.plus else -1
        for first, last, kinds in self._shapes.of_run(run.sizes):
            start = groups[first][0]
            sign = data[start]
            place: Place | None = None
            for kind in kinds:
                if sign not in kind.starts or (kind.is_phone and (start, groups[last][1]) in phones):
                    continue
                if start == dialled or (kind.named and not scan.words.heard(kind.named)):
                    continue
                place = place or place_of(data, run, first, last)
                candidate = kind.judge(scan, place)
                if candidate is not None:
                    yield candidate


def _kind(number: DigitNumber) -> Kind:
    return Kind(_ANY, number.judge, named=number.row.type if number.row.counts == "named" else "")


def _whole(judge: Callable[[bytes, Place], Candidate | None], *, weak: bool) -> Judge:
    """Return a judge of numbers that a tie to a neighbour rules out: any tie of a weak one, a word of any."""

    def judged(scan: Scan, place: Place) -> Candidate | None:
        if place.first == 0 and place.run.glued == "a":
            return None
        candidate = judge(scan.data, place)
        if candidate is None:
            return None
        tie = tie_of(scan.data, place)
        return candidate if tie is Tie.NONE or (tie is Tie.SIGN and not weak) else None

    return judged

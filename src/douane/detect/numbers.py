"""All numbers that stand in runs of digits: national numbers, payment cards, telephone numbers.

Each run is read once, by everyone who may know one of its stretches. Most stretches are no number of anybody: those of
one shape are gathered, and their check digits looked at all together. What makes a number count is decided by those who
know it: `identifiers`, `cards`, `phones`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from douane.detect.cards import CARD, Cards, is_cut_out
from douane.detect.detector import Candidate
from douane.detect.digits import NOT_DIGITS, RUN_PROBE, Place, Run, Shapes, Tie, run_of, spans, tie_of
from douane.detect.engine import Probe
from douane.detect.identifiers import Crowd, DigitNumber, Scan
from douane.detect.phones import AMERICAN, FRENCH, NAMED_SIZES, NINE, PHONE, Phones
from douane.detect.rules import Rules
from douane.detect.words import Vocabulary, Words, keyword_probe
from douane.detect.work import Work

_ANY: Final = b"0123456789"
_ZERO, _PLUS = ord("0"), ord("+")
_ABROAD: Final = b"00"
_PADDED: Final = b"000"
"""No telephone number begins so, neither one with a trunk zero nor an international one."""
_MOST_GATHERED: Final = 512
_MOST_REMEMBERED: Final = 64
_LONGEST_NAMED: Final = 20
"""A phone number of twelve digits and the signs between its groups."""
_MANY_GROUPS: Final = 48
"""In a run of so many groups it is quicker to look for each shape than to follow the groups."""
Judge: TypeAlias = Callable[[Scan, Place], Candidate | None]
"""Says whether a place holds a number of some kind."""


class Kind(NamedTuple):
    """A kind of number: what it may begin with, and who says whether a place holds one.

    `right` returns those of many numbers that have its check digits; `crowd` counts those without groups by it. A place
    that is `cut_out` of something longer is none, nor is one that `expected` does not see announced.
    """

    starts: bytes
    judge: Judge
    right: Callable[[Sequence[bytes]], Set[bytes]] | None = None
    crowd: object = None
    cut_out: Callable[[Run, int, int], bool] | None = None
    expected: Callable[[bytes, int], bool] | None = None
    is_phone: bool = False
    """`Phones.of_run` tells it, too."""
    named: str = ""
    """The type whose keyword must be there for it to count."""


class Shape(NamedTuple):
    """The kinds that are grouped in one way, and whether that is in one group."""

    kinds: tuple[Kind, ...]
    bare: bool


class Found(NamedTuple):
    """Groups of a run that have some shape. The run of a single group is made out only where it matters."""

    digits: bytes
    start: int
    run: Run | None = None
    first: int = 0
    last: int = 0

    def place(self, data: bytes) -> Place:
        """Return it with its run."""
        run = self.run or run_of(data, self.start, self.start + len(self.digits))
        return Place(run, self.first, self.last, self.start, run.groups[self.last][1], self.digits)


Gathered: TypeAlias = dict[tuple[int, ...], list[Found]]
"""Stretches by the sizes of their groups."""


class NumberDetector:
    """All numbers that stand in runs of digits."""

    name = "numbers"
    version = "2"

    def __init__(self, rules: Rules, regions: Sequence[str]) -> None:
        self._phones = phones = Phones(regions)
        numbers = [DigitNumber(row) for row in rules.identifiers if row.digits]
        types = list(dict.fromkeys((CARD, PHONE, *(number.row.type for number in numbers))))
        self._slots = {kind: 1 + slot for slot, kind in enumerate(types)}
        self.probes: tuple[Probe, ...] = (RUN_PROBE, *(keyword_probe(rules.words.keywords[kind]) for kind in types))
        self._vocabulary = Vocabulary(rules.words)
        cards = Cards(rules.cards)
        nine = _whole(phones.nine_digits, weak=True)
        table: dict[tuple[int, ...], tuple[Kind, ...]] = {}
        for kind, groupings in (
            *((_kind(number), [way.sizes for way in number.ways]) for number in numbers),
            (Kind(b"0", _whole(phones.french, weak=True), is_phone=True), FRENCH),
            (Kind(b"23456789", _whole(phones.american, weak=False)), AMERICAN),
            (Kind(b"236789", nine, expected=phones.is_asked), NINE),
            (Kind(_ANY, cards.judge, cards.right, cards, is_cut_out), cards.groupings),
        ):
            for sizes in set(groupings):
                table[sizes] = (*table.get(sizes, ()), kind)
        self._table = table
        self._named = tuple(dict.fromkeys(kind.named for kinds in table.values() for kind in kinds if kind.named))
        self._heard: dict[tuple[str, ...], Mapping[tuple[int, ...], Shape]] = {}
        self._shapes = Shapes({sizes: sizes for sizes in table})

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        return self.find_within(data, ends, Work(len(data)))

    def find_within(self, data: bytes, ends: Sequence[list[int]], work: Work) -> Iterator[Candidate]:
        scan = Scan(data, Words(data, ends, self._slots, self._vocabulary), Crowd())
        shapes = self._shapes_heard(scan.words)
        gathered: Gathered = {}
        phones: set[tuple[int, int]] = set()
        waiting = 0
        phone_named = scan.words.heard(PHONE)
        for start, end in spans(data, ends[0]):
            digits = data[start:end]
            if phone_named and end - start <= _LONGEST_NAMED and digits[0] != _ZERO:
                named = self._named_phone(scan, start, end, work)
                if named is not None:
                    yield named
            if digits.isdigit() and (digits[0] != _ZERO or digits[:3] == _PADDED) and data[start - 1] != _PLUS:
                sizes = (end - start,)
                if sizes in shapes:
                    gathered.setdefault(sizes, []).append(Found(digits, start))
                    waiting += 1
            else:
                run = run_of(data, start, end)
                work.spent("grouped", 1)
                work.spent("dialled", int(run.plus or digits[:2] == _ABROAD))
                if work.spent("group", len(run.sizes)):
                    break
                for phone in self._phones.of_run(data, run):
                    phones.add((phone.start, phone.end))
                    yield phone
                if len(run.sizes) >= _MANY_GROUPS:
                    work.spent("long run", 1)
                    yield from self._of_long_run(scan, run, shapes, phones, work)
                else:
                    waiting += self._gather(data, run, shapes, gathered)
            if work.spent("run", 1):
                break
            if waiting >= _MOST_GATHERED:
                yield from _judged(scan, shapes, gathered, phones, work)
                waiting = 0
        yield from _judged(scan, shapes, gathered, phones, work)
        yield from scan.crowd.rest()

    def _named_phone(self, scan: Scan, start: int, end: int, work: Work) -> Candidate | None:
        """Return a run as the phone that a word says it to be."""
        data = scan.data
        if len(data[start:end].translate(None, NOT_DIGITS)) not in NAMED_SIZES or data[start - 1] == _PLUS:
            return None
        if work.spent("named", 1):
            return None
        return self._phones.named(data, start, end, scan.words)

    def _shapes_heard(self, words: Words) -> Mapping[tuple[int, ...], Shape]:
        """Return the shapes of what may count: not those of numbers alone that need a keyword which is not there."""
        heard = tuple([kind for kind in self._named if words.heard(kind)])
        shapes = self._heard.get(heard)
        if shapes is None:
            shapes = {}
            for sizes, kinds in self._table.items():
                count = tuple([kind for kind in kinds if not kind.named or kind.named in heard])
                if count:
                    shapes[sizes] = Shape(count, len(sizes) == 1)
            if len(self._heard) < _MOST_REMEMBERED:
                self._heard[heard] = shapes
        return shapes

    def _gather(self, data: bytes, run: Run, shapes: Mapping[tuple[int, ...], Shape], gathered: Gathered) -> int:
        """Put the stretches of a run to others of their shapes; return how many there were."""
        groups = run.groups
        dialled = run.start if run.plus else -1
        count = 0
        for first, last, sizes in self._shapes.of_run(run.sizes):
            start = groups[first][0]
            if sizes in shapes and start != dialled:
                digits = data[start : groups[last][1]].translate(None, NOT_DIGITS)
                gathered.setdefault(sizes, []).append(Found(digits, start, run, first, last))
                count += 1
        return count

    def _of_long_run(
        self, scan: Scan, run: Run, shapes: Mapping[tuple[int, ...], Shape], phones: Set[tuple[int, int]], work: Work
    ) -> Iterator[Candidate]:
        """Yield what counts of one run of many groups."""
        data, groups = scan.data, run.groups
        digits = data[run.start : run.end].translate(None, NOT_DIGITS)
        until = [0, *accumulate(run.sizes)]
        dialled = run.start if run.plus else -1
        for sizes, firsts in self._shapes.of_long_run(run.sizes):
            shape = shapes.get(sizes)
            if shape is None:
                continue
            more = len(sizes)
            if groups[firsts[0]][0] == dialled:
                firsts = firsts[1:]
            numbers = [digits[until[first] : until[first + more]] for first in firsts]
            work.spent("stretch, long run", len(numbers) * len(shape.kinds))
            for kind in shape.kinds if numbers else ():
                right = None if kind.right is None else kind.right(numbers)
                if shape.bare and kind.crowd is not None and right is not None:
                    alike = [
                        Found(number, groups[at][0], run, at, at) for number, at in zip(numbers, firsts, strict=True)
                    ]
                    _count(scan, kind, alike, right)
                if right is None or right:
                    starts = kind.starts
                    alike = [
                        Found(number, groups[first][0], run, first, first + more - 1)
                        for number, first in zip(numbers, firsts, strict=True)
                        if (right is None or number in right) and number[0] in starts
                    ]
                    yield from _of_kind(scan, kind, alike, phones, work)


def _judged(
    scan: Scan,
    shapes: Mapping[tuple[int, ...], Shape],
    gathered: Gathered,
    phones: Set[tuple[int, int]],
    work: Work,
) -> Iterator[Candidate]:
    """Yield what counts of all that was gathered, and leave nothing of it."""
    for sizes, alike in gathered.items():
        numbers = [found.digits for found in alike]
        work.spent("stretch", len(numbers) * len(shapes[sizes].kinds))
        for kind in shapes[sizes].kinds:
            right = set(numbers) if kind.right is None else kind.right(numbers)
            if shapes[sizes].bare and kind.crowd is not None:
                _count(scan, kind, alike, right)
            if right:
                yield from _of_kind(scan, kind, [found for found in alike if found.digits in right], phones, work)
    gathered.clear()


def _count(scan: Scan, kind: Kind, alike: Sequence[Found], right: Set[bytes]) -> None:
    cut_out = kind.cut_out
    counted = [
        found.digits
        for found in alike
        if cut_out is None or found.run is None or not cut_out(found.run, found.first, found.last)
    ]
    if counted:
        scan.crowd.count(kind.crowd, counted, right)


def _of_kind(
    scan: Scan, kind: Kind, alike: Sequence[Found], phones: Set[tuple[int, int]], work: Work
) -> Iterator[Candidate]:
    for found in alike:
        if found.digits[0] not in kind.starts:
            continue
        if kind.expected is not None and not kind.expected(scan.data, found.start):
            continue
        place = found.place(scan.data)
        if kind.is_phone and (place.start, place.end) in phones:
            continue
        if (
            kind.cut_out is not None
            and kind.cut_out(place.run, place.first, place.last)
            and not scan.words.is_cell(CARD, place.start, place.end)
        ):
            continue
        if work.spent("judged", 1):
            return
        candidate = kind.judge(scan, place)
        if candidate is not None:
            yield candidate


def _kind(number: DigitNumber) -> Kind:
    named = number.row.type if number.row.counts == "named" else ""
    return Kind(_ANY, number.judge, number.right, number, named=named)


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

"""Runs of digits as people write them: groups, separators, and what is glued to either side.

`732 829 320 00074` is one run of four groups. A number is looked for where groups of a run add up to one of its ways of
being written (`Shapes`), so that it is never cut out of a longer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import combinations, pairwise
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from douane.detect.detector import SEPARATOR
from douane.detect.engine import Probe

_BETWEEN = rb"(?:[ .\-/()]|\xc2\xa0|\xe2\x80[\x80-\x8a\x90-\x93\xaf])"
RUN_PROBE = Probe(rb"[0-9](?:" + _BETWEEN + rb"{0,3}[0-9]){8}[^0-9]", apart=True)
"""Ends one byte after a group of digits that is at least the ninth digit of its run."""

_RUN = re.compile(rb"[0-9]+(?:(?: |" + _BETWEEN + rb"{1,3})[0-9]+)*")
"""Most gaps are a single blank, so that is tried first."""
NOT_DIGITS = bytes(sorted(set(range(256)) - set(b"0123456789")))
_BLANKED = bytes(sign if sign in b"0123456789" else 32 for sign in range(256))
"""A table that makes every sign but digits a blank."""
_RUN_BYTES = b"0123456789 .-/()\xc2\xa0\xe2\xaf" + bytes(range(0x80, 0x94))
_NOT_ASCII, _THREE_BYTES = 0x80, 0xE0
_PLUS = ord("+")
_GLUE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_\xc3" + bytes(range(0x80, 0xC0))
"""What the word before a run is made of."""
_GLUE_SIGNS = b"-./#"
_LONGEST_GLUE = 24
_TIES = frozenset(_GLUE + _GLUE_SIGNS)
_NAMED = frozenset(
    word.encode() for word in (
        "tel", "tél", "phone", "mobile", "portable", "fax", "fixe", "nir", "ss", "secu", "sécu", "ssn", "siren",
        "siret", "rcs", "cb", "card", "carte", "visa", "mastercard", "amex", "pan", "no", "n", "nr", "num", "numero",
        "numéro", "iban", "rib", "account", "compte",
    )
)  # fmt: skip


K = TypeVar("K")
Stretch: TypeAlias = tuple[int, int, tuple[K, ...]]
"""The first and the last of some groups, and what kinds of number are grouped so."""


class Run(NamedTuple):
    """Groups as (start, end) offsets, and how many digits each has.

    `glued` is the first group's tie to a word before it: "" none, "-" by a sign, "a" directly.
    """

    groups: list[tuple[int, int]]
    sizes: tuple[int, ...]
    glued: str
    plus: bool
    start: int
    end: int


class Place(NamedTuple):
    """Groups `first` to `last` of a run, from `start` to `end`, and their digits."""

    run: Run
    first: int
    last: int
    start: int
    end: int
    digits: bytes


def runs(data: bytes, ends: Iterable[int]) -> Iterator[Run]:
    """Yield every run that a hit of `RUN_PROBE` lies in, once, in order."""
    done = 0
    for end in ends:
        if end - 1 <= done:
            continue
        last = _run_start(data, done, end - 1)
        while last < end - 1 and (found := _RUN.search(data, last)) is not None:
            first, last = found.span()
            if last > done:
                yield _run(data, first, last)
                done = last


def _run_start(data: bytes, low: int, end: int) -> int:
    at = end
    while at > low:
        chunk = data[max(low, at - 64) : at]
        kept = len(chunk.rstrip(_RUN_BYTES))
        at -= len(chunk) - kept
        if kept:
            break
    return at


def _run(data: bytes, start: int, end: int) -> Run:
    blanked = data[start:end].translate(_BLANKED)
    groups: list[tuple[int, int]] = []
    at = start
    for digits in blanked.split(b" "):
        stop = at + len(digits)
        if digits:
            groups.append((at, stop))
        at = stop + 1
    sign = data[start - 1]
    glued = _tie(data, start) if sign in _TIES else ""
    return Run(groups, tuple(map(len, blanked.split())), glued, sign == _PLUS, start, end)


def _tie(data: bytes, start: int) -> str:
    before = data[max(0, start - _LONGEST_GLUE - 1) : start]
    by_sign = before[-1] in _GLUE_SIGNS
    if by_sign:
        before = before[:-1]
    word = before[len(before.rstrip(_GLUE)) :][-_LONGEST_GLUE:]
    if not word or word.lower().strip(b"_") in _NAMED:
        return ""
    return "-" if by_sign or word.endswith(b"_") else "a"


class Step(NamedTuple, Generic[K]):
    """Where the sizes of groups have led: to these kinds, and by which sizes further on."""

    kinds: tuple[K, ...]
    then: dict[int, Step[K]]


def _step(table: Mapping[tuple[int, ...], tuple[K, ...]], done: tuple[int, ...] = ()) -> Step[K]:
    depth = len(done)
    following = {sizes[depth] for sizes in table if sizes[:depth] == done and sizes != done}
    return Step(table.get(done, ()), {size: _step(table, (*done, size)) for size in following})


class Shapes(Generic[K]):
    """Which kinds of number are grouped in which ways, looked up by the sizes of a run's groups."""

    def __init__(self, kinds: Iterable[tuple[K, Iterable[tuple[int, ...]]]]) -> None:
        table: dict[tuple[int, ...], tuple[K, ...]] = {}
        for kind, ways in kinds:
            for sizes in set(ways):
                table[sizes] = (*table.get(sizes, ()), kind)
        self._start = _step(table)
        self._fewest = min(map(sum, table))
        self._whole = {sizes: tuple(self._within(sizes)) for sizes in table}

    def of_run(self, sizes: tuple[int, ...]) -> Iterable[Stretch[K]]:
        """Return each stretch of a run, given by the sizes of its groups, that is grouped as some kind is."""
        known = self._whole.get(sizes)
        return self._within(sizes) if known is None else known

    def _within(self, sizes: tuple[int, ...]) -> Iterator[Stretch[K]]:
        groups = len(sizes)
        left = sum(sizes)
        for first, size in enumerate(sizes):
            if left < self._fewest:
                break
            left -= size
            then = self._start.then
            for last in range(first, groups):
                step = then.get(sizes[last])
                if step is None:
                    break
                kinds, then = step
                if kinds:
                    yield first, last, kinds


def place_of(data: bytes, run: Run, first: int, last: int) -> Place:
    """Return some groups of a run with their digits."""
    start, end = run.groups[first][0], run.groups[last][1]
    return Place(run, first, last, start, end, data[start:end].translate(None, NOT_DIGITS))


class Tie(IntEnum):
    """How a stretch of groups hangs together with what is around it."""

    NONE = 0
    SIGN = 1
    """A hyphen, a slash, a dot: enough to doubt a number that many others look like."""
    WORD = 2
    """A letter, or a decimal point: it is part of something else."""


def tie_of(data: bytes, place: Place) -> Tie:
    """Return the stronger of the ties at both ends of a place."""
    run, first, last, start, end, _ = place
    before = Tie.NONE
    if first == 0:
        if run.glued:
            before = Tie.WORD if run.glued == "a" else Tie.SIGN
    else:
        gap = data[run.groups[first - 1][1] : start]
        if len(gap) == 1 and gap in b".-/":
            before = Tie.WORD if gap == b"." else Tie.SIGN
    if last + 1 < len(run.groups):
        gap = data[end : run.groups[last + 1][0]]
        return max(before, Tie.SIGN) if len(gap) == 1 and gap in b".-/" else before
    follower = data[end : end + 1]
    return Tie.WORD if follower.isalpha() or follower == b"_" else before


def groupings(total: int, cuts: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return every grouping of `total` digits that breaks at some of the cuts.

    >>> groupings(9, (3, 6))
    [(9,), (3, 6), (6, 3), (3, 3, 3)]
    """
    made = []
    for count in range(len(cuts) + 1):
        for chosen in combinations(cuts, count):
            edges = (0, *chosen, total)
            made.append(tuple(b - a for a, b in pairwise(edges)))
    return made


def is_apart(data: bytes, place: Place) -> bool:
    """Tell whether the groups before and after a place, if any, are parted from it by more than one sign."""
    groups, first, last = place.run.groups, place.first, place.last
    if first and _is_one_sign(data[groups[first - 1][1] : groups[first][0]]):
        return False
    return last + 1 == len(groups) or not _is_one_sign(data[groups[last][1] : groups[last + 1][0]])


def _is_one_sign(gap: bytes) -> bool:
    return len(gap) == 1 or (gap[0] >= _NOT_ASCII and len(gap) == (2 if gap[0] < _THREE_BYTES else 3))


def even_gaps(data: bytes, run: Run, first: int, last: int) -> bool:
    """Tell whether some groups are all parted by the same separator, and by one that a number is written with."""
    if first == last:
        return True
    groups = run.groups
    gap = data[groups[first][1] : groups[first + 1][0]]
    for number in range(first + 1, last):
        if data[groups[number][1] : groups[number + 1][0]] != gap:
            return False
    return gap == b" " or _ONE_GAP.fullmatch(gap) is not None


_ONE_GAP = re.compile(SEPARATOR + rb"{1,3}")

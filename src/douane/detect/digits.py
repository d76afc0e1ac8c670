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
_POINT = ord(".")
_DECIMALS = 6
_EXPONENT = re.compile(rb"[0-9.][Ee]\+")
_GLUE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_\xc3" + bytes(range(0x80, 0xC0))
"""What the word before a run is made of."""
_GLUE_SIGNS = b"-./#"
_LONGEST_GLUE = 24
_NEAR = 128
"""A run that begins so close after another is looked for from there on."""
_TIES = frozenset(_GLUE + _GLUE_SIGNS)
_NAMED = frozenset(
    word.encode() for word in (
        "tel", "tél", "phone", "mobile", "portable", "fax", "fixe", "nir", "ss", "secu", "sécu", "ssn", "siren",
        "siret", "rcs", "cb", "card", "carte", "visa", "mastercard", "amex", "pan", "no", "n", "nr", "num", "numero",
        "numéro", "iban", "rib", "account", "compte",
    )
)  # fmt: skip


K = TypeVar("K")
Stretch: TypeAlias = tuple[int, int, K]
"""The first and the last of some groups, and what is grouped so."""
_LARGEST_SIZE = 255
"""More digits than any number has."""
_MOST_LEARNT, _MOST_GROUPS = 4096, 8
"""So many ways in which runs are grouped are remembered, of so few groups."""


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


def spans(data: bytes, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the span of every run that a hit of `RUN_PROBE` lies in, once, in order."""
    done = 0
    ahead: Iterator[re.Match[bytes]] = iter(())
    for end in ends:
        if end - 1 <= done:
            continue
        if not done or end - done > _NEAR:
            ahead = _RUN.finditer(data, _run_start(data, done, end - 1))
        for found in ahead:
            first, done = found.span()
            if done >= end - 1:
                yield first, done
                break


def _run_start(data: bytes, low: int, end: int) -> int:
    at = end
    while at > low:
        chunk = data[max(low, at - 64) : at]
        kept = len(chunk.rstrip(_RUN_BYTES))
        at -= len(chunk) - kept
        if kept:
            break
    return at


def run_of(data: bytes, start: int, end: int) -> Run:
    """Return the run that has a span."""
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
    plus = sign == _PLUS
    if plus and _EXPONENT.match(data, start - 3) is not None:
        plus, glued = False, "a"
    return Run(groups, tuple(map(len, blanked.split())), glued, plus, start, end)


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
    """Where the sizes of groups have led: to a shape, and by which sizes further on."""

    shape: K | None
    then: dict[int, Step[K]]


def _step(table: Mapping[tuple[int, ...], K], done: tuple[int, ...] = ()) -> Step[K]:
    depth = len(done)
    following = {sizes[depth] for sizes in table if sizes[:depth] == done and sizes != done}
    return Step(table.get(done), {size: _step(table, (*done, size)) for size in following})


class Shapes(Generic[K]):
    """What is grouped in which way, looked up by the sizes of a run's groups."""

    def __init__(self, table: Mapping[tuple[int, ...], K]) -> None:
        self._start = _step(table)
        self._fewest = min(map(sum, table))
        self._written = [(bytes(sizes), shape) for sizes, shape in table.items()]
        self._known = {sizes: tuple(self._within(sizes)) for sizes in table}
        self._most_known = len(table) + _MOST_LEARNT

    def of_run(self, sizes: tuple[int, ...]) -> Iterable[Stretch[K]]:
        """Return each stretch of a run, given by the sizes of its groups, that is grouped as one of the shapes is."""
        known = self._known.get(sizes)
        if known is None:
            known = tuple(self._within(sizes))
            if len(sizes) <= _MOST_GROUPS and len(self._known) < self._most_known:
                self._known[sizes] = known
        return known

    def of_long_run(self, sizes: tuple[int, ...]) -> Iterator[tuple[K, list[int]]]:
        """Yield each shape that groups of a run have, and the first groups of all those stretches."""
        written = bytes([min(size, _LARGEST_SIZE) for size in sizes])
        for shape_sizes, shape in self._written:
            at = written.find(shape_sizes)
            if at < 0:
                continue
            firsts: list[int] = []
            while at >= 0:
                firsts.append(at)
                at = written.find(shape_sizes, at + 1)
            yield shape, firsts

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
                shape, then = step
                if shape is not None:
                    yield first, last, shape


class Tie(IntEnum):
    """How a stretch of groups hangs together with what is around it."""

    NONE = 0
    SIGN = 1
    """A hyphen, a slash, a dot: enough to doubt a number that many others look like."""
    WORD = 2
    """A letter, or a decimal point: it is part of something else."""


def tie_of(data: bytes, place: Place) -> Tie:
    """Return the stronger of the ties at both ends of a place. Two groups with a point between are a decimal."""
    run, first, last, start, end, _ = place
    if last == first + 1 and run.sizes[last] >= _DECIMALS and data[run.groups[first][1] : run.groups[last][0]] == b".":
        return Tie.WORD
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
        if len(gap) != 1 or gap not in b".-/":
            return before
        is_decimal = gap == b"." and last > first and data[run.groups[last][0] - 1] != _POINT
        return Tie.WORD if is_decimal else max(before, Tie.SIGN)
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

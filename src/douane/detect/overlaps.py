"""Which candidates stand where several overlap: the one with the stronger proof; those of rank 0 beside anything.

What an account number would outrank anyway need not be looked for inside it: `outside` spares the detectors those hits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import itemgetter
from sys import maxsize
from typing import Final

from douane.detect.detector import Candidate

_BY_PLACE: Final = itemgetter(1, 2, 0)
"""By start, end and type."""
_NOWHERE: Final = (maxsize, maxsize)
_LONG_GROUP: Final = 12
"""Twelve digits and more without a separator may be ids of a column, which decide whether others are cards."""


def undisputed(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates in order of place, without those that a stronger one overlaps."""
    kept: list[Candidate] = []
    rivals: list[Candidate] = []
    reach = 0
    for candidate in sorted(candidates, key=_BY_PLACE):
        _, start, end, _, _, rank, _, _ = candidate
        if not rank:
            kept.append(candidate)
            continue
        if start >= reach:
            kept += _strongest(rivals)
            rivals = []
        rivals.append(candidate)
        if end > reach:
            reach = end
    kept += _strongest(rivals)
    kept.sort(key=_BY_PLACE)
    return kept


def _strongest(rivals: list[Candidate]) -> list[Candidate]:
    """Return those of an unbroken chain of overlaps that no stronger one overlaps."""
    if len(rivals) < 2:
        return rivals
    starts: list[int] = []
    kept: list[Candidate] = []
    for candidate in sorted(rivals, key=lambda rival: (-rival.rank, rival.start, -rival.end)):
        at = bisect_left(starts, candidate.end)
        if at and kept[at - 1].end > candidate.start:
            continue
        starts.insert(at, candidate.start)
        kept.insert(at, candidate)
    return kept


def spans_apart(candidates: Iterable[Candidate]) -> list[tuple[int, int]]:
    """Return the spans of candidates of one rank, given by place, without those that an earlier one overlaps."""
    spans: list[tuple[int, int]] = []
    for candidate in candidates:
        if not spans or candidate.start >= spans[-1][1]:
            spans.append((candidate.start, candidate.end))
    return spans


def outside(spans: Sequence[tuple[int, int]], data: bytes, ends: Sequence[int]) -> list[int]:
    """Return the hits that end elsewhere than in a span or one byte after it, and those of long groups of digits.

    >>> outside([(5, 10)], b"4110 FR761 06 12 34 56", [4, 9, 10, 11, 12])
    [4, 12]
    """
    kept: list[int] = []
    ahead = iter(spans)
    start, limit = next(ahead, _NOWHERE)
    for end in ends:
        while end > limit + 1:
            start, limit = next(ahead, _NOWHERE)
        if end <= start + 1 or data[end - 1 - _LONG_GROUP : end - 1].isdigit():
            kept.append(end)
    return kept

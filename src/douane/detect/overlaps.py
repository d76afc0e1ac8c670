"""Which candidates stand where several overlap: the one with the stronger proof; those of rank 0 beside anything.

What an account number would outrank anyway need not be looked for inside it, nor counted as one of a column's ids:
`outside` spares the detectors those hits.
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


def undisputed(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates in order of place, without those that a stronger one overlaps."""
    ordered = sorted(candidates, key=_BY_PLACE)
    lost: set[int] = set()
    rivals: list[int] = []
    reach = 0
    for number, (_, start, end, _, _, rank, _, _) in enumerate(ordered):
        if not rank:
            continue
        if start >= reach:
            if len(rivals) > 1:
                lost |= _weaker(ordered, rivals)
            rivals = []
        rivals.append(number)
        if end > reach:
            reach = end
    if len(rivals) > 1:
        lost |= _weaker(ordered, rivals)
    return [candidate for number, candidate in enumerate(ordered) if number not in lost] if lost else ordered


def _weaker(ordered: Sequence[Candidate], rivals: Iterable[int]) -> set[int]:
    """Return those of an unbroken chain of overlaps that a stronger one overlaps, by their numbers in `ordered`."""
    starts: list[int] = []
    kept: list[Candidate] = []
    weaker: set[int] = set()
    for number in sorted(rivals, key=lambda rival: (-ordered[rival].rank, ordered[rival].start, -ordered[rival].end)):
        candidate = ordered[number]
        at = bisect_left(starts, candidate.end)
        if at and kept[at - 1].end > candidate.start:
            weaker.add(number)
        else:
            starts.insert(at, candidate.start)
            kept.insert(at, candidate)
    return weaker


def spans_apart(candidates: Iterable[Candidate]) -> list[tuple[int, int]]:
    """Return the spans of candidates of one rank, given by place, without those that an earlier one overlaps."""
    spans: list[tuple[int, int]] = []
    for candidate in candidates:
        if not spans or candidate.start >= spans[-1][1]:
            spans.append((candidate.start, candidate.end))
    return spans


def without_parts(candidates: list[Candidate], whole: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates without those that are a part of a larger one of their type."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for one in sorted(whole, key=_BY_PLACE):
        spans.setdefault(one.type, []).append((one.start, one.end))
    if not spans:
        return candidates
    return [one for one in candidates if one.type not in spans or not _holds(spans[one.type], one.start, one.end)]


def _holds(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Tell whether one of some spans, which do not overlap, holds another one."""
    at = bisect_left(spans, (start + 1,)) - 1
    return at >= 0 and end <= spans[at][1]


def outside(spans: Sequence[tuple[int, int]], ends: Sequence[int]) -> list[int]:
    """Return the hits that end elsewhere than in a span or one byte after it.

    >>> outside([(5, 10)], [4, 9, 10, 11, 12])
    [4, 12]
    """
    kept: list[int] = []
    ahead = iter(spans)
    start, limit = next(ahead, _NOWHERE)
    for end in ends:
        while end > limit + 1:
            start, limit = next(ahead, _NOWHERE)
        if end <= start + 1:
            kept.append(end)
    return kept

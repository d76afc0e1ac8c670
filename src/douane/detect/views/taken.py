"""Where the detectors found something already: a view need not look there again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from douane.detect.detector import Candidate
from douane.detect.views.stretches import merged

_BEFORE_HIT = 6
"""A gate ends at most so many bytes after what it saw first: a break, and the signs around it."""


class Taken:
    """Where something was found already."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, found: Sequence[Candidate]) -> None:
        spans = list(merged(sorted([(one.start, one.end) for one in found])))
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def holds(self, start: int, end: int) -> bool:
        """Tell whether something was found that overlaps a span."""
        at = bisect_right(self._starts, end) - 1
        return at >= 0 and self._ends[at] > start

    def outside(self, hits: Sequence[int]) -> Sequence[int]:
        """Return the hits that end elsewhere."""
        return [hit for hit in hits if not self.holds(hit - _BEFORE_HIT, hit)] if self._starts else hits

"""What a detector is: probes for the one-pass scan, and a search around the places where they hit.

A detector never sees pointers, labels or policy. It works on the bytes of all leaves, joined by `LEAF_END`, and hands
back spans. Each has a name and a version: both go into receipts, so a change of what it finds is a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from douane.detect.engine import Probe
from douane.detect.work import Work

LEAF_END: Final = b"\x00"
"""Stands before, between and after the leaves. No pattern of a detector crosses it, save from a key to its value."""

BLANK: Final = rb"(?:[ \t]|\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80)"
"""A space of any width on one line: U+0020, tab, U+00A0, U+2000 to U+200A, U+202F, U+3000; as UTF-8."""

SEPARATOR: Final = rb"(?:[ .\-]|\xc2\xa0|\xe2\x80[\x80-\x8a\x90-\x93\xaf])"
"""What people put between groups of digits: spaces of any width, a dot, hyphens and dashes up to U+2013."""


class Candidate(NamedTuple):
    """A span of the joined bytes that passed every check of its detector.

    Where two overlap, the one of higher `rank` stands; rank 0 stands beside anything. `value` is its normal form, to
    tell distinct ones apart; it never leaves the scan. `detector` is empty where it is the detector's own name.
    """

    type: str
    start: int
    end: int
    confidence: float
    detail: str = ""
    rank: int = 0
    value: bytes = b""
    detector: str = ""


class Detector(Protocol):
    """`find` gets the ends of its own probes' hits, by probe, each list sorted and not all of them empty."""

    name: str
    version: str
    probes: tuple[Probe, ...]

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]: ...


@runtime_checkable
class Sparing(Detector, Protocol):
    """A detector that counts its own work, since its hits tell little of it, and stops where there is none left."""

    def find_within(self, data: bytes, ends: Sequence[list[int]], work: Work) -> Iterator[Candidate]: ...


def windows(ends: Iterable[int], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches that lie around some hits, those that touch joined: each byte is searched once.

    >>> list(windows([10, 12, 50], 5, 3))
    [(5, 15), (45, 53)]
    """
    low = high = -1
    for end in ends:
        if end - before > high:
            if high >= 0:
                yield low, high
            low = max(0, end - before)
        high = end + after
    if high >= 0:
        yield low, high

"""When a finding is the one that was to be found: the same label, and they overlap by at least 60 % of the longer.

Each finding answers for one true place at most, and each place is found once; what is left over on either side is a
miss or a false alarm. A finding that is longer or shorter than the place by more than that counts as both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

OVERLAP = 0.6


class Span(NamedTuple):
    """A place in code points of a text, and its label."""

    start: int
    end: int
    label: str


def fits(one: Span, other: Span) -> bool:
    """Tell whether two spans are the same finding.

    >>> fits(Span(0, 10, "IBAN"), Span(2, 10, "IBAN")), fits(Span(0, 10, "IBAN"), Span(5, 10, "IBAN"))
    (True, False)
    """
    shared = min(one.end, other.end) - max(one.start, other.start)
    return one.label == other.label and shared >= OVERLAP * max(one.end - one.start, other.end - other.start)


@dataclass(slots=True)
class Tally:
    """What was there, what was found, and what was found that is there, by label."""

    there: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def add(self, true: Iterable[Span], found: Iterable[Span]) -> tuple[list[Span], list[Span]]:
        """Count one document; return what was missed, and the false alarms."""
        left, missed = list(dict.fromkeys(found)), []
        self.told.update(span.label for span in left)
        for span in true:
            self.there[span.label] += 1
            match = next((each for each in left if fits(span, each)), None)
            if match is None:
                missed.append(span)
                continue
            left.remove(match)
            self.right[span.label] += 1
        return missed, left

    def recall(self, labels: Iterable[str]) -> float:
        """Return how much of what is there was found, over some labels together."""
        labels = list(labels)
        return sum(self.right[label] for label in labels) / max(1, sum(self.there[label] for label in labels))

    def precision(self, labels: Iterable[str]) -> float:
        """Return how much of what was told is there; 1 where nothing was told."""
        labels = list(labels)
        told = sum(self.told[label] for label in labels)
        return sum(self.right[label] for label in labels) / told if told else 1.0

    def cell(self, label: str) -> str:
        """Return recall and precision of one label as text."""
        if not self.there[label]:
            return "-"
        return f"{self.recall([label]):.3f} / {self.precision([label]):.3f}"

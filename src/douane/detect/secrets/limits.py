"""How much work the search for credentials puts into one text. What lies beyond counts as unread (law 2)."""

from __future__ import annotations

from typing import Final

from douane.detect.detector import Candidate

_LEAST: Final = 4096
_BYTES_A_UNIT: Final = 6
A_PLACE: Final = 1
A_VALUE: Final = 6
A_FINDING: Final = 24
"""What it costs, in microseconds or so, to look at a place, to look at a value, to find a secret."""


class Allowance:
    """The work left to one detector: far more than texts need, little enough to bound its time."""

    __slots__ = ("_left",)

    def __init__(self, data: bytes) -> None:
        self._left = _LEAST + len(data) // _BYTES_A_UNIT

    def spent(self, cost: int) -> bool:
        """Take the cost of one step; tell whether it is more than what was left."""
        self._left -= cost
        return self._left < 0

    @property
    def gone(self) -> bool:
        """Tell whether more was taken than there was."""
        return self._left < 0


def crowded(data: bytes, start: int) -> Candidate:
    """Return the finding that says: from here on, nothing was looked at."""
    return Candidate("UNREADABLE", start - 1, len(data) - 1, 1.0, "crowded")

"""How much work one scan may take, counted in what it looks at. What lies beyond counts as unread (law 2).

A text can be written so that every byte of it looks like the beginning of something, in many forms at once. The bound
is on counts, each weighted by what one of them costs: the same text is cut at the same place on any machine. It is far
above what texts need; only what is made to be slow, or all of whose lines are findings, comes near it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LEAST: Final = 10_000.0
A_BYTE: Final = 0.35
USUAL: Final = 2.0
PRICES: Final[Mapping[str, float]] = {
    # a hit of a detector
    "email": 0.5, "ip": 0.4, "iban": 2.5, "vat": 6.0, "numbers": 0.1, "identifiers": 3.2, "person": 4.0, "address": 4.0,
    "mark": 2.8, "setting": 0.8, "token": 0.3, "credential": 0.3, "vendor": 4.0, "blob": 0.1, "birth": 1.0,
    # runs of digits, their groups, what groups may be, what has the check digits for it
    "run": 2.2, "group": 0.4, "stretch": 0.6, "judged": 4.0,
    # a hit of a view
    "@base64": 1.8, "@turned": 6.0, "@turned, shared": 0.5, "@rot13": 5.0, "@rot13, shared": 2.0, "@leet": 2.5,
    "@words": 1.4, "@wrapped": 0.8, "@spaced": 0.2, "@lines": 2.0, "@markup": 0.3, "@signs": 1.0, "@blanks": 0.5,
    "@entity": 0.0, "@escape": 0.0, "@percent": 0.0, "@quoted": 0.0, "@fold": 0.0, "@hex": 0.0, "@exponent": 0.0,
    # what a view made, its bytes, the parts that it wrote otherwise, what was found in it
    "extract": 3.5, "byte": 0.08, "edit": 1.4, "told": 20.0,
    "leaf": 1.0,
}  # fmt: skip
"""Microseconds, or so, of one count of each kind, fitted to a few hundred texts of all sorts. A hit of a gate that
belongs to a detector (`shared`) says less than one of the view's own; where a gate tells only its first hit, the parts
that were written otherwise tell the work.
"""


class Work:
    """What is left of the work that one scan may take."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = LEAST + A_BYTE * size

    def spent(self, kind: str, count: int) -> bool:
        """Take the cost of some counts; tell whether it is more than was left."""
        self._left -= PRICES.get(kind, USUAL) * count
        return self._left < 0

    def affordable(self, kind: str) -> int:
        """Return how many counts of a kind what is left pays for."""
        return int(max(0.0, self._left) / PRICES.get(kind, USUAL))

    @property
    def gone(self) -> bool:
        """Tell whether more was taken than there was."""
        return self._left < 0

"""How much work one scan may take, counted in what it looks at. What lies beyond counts as unread (law 2).

A text can be written so that every byte of it looks like the beginning of something, in many forms at once. The bound
is on counts, each weighted by what one of them costs: the same text is cut at the same place on any machine. It is far
above what texts need; only what is made to be slow, or all of whose lines are findings, comes near it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LEAST: Final = 9_000.0
A_BYTE: Final = 0.28
OF_UNITS: Final = 3_000.0
USUAL: Final = 2.0
PRICES: Final[Mapping[str, float]] = {
    # a hit of a detector
    "email": 0.4, "ip": 0.5, "iban": 3.0, "vat": 5.0, "numbers": 0.1, "identifiers": 8.0, "person": 4.0, "address": 2.0,
    "mark": 0.8, "setting": 0.6, "token": 0.3, "credential": 0.3, "vendor": 8.0, "blob": 0.1, "birth": 1.0,
    "byte of a value": 0.12,
    # runs of digits, those in groups, those dialled abroad, groups, what these may be, what has the check digits for it
    "run": 0.9, "grouped": 1.6, "dialled": 2.0, "group": 0.4, "stretch": 0.7, "judged": 4.0, "named": 2.0,
    "long run": 22.0, "stretch, long run": 0.5,
    # a hit of a view
    "@base64": 2.6, "@turned": 6.0, "@turned, shared": 0.45, "@rot13": 6.0, "@rot13, shared": 1.0, "@leet": 1.5,
    "@words": 2.0, "@wrapped": 0.3, "@spaced": 0.1, "@lines": 1.0, "@markup": 0.4, "@signs": 1.0, "@blanks": 0.5,
    "@entity": 0.0, "@escape": 0.0, "@percent": 0.0, "@quoted": 0.0, "@fold": 0.0, "@hex": 0.0, "@exponent": 0.0,
    # a hit of any probe in what views made
    "hit": 0.15,
    # what a view made, its bytes, the parts that it wrote otherwise, what was found in it
    "extract": 2.6, "byte": 0.06, "edit": 1.0, "edit, escape": 1.6, "edit, entity": 1.6, "edit, words": 1.8,
    "edit, percent": 1.1, "edit, fold": 1.1, "told": 16.0, "leaf": 1.0,
}  # fmt: skip
"""Microseconds, or so, of one count of each kind, fitted to a few hundred texts of all sorts. A hit of a gate that
belongs to a detector (`shared`) says less than one of the view's own; where a gate tells only its first hit, the parts
that were written otherwise tell the work, that of the way back included: of the fold they are bytes.
"""
EDITS: Final[Mapping[str, str]] = {kind.removeprefix("edit, "): kind for kind in PRICES if kind.startswith("edit, ")}
"""By view: the kind of its edits; those of all others are `edit`."""


class Work:
    """What is left of the work that one scan of a text of a size may take, or that of several units of one body."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = LEAST + A_BYTE * size

    @classmethod
    def of_units(cls) -> Work:
        """Return what all units of a body may take that are scanned one by one: with more, the body is scanned whole.

        It comes on top of that scan, so it is a tenth of what 64 KB may take.
        """
        work = cls(0)
        work._left = OF_UNITS
        return work

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

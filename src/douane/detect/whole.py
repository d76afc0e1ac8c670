"""What no single finding tells, but all of them together: a list of people (BULK).

Asked for the findings of one scan, and again for those of all units that make one request: what it needs to know of a
value is only whether it is the same as another, so sealed values serve as well as plain ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MOST_PER_TYPE: Final = 256
"""So many findings of one type are told; of more, that there are more."""

BULK_FROM: Final = 10
"""So many distinct e-mail addresses or phone numbers are a list of people."""

TOLD_TOGETHER: Final = frozenset(("EMAIL", "PHONE"))
"""The types of which it matters how many distinct values there are."""


class Together(NamedTuple):
    """A finding that several others make: its place is that of the one, by its number, that completed it."""

    number: int
    type: str
    detail: str
    confidence: float
    detector: str


def together(seen: Iterable[tuple[int, str, bytes]]) -> Iterator[Together]:
    """Yield what findings make together, given by number, type and value, in the order in which they stand."""
    distinct: dict[str, set[bytes]] = {kind: set() for kind in TOLD_TOGETHER}
    for number, kind, value in seen:
        values = distinct[kind]
        if value not in values:
            values.add(value)
            if len(values) == BULK_FROM:
                yield Together(number, "BULK", kind.lower(), 0.9, "bulk")

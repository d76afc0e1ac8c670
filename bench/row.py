"""One line of the results: what was measured, what it may be, and whether it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure against its budget of DESIGN section 7. `limit` None means that the figure is told, not judged."""

    what: str
    measured: float | None
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        if self.limit is None:
            return ""
        kept = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "pass" if kept else "FAIL"

    @property
    def budget(self) -> str:
        return (
            "" if self.limit is None else f"{'>=' if self.at_least else '<='} {figure(self.limit)} {self.unit}".strip()
        )

    @property
    def shown(self) -> str:
        return "" if self.measured is None else f"{figure(self.measured)} {self.unit}".strip()


def figure(value: float) -> str:
    """Write a number with as many digits as mean something."""
    if value != value:  # NaN
        return "nothing"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"

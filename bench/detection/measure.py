"""A measured figure against its demand, and beside it what a peer reaches in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.row import figure


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table. `demand` None: told, not judged. `value` None: not measured, and `note` says why.

    A rate has the unit "" and is shown with four digits. `peer` is what the peer reached, as text.
    """

    what: str
    value: float | None
    demand: float | None = None
    unit: str = ""
    at_least: bool = True
    peer: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the demand is met."""
        if self.value is None:
            return "not there yet"
        if self.demand is None:
            return ""
        kept = self.value >= self.demand if self.at_least else self.value <= self.demand
        return "met" if kept else "NOT MET"

    @property
    def shown(self) -> str:
        """Return the figure as text."""
        return "" if self.value is None else told(self.value, self.unit)

    @property
    def demanded(self) -> str:
        """Return the demand as text."""
        return "" if self.demand is None else f"{'>=' if self.at_least else '<='} {told(self.demand, self.unit)}"


@dataclass(frozen=True, slots=True)
class Details:
    """A table beneath the measures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


Found = Measure | Details


def told(value: float, unit: str) -> str:
    """Write a rate with four digits, and anything else as the other tables do."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if unit == "" else f"{figure(value)} {unit}".strip()


def table(measures: Sequence[Measure]) -> str:
    """Return the measures as Markdown."""
    lines = ["| what | measured | demand | | peer | note |", "|---|---|---|---|---|---|"]
    lines += [f"| {m.what} | {m.shown} | {m.demanded} | {m.verdict} | {m.peer} | {m.note} |" for m in measures]
    return "\n".join(lines)


def as_dict(found: Found) -> dict[str, Any]:
    """Return it for JSON."""
    return {"kind": type(found).__name__, **asdict(found)}


def from_dict(row: dict[str, Any]) -> Found:
    """Return what `as_dict` wrote."""
    kind = row.pop("kind")
    if kind == "Measure":
        return Measure(**row)
    return Details(row["title"], tuple(row["columns"]), tuple(tuple(line) for line in row["rows"]))

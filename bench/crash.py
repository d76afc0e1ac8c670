"""What kill -9 left: the rounds of one kind of crash as a table, printed, and kept for the results' page.

`bench/out/crash.json` holds the last run of each kind; `make bench` puts them into RESULTS.md, since crashes are played
apart from the measurements: `make crash`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.peers.catalogue import OUT

KEPT = OUT / "crash.json"


@dataclass(frozen=True, slots=True)
class Crashes:
    """The rounds of one kind, added up for each victim. `rows` has a row for each victim, and one for all."""

    title: str
    repeat: str
    date: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def table(self) -> str:
        """Return the rounds as Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def section(self) -> str:
        """Return the part of the results' page that tells of them."""
        when = f" on {self.date}" if self.date else ""
        made = f"Made by `{self.repeat}`{when}. What each column means: `bench/README.md`."
        return f"## {self.title}\n\n{made}\n\n{self.table()}"


def added_up(rounds: Sequence[Any], counts: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return columns and rows. A round has a `victim`, says whether it is `ok`, and has each of the counts."""
    victims = list(dict.fromkeys(one.victim for one in rounds))
    groups = [(victim, [one for one in rounds if one.victim == victim]) for victim in victims]
    rows = tuple(
        (
            name,
            f"{len(group):,}",
            *(f"{sum(getattr(one, count) for one in group):,}" for count in counts),
            f"{sum(one.ok for one in group)} of {len(group)}",
        )
        for name, group in [*groups, ("all", list(rounds))]
    )
    return ("killed", "rounds", *(count.replace("_", " ") for count in counts), "sound"), rows


def keep(found: Crashes, path: Path = KEPT) -> None:
    """Keep a run, in place of the last one of its title."""
    others = [one for one in kept(path) if one.title != found.title]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(one) for one in sorted([*others, found], key=lambda one: one.title)], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def kept(path: Path = KEPT) -> list[Crashes]:
    """Return the last run of each title; none where none was made."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    found = [Crashes(**row) for row in rows]
    return [
        replace(one, columns=tuple(one.columns), rows=tuple(tuple(map(str, row)) for row in one.rows)) for one in found
    ]


def tell(title: str, repeat: str, date: str, rounds: Sequence[Any], counts: Sequence[str]) -> int:
    """Print the table, keep it where it is dated, and return the exit status: 1 where a round is not sound."""
    columns, rows = added_up(rounds, counts)
    found = Crashes(title, repeat, date, columns, rows)
    print(f"\n{found.section()}", flush=True)
    if date:
        keep(found)
    return 0 if rounds and all(one.ok for one in rounds) else 1

"""How the command line shows what other surfaces show as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from douane.errors import InvalidRequest

_WIDE = 400
"""Columns of what is no terminal: a line there is a line."""


def console() -> Console:
    """Return where a command shows something to people."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def show_table(
    out: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    flexible: Sequence[str],
    right: Sequence[str] = (),
) -> None:
    """Print a table of plain cells; `right` columns hold numbers.

    Where it is too wide, the `flexible` columns give way, between words; where that is not enough, all do.
    """
    texts = {name: [name, *(row[index] for row in rows)] for index, name in enumerate(columns)}
    heads = {name: name.split() for name in columns}
    least = {
        name: max((len(word) for text in texts[name] for word in text.split()), default=0)
        if name in flexible
        else max([*map(len, heads[name]), *map(len, texts[name][1:])], default=0)
        for name in columns
    }
    fits = sum(least.values()) + len(columns) - 1 <= out.width
    made = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for name in columns:
        fixed = fits and name not in flexible
        made.add_column(
            name,
            justify="right" if name in right else "left",
            width=least[name] if fixed else None,
            min_width=least[name] if fits else None,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    out.print(made)


def program() -> str:
    """Return the words that run this program where it was started: its path, unless a shell finds it by name."""
    typed = sys.argv[0]
    return typed if Path(typed).name == "douane" and shutil.which("douane") is None else "douane"


def opened(path: Path | None) -> AbstractContextManager[BinaryIO]:
    """Open a file, or standard input for None or `-`. Raises InvalidRequest where it can't be opened."""
    if path is None or str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidRequest(
            f"`{path}` can't be read: {error.strerror}.",
            "Name a file that can be read, or give the text on standard input.",
            rule="Input is a file or standard input.",
        ) from error


def told(reason: Mapping[str, str]) -> str:
    """Return a reason as lines: the fact, the rule that it breaks, what helps."""
    return f"{reason['fact']}\nRule: {reason['rule']}\nFix: {reason['fix']}"


def show_decision(found: Mapping[str, Any]) -> None:
    """Print an explanation: the label with its reasons, then each candidate; or why the gateway refuses it unread."""
    out = console()
    label = found["label"]
    if label is None:
        out.print(escape("\n".join(f"Refused: {told(reason)}" for reason in found["reasons"])))
        return
    marks = f" {{{', '.join(label['compartments'])}}}" if label["compartments"] else ""
    out.print(f"Label: [bold]{escape(label['level'] + marks)}[/bold]")
    for reason in found["reasons"]:
        out.print(f"  {escape(reason['fact'])}")
    rows = []
    for candidate in found["candidates"]:
        sign = "->" if candidate["deployment"] == found["chosen"] else ("ok" if candidate["allowed"] else "no")
        masked = candidate.get("masked")
        if candidate["allowed"] and masked is not None:
            why = f"gets it masked ({', '.join(masked['types'])}), as {masked['label']['level']}"
        else:
            why = "\n".join(told(reason) for reason in candidate["reasons"])
        rows.append((sign, candidate["deployment"], candidate["zone"], why))
    show_table(out, ("", "deployment", "zone", "why not"), rows, flexible=("why not",))
    if found["chosen"] is None:
        out.print("Refused: no deployment of the route may take it.")

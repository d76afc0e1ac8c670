"""How the command line shows what other surfaces show as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 400
"""Columns of what is no terminal: a line there is a line."""


def console() -> Console:
    """Return where a command shows something to people."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table; the columns named in `right` hold numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def program() -> str:
    """Return the words that run this program where it was started: its path, unless a shell finds it by name."""
    typed = sys.argv[0]
    return typed if Path(typed).name == "douane" and shutil.which("douane") is None else "douane"


def opened(path: Path | None) -> AbstractContextManager[BinaryIO]:
    """Open a file, or standard input for None or `-`; one that can't be opened is wrong usage."""
    if path is None or str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be read: {error.strerror}.") from error


def show_decision(found: Mapping[str, Any]) -> None:
    """Print an explanation: the label with its reasons, then each candidate."""
    out = console()
    label = found["label"]
    marks = f" {{{', '.join(label['compartments'])}}}" if label["compartments"] else ""
    out.print(f"Label: [bold]{escape(label['level'] + marks)}[/bold]")
    for reason in found["reasons"]:
        out.print(f"  {escape(reason['fact'])}")
    shown = table("", "deployment", "zone", "why not")
    for candidate in found["candidates"]:
        chosen = candidate["deployment"] == found["chosen"]
        sign = "[green]->[/green]" if chosen else ("ok" if candidate["allowed"] else "[red]no[/red]")
        why = "\n".join(f"{reason['fact']}\nFix: {reason['fix']}" for reason in candidate["reasons"])
        shown.add_row(sign, escape(candidate["deployment"]), escape(candidate["zone"]), escape(why))
    out.print(shown)
    if found["chosen"] is None:
        out.print("Refused: no deployment of the route may take it.")

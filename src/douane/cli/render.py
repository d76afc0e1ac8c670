"""How the command line shows what other surfaces show as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def decision_table(found: Mapping[str, Any]) -> None:
    """Print an explanation: the label with its reasons, then each candidate."""
    console = Console()
    label = found["label"]
    marks = f" {{{', '.join(label['compartments'])}}}" if label["compartments"] else ""
    console.print(f"Label: [bold]{label['level']}{marks}[/bold]")
    for reason in found["reasons"]:
        console.print(f"  {reason['fact']}", highlight=False)
    table = Table(show_lines=False)
    for column in ("", "deployment", "zone", "why not"):
        table.add_column(column)
    for candidate in found["candidates"]:
        chosen = candidate["deployment"] == found["chosen"]
        sign = "[green]->[/green]" if chosen else ("ok" if candidate["allowed"] else "[red]no[/red]")
        why = " ".join(reason["fact"] for reason in candidate["reasons"])
        table.add_row(sign, candidate["deployment"], candidate["zone"], why)
    console.print(table)

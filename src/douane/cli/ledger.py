"""`douane ledger`: what was used, what it cost, and whether the ledger still proves it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from douane.cli.place import Data, data_folder

if TYPE_CHECKING:
    from pathlib import Path

    from douane.adapters.store.sqlite_reads import SqliteReads

ledger = typer.Typer(name="ledger", help="Usage and cost; exports; verification.", no_args_is_help=True)

Since = Annotated[str | None, typer.Option("--from", help="From this date or time on (UTC), as 2026-11-01.")]
Until = Annotated[str | None, typer.Option("--to", help="Up to this date or time, not included.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class ExportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def _open(data: Path | None, since: str | None, until: str | None) -> tuple[SqliteReads, int, int]:
    from douane.adapters.store.directory import existing
    from douane.adapters.store.sqlite_reads import SqliteReads
    from douane.control.ledger_report import FOREVER_US, time_us

    since_us = 0 if since is None else time_us(since, "--from")
    until_us = FOREVER_US if until is None else time_us(until, "--to")
    return SqliteReads(existing(data_folder(data))), since_us, until_us


@ledger.command()
def report(
    data: Data = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Group by: route, deployment, zone, key, hour, day, month; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show usage and cost by route, deployment and zone, from roll-ups; whole hours, UTC."""
    import json

    from douane.control.ledger_report import PLACES
    from douane.control.ledger_report import report as make

    reader, since_us, until_us = _open(data, since, until)
    words = tuple(word.strip() for part in by or PLACES for word in part.split(","))
    found = make(reader, since_us=since_us, until_us=until_us, by=words)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show(found, words)


@ledger.command()
def export(
    form: Annotated[ExportFormat, typer.Option("--format", help="csv or jsonl.")] = ExportFormat.JSONL,
    data: Data = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Print every attempt, one a line."""
    import sys

    from douane.control.ledger_export import Format
    from douane.control.ledger_export import export as make

    reader, since_us, until_us = _open(data, since, until)
    for line in make(reader, Format(form.value), since_us=since_us, until_us=until_us):
        sys.stdout.write(line)


@ledger.command()
def verify(data: Data = None, as_json: AsJson = False) -> None:
    """Walk the chain; compare every sum and row with it. Exit 0 where all agrees, 1 where the ledger is broken."""
    import json

    from douane.control.ledger_verify import verify as examine

    reader, _, _ = _open(data, None, None)
    found = examine(reader)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for head in found["heads"]:
            print(f"Chain {head['chain']}: {head['records']} records, head {head['hash']}")
        for reason in found["reasons"]:
            print(f"{reason['fact']}\n  Rule: {reason['rule']}\n  Fix: {reason['fix']}")
        print(f"The ledger is {found['verdict']}.")
    raise typer.Exit(0 if found["verdict"] == "sound" else 1)


def _show(found: dict[str, Any], by: tuple[str, ...]) -> None:
    from rich.markup import escape

    from douane.cli.render import console, show_table

    out = console()
    if not found["rows"] and not found["refusals"]:
        out.print("The ledger holds nothing for this span.")
        return
    numbers = ("requests", "attempts", "tokens in", "tokens out", "cost")
    unknown = [_unknown(row) for row in found["rows"]]
    rows = []
    for row, missing in zip(found["rows"], unknown, strict=True):
        counts = [row[name] for name in ("requests", "attempts", "input_tokens", "output_tokens")]
        rows.append(
            [
                *(row[word] for word in by),
                *("unknown" if count is None else f"{count:,}" for count in counts),
                _cost(row["cost_micro"], row["currency"]),
                *([missing] if any(unknown) else []),
            ]
        )
    columns = (*by, *numbers, *(["not known"] if any(unknown) else []))
    show_table(out, columns, rows, flexible=("cost", "not known"), right=numbers)
    for refused in found["refusals"]:
        where = f"on {escape(refused['route'])}" if refused["route"] else "before its route was known"
        out.print(f"Refused {where}: {refused['requests']:,} {refused['code']}")


def _unknown(row: dict[str, Any]) -> str:
    counted = ((row["unknown_token_attempts"], "tokens"), (row["unknown_cost_attempts"], "costs"))
    return ", ".join(f"{count} {what}" for count, what in counted if count)


def _cost(cost_micro: int | None, currency: str | None) -> str:
    if currency is None:
        return "unpriced (own hardware)"
    if cost_micro is None:
        return "unknown"
    whole, rest = divmod(cost_micro, 1_000_000)
    return f"{whole:,}.{rest:06d} {currency}"

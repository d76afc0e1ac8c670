"""`douane classify`: what a text or a request body is, and why. Nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def classify(
    file: Annotated[
        Path | None, typer.Argument(help="A request body as JSON, or any text; standard input without it.")
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help='Lines of {"id", "text"}; one line of JSON is written for each. `-` is stdin.')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, also on a terminal.")] = False,
    no_meaning: Annotated[
        bool, typer.Option("--no-meaning", help="Stop before the layer that reads for meaning.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="The configuration whose policy counts.")] = None,
) -> None:
    """Classify a text or a request body: label, reasons, findings. Ends with 0 whatever the label."""
    import sys

    import orjson

    from douane.bootstrap import Start, configuration_of, kinds_installed
    from douane.config import detector_rules
    from douane.control.classify import classify_lines, classify_text
    from douane.detect.scanner import Scanner

    del no_meaning  # every layer there is reads patterns; the answer's `layers` names them
    if file is not None and jsonl is not None:
        raise typer.BadParameter("Give one of FILE and --jsonl.")
    start = Start(str(config) if config is not None else None)
    policy = configuration_of(start, kinds_installed()).snapshot.policy
    scanner = Scanner(detector_rules())
    if jsonl is not None:
        with _opened(jsonl) as lines:
            for answer in classify_lines(lines, scanner, policy):
                sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()
        return
    with _opened(file if file is not None else Path("-")) as source:
        found = classify_text(source.read(), scanner, policy, id=str(file) if file is not None else None)
    if as_json or not sys.stdout.isatty():
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found)


def _opened(path: Path) -> Any:
    """Open a file, or standard input for `-`; a file that can't be opened ends with status 2."""
    import sys
    from contextlib import nullcontext

    if str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be read: {error.strerror}.") from error


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    marks = f" {{{', '.join(found['compartments'])}}}" if found["compartments"] else ""
    console.print(f"Label: [bold]{found['level']}[/bold]{marks}", highlight=False)
    for reason in found["reasons"]:
        console.print(f"  {reason['fact']}", highlight=False, markup=False)
    if found["findings"]:
        table = Table()
        for column in ("finding", "where", "from", "to", "confidence", "detector"):
            table.add_column(column)
        for one in found["findings"]:
            name = f"{one['type']} ({one['detail']})" if one["detail"] else one["type"]
            place = one["pointer"] or "the text"
            cells = (name, place, one["start"], one["end"], f"{one['confidence']:.2f}", one["detector"])
            table.add_row(*map(str, cells))
        console.print(table, markup=False)
    console.print(f"Layers that ran: {', '.join(found['layers'])}", highlight=False)

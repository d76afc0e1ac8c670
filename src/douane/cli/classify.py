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
        bool, typer.Option("--no-meaning", help="Stop before the layers that read for meaning: patterns alone.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="The configuration whose policy counts.")] = None,
    owner: Annotated[str, typer.Option(help="Whose request it would be: an owner of keys; nobody's without.")] = "",
) -> None:
    """Classify a text or a request body. Exit 0 whatever the label, 2 where the text or a line can't be read."""
    import sys
    from dataclasses import replace

    import orjson

    from douane.bootstrap import Start, configuration_of, kinds_installed, scanner_of
    from douane.cli.meaning import understand_with
    from douane.cli.render import opened
    from douane.control.classify import classify_lines, classify_text
    from douane.detect.settings import MEANING_LAYERS
    from douane.errors import InvalidRequest

    if file is not None and jsonl is not None:
        raise InvalidRequest(
            "There are two inputs, FILE and --jsonl.", "Give one of them.", rule="One input is read.", param="--jsonl"
        )
    start = Start(str(config) if config is not None else None)
    configuration = configuration_of(start, kinds_installed())
    policy = configuration.snapshot.policy
    scanner = scanner_of(configuration)
    layers = [layer for layer in MEANING_LAYERS if layer in policy.layers and not no_meaning]
    understand = understand_with(replace(configuration.detectors.meaning, layers=tuple(layers)))
    if jsonl is not None:
        unread = False
        with opened(jsonl) as lines:
            for answer in classify_lines(lines, scanner, policy, owner=owner, understand=understand):
                sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
                unread = unread or "error" in answer
        sys.stdout.buffer.flush()
        raise typer.Exit(2 if unread else 0)
    with opened(file) as source:
        name = str(file) if file is not None else None
        found = classify_text(source.read(), scanner, policy, owner=owner, id=name, understand=understand)
    if as_json or not sys.stdout.isatty():
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from rich.markup import escape

    from douane.cli.render import console, show_table

    out = console()
    marks = f" {{{', '.join(found['compartments'])}}}" if found["compartments"] else ""
    out.print(f"Label: [bold]{escape(found['level'] + marks)}[/bold]")
    for reason in found["reasons"]:
        out.print(f"  {escape(reason['fact'])}")
    if found["findings"]:
        rows = []
        for one in found["findings"]:
            name = f"{one['type']} ({one['detail']})" if one["detail"] else one["type"]
            place = one["pointer"] or "the text"
            cells = (name, place, one["start"], one["end"], f"{one['confidence']:.2f}", one["detector"])
            rows.append([str(cell) for cell in cells])
        columns = ("finding", "where", "from", "to", "confidence", "detector")
        show_table(out, columns, rows, flexible=("where",), right=("from", "to"))
    out.print(f"Layers that ran: {', '.join(found['layers'])}")

"""`douane explain`: the Decision for a request body, without sending anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explain(
    file: Annotated[Path | None, typer.Argument(help="A request body as JSON; standard input without it.")] = None,
    config: Annotated[Path | None, typer.Option(help="The configuration; the demo's without it.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Explain for this configured key: its floor, routes and zones.")
    ] = None,
    level: Annotated[str, typer.Option(help="A declared level, as `x-douane-level` would.")] = "public",
    latency: Annotated[str, typer.Option(help="interactive, standard or batch.")] = "standard",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, also on a terminal.")] = False,
) -> None:
    """Show where a request would go, and why each other deployment would not get it."""
    import json
    import sys

    from douane.bootstrap import explain_offline
    from douane.cli.render import decision_table

    body = file.read_bytes() if file is not None else sys.stdin.buffer.read()
    found = explain_offline(
        body, config_path=str(config) if config is not None else None, key_name=key, level=level, latency=latency
    ).as_dict()
    if as_json or not sys.stdout.isatty():
        print(json.dumps(found, indent=2))
    else:
        decision_table(found)

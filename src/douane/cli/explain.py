"""`douane explain`: the Decision for a request body, without sending anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explain(
    file: Annotated[Path | None, typer.Argument(help="A request body as JSON; standard input without it.")] = None,
    config: Annotated[Path | None, typer.Option(help="The configuration; the demo's without it.")] = None,
    key: Annotated[str | None, typer.Option(help="Explain for this key: its floor, routes and zones.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The data folder whose keys and blocks count; DOUANE_DATA's or the configuration's, if it is there."
        ),
    ] = None,
    level: Annotated[str, typer.Option(help="A declared level, as `x-douane-level` would.")] = "public",
    compartment: Annotated[list[str] | None, typer.Option(help="A declared compartment; repeatable.")] = None,
    latency: Annotated[str, typer.Option(help="interactive, standard or batch.")] = "standard",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, also on a terminal.")] = False,
) -> None:
    """Show where a request would go, and why no other deployment gets it. Exit 0 where it would go, else 1."""
    import json
    import sys

    from douane.bootstrap import explain_offline
    from douane.cli.meaning import names_with, understand_with
    from douane.cli.render import opened, show_decision
    from douane.control.explain import refused
    from douane.errors import ForbiddenRoute, Unsupported

    with opened(file) as source:
        body = source.read()
    try:
        found = explain_offline(
            body,
            config_path=str(config) if config is not None else None,
            data_dir=data,
            key_name=key,
            level=level,
            compartments=tuple(compartment or ()),
            latency=latency,
            understand_with=understand_with,
            names_with=names_with,
        ).as_dict()
    except (ForbiddenRoute, Unsupported) as error:
        found = refused(error)
    if as_json or not sys.stdout.isatty():
        print(json.dumps(found, indent=2))
    else:
        show_decision(found)
    raise typer.Exit(0 if found["chosen"] is not None else 1)

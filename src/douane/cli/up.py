"""`douane up`: gateway and admin API in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def up(
    config: Annotated[Path | None, typer.Option(help="The configuration; an embedded default without it.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of ledger and keys.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 for any.", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="Processes; above 1 needs shared limits.", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Two zones on this machine, to watch routing.")] = False,
    log: Annotated[bool, typer.Option("--log/--no-log", help="One JSON line a request, on standard error.")] = True,
) -> None:
    """Run the gateway."""
    from douane.bootstrap import Start
    from douane.cli.render import program
    from douane.errors import ConfigurationError
    from douane.http.serving import run_house

    if workers > 1:
        raise ConfigurationError(
            f"{workers} workers would each keep limits and budgets of their own: a key could overshoot them.",
            "Run one worker; several need shared limits (Redis), which this version does not have.",
            rule="Limits never overshoot.",
            param="--workers",
        )
    if demo and config is not None:
        raise ConfigurationError(
            "`--demo` brings its own configuration.", "Leave out `--demo` or `--config`.", param="--demo"
        )
    start = Start(
        str(config) if config is not None else None, str(data) if data is not None else None, demo=demo, log=log
    )
    run_house(start, host=host, port=port, program=program())

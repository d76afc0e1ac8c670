"""`douane doctor`: what Douane stands on here, and what would mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from douane.control.doctor import Check, Subject


def doctor(
    config: Annotated[Path | None, typer.Option(help="The configuration; the embedded default without it.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder; the configuration's without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Examine interpreter, packages, files, port, clock, engine and model. Exit 0 where Douane can run, else 1."""
    import json

    from douane.adapters.clock import SystemClock
    from douane.control.doctor import examine, sound
    from douane.control.engine_model import SMOLLM2

    checks = examine(_subject(config, data), SMOLLM2, SystemClock())
    if as_json:
        print(json.dumps({"sound": sound(checks), "checks": [check.as_dict() for check in checks]}, indent=2))
    else:
        _show(checks)
    raise typer.Exit(0 if sound(checks) else 1)


def _subject(config: Path | None, data: Path | None) -> Subject:
    """Read what the examination needs of the configuration; a broken one is a finding, not an end."""
    from douane.control.doctor import Subject, secret_files
    from douane.errors import ConfigurationErrors

    try:
        from douane import config as configuration
        from douane.bootstrap import Start, configuration_of, kinds_installed
    except ImportError:  # a package is missing: the examination says which
        return Subject(data=data or Path("douane-data"), config=config)
    problems = 0
    try:
        found = configuration_of(Start(None if config is None else str(config)), kinds_installed())
    except ConfigurationErrors as errors:
        problems = len(errors.problems)
        found = configuration_of(Start(), kinds_installed())
    return Subject(
        data=Path(configuration.data_dir(None if data is None else str(data), found)),
        host=found.server.host,
        port=found.server.port,
        config=config,
        problems=problems,
        secrets=() if config is None else secret_files(config),
        embedded=any(deployment.kind == "embedded" for deployment in found.snapshot.deployments.values()),
    )


def _show(checks: Sequence[Check]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    signs = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}
    for check in checks:
        console.print(f"{signs[check.verdict]}  {check.name:<13}  {escape(check.fact)}")
        if check.fix:
            console.print(f"      {'':<13}  Fix: {escape(check.fix)}")

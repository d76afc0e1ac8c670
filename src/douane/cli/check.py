"""`douane check`: every problem of a configuration with its fix, or what it comes to; or the JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from douane.control.check import Report
    from douane.core.reason import Reason


def check(
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("douane.toml"),
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the configuration instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Decode, open and validate a configuration. Exit 0 where it may be put in force, else 2."""
    import json

    from douane import config as configuration
    from douane.bootstrap import Start, configuration_of, kinds_installed
    from douane.control.check import check as examine
    from douane.control.extra_packages import require_extras

    if schema:
        print(json.dumps(configuration.json_schema(), indent=2))
        return

    def read() -> configuration.Configuration:
        found = configuration_of(Start(str(config)), kinds_installed())
        require_extras(found.detectors)
        return found

    report = examine(read)
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        print("\n".join(lines_of(report)))
    raise typer.Exit(0 if report.holds else 2)


def lines_of(report: Report) -> list[str]:
    """Return a report as lines for a terminal."""
    lines: list[str] = []
    for setting, reason in report.problems:
        lines += [f"error {setting}".rstrip(), *_told(reason)]
    for warning in report.warnings:
        lines += [f"warning {warning.code}", *_told(warning)]
    lines += report.summary
    if report.holds:
        lines.append(f"The configuration holds, version {report.version[:12]}.")
    else:
        count = len(report.problems)
        lines.append(f"The configuration has {count} problem{'s' if count > 1 else ''}.")
    return lines


def _told(reason: Reason) -> tuple[str, str, str]:
    return f"  {reason.fact}", f"  Rule: {reason.rule}", f"  Fix: {reason.fix}"

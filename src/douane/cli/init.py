"""`douane init`: a commented `douane.toml` to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    profile: Annotated[str, typer.Option("--for", help="local, hybrid or managed.")] = "local",
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("douane.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented configuration: local (default, no account), hybrid or managed."""
    from douane.cli.render import program
    from douane.control.init import write_profile

    write_profile(profile, output, force=force)
    print(f"Wrote {output}. Next: {program()} check --config {output}")

"""`douane vault`: the values behind the placeholders of masked requests."""

from __future__ import annotations

from typing import Annotated

import typer

from douane.cli.place import Data, data_folder

vault = typer.Typer(name="vault", help="Values behind the placeholders of masked requests.", no_args_is_help=True)


@vault.command()
def erase(
    owner: Annotated[str | None, typer.Option(help="Whose keys masked them; everybody's without.")] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="An end user (`x-douane-end-user`), or a value itself; `-` reads it from standard input."),
    ] = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Erase values for good, beside a running gateway or without one. What was sent is not taken back by it."""
    import asyncio
    import json
    import sys
    from contextlib import closing

    from douane.adapters.clock import SystemClock
    from douane.adapters.vault import FileVault
    from douane.control.vault_erase import erase as erase_values
    from douane.errors import NotFound

    folder = data_folder(data)
    if not (folder / "vault.db").exists():
        raise NotFound(
            f"The folder `{folder}` holds no vault.",
            "Name the data folder of the gateway with `--data`; there is a vault once something was masked.",
            rule="What is erased is there.",
            param="--data",
        )
    named = sys.stdin.read().strip() or None if subject == "-" else subject
    with closing(FileVault(folder, SystemClock(), lambda: 0.0)) as kept:
        done = asyncio.run(erase_values(kept, owner, named))
    if as_json:
        print(json.dumps(done, indent=2))
    else:
        print(f"{done['erased']} values erased.")

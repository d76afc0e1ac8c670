"""`douane dictionary add` and `douane fingerprint add`: names and documents of your own, kept as keyed hashes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from douane.control.register import Added

dictionary = typer.Typer(name="dictionary", help="Names of your own: projects, customers.", no_args_is_help=True)
fingerprint = typer.Typer(
    name="fingerprint", help="Documents of your own, recognised where a page is pasted.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What findings are told by, and the name of the table in douane.toml.")]
Folder = Annotated[Path, typer.Option(help="Where the file goes: beside douane.toml.", metavar="DIR")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="The key's file, made where it is missing; `hashing.key` in the folder without it."),
]
Replace = Annotated[bool, typer.Option("--replace", help="Forget what the file held before; without it, add to it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dictionary.command("add")
def add_dictionary(
    name: Name,
    file: Annotated[list[Path], typer.Argument(help="A list with one name a line; `-` is standard input.")],
    folder: Folder = Path(),
    key: KeyFile = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Hash a list of names. Exit 1 where some lines can be no names: the others are kept."""
    import secrets

    from douane.cli.render import opened
    from douane.control.register import Place, add_names
    from douane.detect.registered.seal import KEY_BYTES

    lists = []
    for path in file:
        with opened(path) as source:
            lists.append((str(path), source.read()))
    _show(add_names(name, lists, Place(folder, key, replace), secrets.token_bytes(KEY_BYTES)), as_json)


@fingerprint.command("add")
def add_fingerprint(
    name: Name,
    file: Annotated[list[Path], typer.Argument(help="Documents as text: .txt or .md.")],
    boilerplate: Annotated[
        list[Path] | None,
        typer.Option(help="A text, such as a template or a notice, that leaves no fingerprint; repeatable."),
    ] = None,
    folder: Folder = Path(),
    key: KeyFile = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Keep fingerprints of documents. A page of 60 words is recognised, a phrase of fewer than 40 never is."""
    import secrets

    from douane.control.register import Place, add_documents
    from douane.detect.registered.seal import KEY_BYTES

    place = Place(folder, key, replace)
    _show(add_documents(name, file, boilerplate or [], place, secrets.token_bytes(KEY_BYTES)), as_json)


def _show(added: Added, as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(added.as_dict(), indent=2))
    else:
        print(added.setting, end="")
        noun = "names" if added.kind == "dictionary" else "documents"
        typer.echo(f"{added.file} holds {added.count} {noun}, as keyed hashes.", err=True)
        if added.key_made:
            typer.echo(f"Made the key {added.key_file}: keep a copy where the lists are kept.", err=True)
        for source, line, why in added.unfit:
            typer.echo(f"{source}, line {line}: passed over, {why}.", err=True)
        typer.echo("Put the table above into douane.toml, then reload.", err=True)
    raise typer.Exit(1 if added.unfit else 0)

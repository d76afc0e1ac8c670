"""`douane keys`: virtual keys of the store; those of the configuration live there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from douane.cli.place import Data, data_folder

keys = typer.Typer(name="keys", help="Virtual keys: make, list, withdraw.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="The key's name, in reports for good.")],
    route: Annotated[list[str] | None, typer.Option(help="A route it may use; repeatable; all without.")] = None,
    zone: Annotated[list[str] | None, typer.Option(help="A zone it may use; repeatable; all without.")] = None,
    floor: Annotated[str, typer.Option(help="Lowest level of whatever it sends.")] = "internal",
    compartment: Annotated[
        list[str] | None, typer.Option(help="A compartment of whatever it sends; repeatable.")
    ] = None,
    rpm: Annotated[int | None, typer.Option(help="Requests per minute.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens per minute.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Requests at once.")] = None,
    budget: Annotated[str | None, typer.Option(help="Money per day or month, with --currency.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the budget, as EUR.")] = None,
    per: Annotated[str, typer.Option(help="day or month.")] = "month",
    expires: Annotated[str | None, typer.Option(help="90d, 12h, 2w, or a date.")] = None,
    owner: Annotated[str | None, typer.Option(help="Keys of one owner share caches; its own name without.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May use the admin API.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its secret, this once."""
    import json
    import secrets

    from douane.adapters.clock import SystemClock
    from douane.adapters.store.directory import prepared
    from douane.adapters.store.key_book import KeyBook
    from douane.control.keys import Wanted
    from douane.control.keys import create as make
    from douane.core.traffic.keys import SECRET_BYTES

    wanted = Wanted(
        name,
        owner,
        tuple(route) if route else None,
        tuple(zone) if zone else None,
        floor,
        tuple(compartment or ()),
        rpm,
        tpm,
        concurrent,
        budget,
        currency,
        per,
        expires,
        admin,
    )
    secret = make(KeyBook(prepared(data_folder(data))), SystemClock(), secrets.token_bytes(SECRET_BYTES), wanted)
    if as_json:
        print(json.dumps({"name": name, "secret": secret}, indent=2))
    else:
        print(secret)
        typer.echo("Keep it now: it is not shown again, and Douane has only its SHA-256.", err=True)


@keys.command("list")
def list_keys(data: Data = None, as_json: AsJson = False) -> None:
    """Show the store's keys."""
    import json

    from douane.adapters.clock import SystemClock
    from douane.adapters.store.directory import existing
    from douane.adapters.store.key_book import KeyBook
    from douane.cli.render import console, show_table
    from douane.control.check import money
    from douane.control.keys import listing

    found = listing(KeyBook(existing(data_folder(data))), SystemClock())
    if as_json:
        print(json.dumps({"keys": found}, indent=2))
        return
    columns = ("name", "state", "owner", "routes", "zones", "floor", "limits", "expires", "admin")
    rows = [
        (
            key["name"],
            key["state"],
            key["owner"],
            "all" if key["routes"] is None else ", ".join(key["routes"]),
            "all" if key["zones"] is None else ", ".join(key["zones"]),
            ", ".join([key["floor"]["level"], *key["floor"]["compartments"]]),
            _limits(key, money),
            (key["expires"] or "never").split("T")[0],
            "yes" if key["admin"] else "",
        )
        for key in found
    ]
    show_table(console(), columns, rows, flexible=("routes", "zones", "floor", "limits"))


def _limits(key: Mapping[str, Any], money: Callable[[int], str]) -> str:
    limits, budget = key["limits"], key["budget"]
    said = [
        f"{limits[name]:,} {unit}"
        for name, unit in (("requests_per_minute", "rpm"), ("tokens_per_minute", "tpm"), ("concurrent", "at once"))
        if limits[name] is not None
    ]
    if budget is not None:
        said.append(f"{money(budget['amount_micro'])} {budget['currency']} a {budget['per']}")
    return ", ".join(said) or "none"


@keys.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The key's name.")], data: Data = None, as_json: AsJson = False
) -> None:
    """Withdraw a key for good; a running gateway refuses it within a second."""
    import json

    from douane.adapters.clock import SystemClock
    from douane.adapters.store.directory import existing
    from douane.adapters.store.key_book import KeyBook
    from douane.control.keys import revoke as withdraw

    withdraw(KeyBook(existing(data_folder(data))), SystemClock(), name)
    print(json.dumps({"name": name, "state": "revoked"}, indent=2) if as_json else f"Key {name} is revoked.")

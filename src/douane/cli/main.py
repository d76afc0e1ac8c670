"""The command `douane`: one file a subcommand, each importing what it needs only when it runs."""

from __future__ import annotations

import sys
from itertools import takewhile

import typer

from douane.cli.check import check
from douane.cli.classify import classify
from douane.cli.doctor import doctor
from douane.cli.explain import explain
from douane.cli.init import init
from douane.cli.keys import keys
from douane.cli.ledger import ledger
from douane.cli.register import dictionary, fingerprint
from douane.cli.up import up
from douane.cli.vault import vault
from douane.errors import ConfigurationErrors, DouaneError, EngineFailed, PortTaken, StoreFailed, UpstreamFailed

_OUTSIDE = (StoreFailed, EngineFailed, UpstreamFailed, PortTaken)

app = typer.Typer(
    name="douane",
    help="Customs control for LLM traffic: what may not leave the premises never leaves, and the ledger proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (up, check, init, classify, explain, doctor):
    app.command()(command)
app.add_typer(keys, name="keys")
app.add_typer(ledger, name="ledger")
app.add_typer(dictionary, name="dictionary")
app.add_typer(fingerprint, name="fingerprint")
app.add_typer(vault, name="vault")


@app.command()
def version() -> None:
    """Print the version."""
    from douane import __version__

    print(__version__)


def main() -> None:
    """Run a command. Status 3 where an outside thing failed, else 2 for an error of ours.

    It is told as problem, rule and fix on standard error; with `--json` also as the object of an HTTP body.
    """
    try:
        app()
    except DouaneError as error:
        _print_error(error)
        sys.exit(3 if isinstance(error, _OUTSIDE) else 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)


def _print_error(error: DouaneError) -> None:
    for each in error.problems if isinstance(error, ConfigurationErrors) else (error,):
        where = f"{each.param}: " if each.param else ""
        print(f"douane: {where}{each.problem}\n  Rule: {each.rule}\n  Fix: {each.fix}", file=sys.stderr)
    if "--json" in takewhile(lambda word: word != "--", sys.argv[1:]):
        from douane.wire.error_body import error_body

        print(error_body(error).decode())

"""Writes the generated pages of docs/reference, or with --check tells which are not current.

A page is made from what it describes: settings, errors, commands. Nothing on it is written by hand.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from douane import config, errors
from douane.cli.main import app

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


_ERRORS_HEAD = (
    "# Errors",
    "",
    "This page is made from the errors themselves; `make docs` writes it anew.",
    "",
    "Every error says what broke which rule, and what would allow it. On HTTP it is OpenAI's envelope with Douane's",
    "reason inside; on the command line, the problem and its fix.",
    "",
    "| code | status | when | worth a retry |",
    "|---|---|---|---|",
)


def errors_page() -> str:
    """Return the table of every error that a caller may see."""
    rows = [
        f"| `{code}` | {status} | {' '.join(meanings)} | {'yes' if retry else 'no'} |"
        for (status, code, retry), meanings in sorted(_errors().items())
    ]
    return "\n".join([*_ERRORS_HEAD, *rows, ""])


def _errors() -> dict[tuple[int, str, bool], list[str]]:
    """Return what each code means: several classes of the family may share one."""
    found: dict[tuple[int, str, bool], list[str]] = {}
    for error in vars(errors).values():
        if inspect.isclass(error) and issubclass(error, errors.DouaneError) and error is not errors.DouaneError:
            means = " ".join((error.__doc__ or "").split("\n\n")[0].split())
            found.setdefault((error.status, error.code, not error.retry_is_useless), []).append(means)
    return found


_COMMANDS_HEAD = (
    "# Commands",
    "",
    "This page is made from the commands themselves; `make docs` writes it anew.",
    "",
    "Exit status: 0 done or allowed; 1 refused, or an examination fell short; 2 wrong usage or unreadable input;",
    "3 an outside thing failed. With `--json` a command prints one JSON document on standard output, nothing else.",
    "",
)


def commands_page() -> str:
    """Return every command with its options."""
    root = typer.main.get_command(app)
    lines = [*_COMMANDS_HEAD]
    for path, command in _commands("douane", root):
        lines += [f"## `{path}`", "", (command.help or "").strip(), ""]
        options = [parameter for parameter in command.params if parameter.name != "help"]
        if options:
            lines += ["| option | means | default |", "|---|---|---|", *[_option_row(option) for option in options], ""]
    return "\n".join(lines)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, below in inner.items():
        yield from _commands(f"{path} {name}", below)


def _option_row(option: Any) -> str:
    argument = option.param_type_name == "argument"
    names = [option.name.upper()] if argument else [*option.opts, *option.secondary_opts]
    given = option.default is not None and not callable(option.default) and option.default not in (False, ())
    default = f"`{option.default}`" if given else ""
    return f"| {', '.join(f'`{name}`' for name in names)} | {getattr(option, 'help', '') or ''} | {default} |"


_CREDENTIALS_HEAD = (
    "# Credentials",
    "",
    "This page is made from the rows of `data/detectors/secrets.toml`; `make docs` writes it anew. What counts, and",
    "what does not, is told in [what classification finds](../explanation/classification.md#credentials).",
    "",
)


def credentials_page() -> str:
    """Return the vendors whose credentials have rows, with their forms and where these are from."""
    rows = config.detector_rules()["secrets"]
    prefixes = [
        f"| {row['detail']} | {', '.join(f'`{prefix}`' for prefix in row['prefixes'])} | {_length(row)} {row['body']} "
        f"| {row['source']} | {row['date']} |"
        for row in rows["token"]
    ]
    beside = [
        f"| {row['detail']} | {', '.join(row['names'])} | {_length(row)} {row['body']} | {row['source']} "
        f"| {row['date']} |"
        for row in rows["vendor"]
    ]
    shapes = [f"| {row['detail']} | {row['source']} | {row['date']} |" for row in rows["shape"]]
    named = rows["named"]
    return "\n".join((
        *_CREDENTIALS_HEAD,
        "## By a prefix, wherever they stand", "", "| vendor | begins with | then | source | date |",
        "|---|---|---|---|---|", *sorted(prefixes), "",
        "## Beside their vendor's name", "", "| vendor | names | signs | source | date |", "|---|---|---|---|---|",
        *sorted(beside), "",
        "## By another shape", "", "| what | source | date |", "|---|---|---|", *sorted(shapes), "",
        "## What looks drawn, beside these names", "", f"Source: {named['source']}, {named['date']}.", "",
        ", ".join(named["names"]) + ".", "",
    ))  # fmt: skip


def _length(row: Mapping[str, Any]) -> str:
    shortest, longest = row["length"]
    return str(shortest) if shortest == longest else f"{shortest} to {longest}"


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": config.reference,
    "errors.md": errors_page,
    "commands.md": commands_page,
    "credentials.md": credentials_page,
}


def main() -> int:
    stale = []
    for name, make in PAGES.items():
        path, page = REFERENCE / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == page:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            REFERENCE.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
            sys.stdout.write(f"Wrote {path.name}.\n")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"Not current: {', '.join(stale)}. Fix: make docs.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

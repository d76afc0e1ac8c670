"""From the bytes of `douane.toml` to plain values: TOML, then `${VARIABLE}`, then `file:PATH` in secrets.

Rules kept here:
1. A text that is not TOML is refused with its line, its column and a fix, and without quoting it.
2. `${NAME}` stands for a variable that must be set, `${NAME:-text}` for one that may be missing or empty.
   `$${` stands for `${`. Values are not expanded again. A variable that is missing is a problem that names it.
3. `file:PATH` in a secret reads a small regular file beside the configuration, without its last line break.
4. A secret written into the file itself, or readable by others, is a warning.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import Any

from douane.config.problems import Path, Problems, dotted, quoted

LONGEST_FILE_BYTES = 4 * 1024 * 1024
LONGEST_SECRET_BYTES = 64 * 1024
LONGEST_VALUE_CHARS = 64 * 1024
DEEPEST = 12
SECRETS = frozenset({("deployments", "api_key"), ("dictionaries", "key"), ("fingerprints", "key")})
"""Settings that hold a secret: section and name."""

PLACEHOLDER = "unread-secret"
"""Stands for a secret that could not be read, so that the rest of its table is still checked."""

_REFERENCE = re.compile(r"\$(?P<escaped>\$)?\{(?P<body>[^}]*)(?P<end>\}?)")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]{0,255})(?P<default>:-(?P<text>.*))?\Z", re.DOTALL)
_PLACE = re.compile(r"\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)\Z")

_SYNTAX = (
    ("Cannot declare", "declares a table twice", "Join the two tables into one."),
    ("Cannot overwrite", "gives a setting a second time", "Keep one of the two."),
    ("Duplicate inline", "gives a setting of an inline table a second time", "Keep one of the two."),
    ("Cannot mutate", "adds to an inline table", "Write all of its settings in one place."),
    ("Cannot redefine", "gives a table a second time", "Join the two tables into one."),
    ("Expected ']", "opens a table's name and does not close it", "Close it: `[section.name]`."),
    ("Expected '='", "names a setting without a value", "Write `name = value`; text stands in double quotes."),
    ("Expected", "goes on after the end of a value", "Put one setting on each line; text stands in double quotes."),
    ("Unclosed array", "opens a list and does not close it", "Close it with `]`, commas between its values."),
    ("Unclosed inline", "opens an inline table and does not close it", "Close it with `}` on the same line."),
    ("Illegal character '\\n'", "opens a text and does not close it on its line", "Close it with the same quotes."),
    ("Illegal character", "holds a character that may not stand there", "Remove it, or write it as `\\uXXXX`."),
    ("Found invalid", "holds a character that may not stand there", "Remove it, or write it as `\\uXXXX`."),
    ("Invalid initial", "holds something that is no setting", "Write `name = value` below `[section]`."),
    ("Invalid statement", "holds something that is no setting", "Write `name = value` below `[section]`."),
    ("Unescaped", "holds a lone backslash in text", "Write it twice, or put the text in single quotes."),
    ("Unterminated", "opens a text and does not close it", "Close it with the same quotes."),
    ("Invalid date", "holds a date that does not exist", "Write it as `2026-10-01`."),
    (
        "Invalid value",
        "holds something that is no value",
        "Text stands in double quotes; numbers, true and false do not.",
    ),
)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what any setting takes: refused as not finite
        return Decimal("NaN")


def decode(text: str, problems: Problems) -> dict[str, Any] | None:
    """Return the tables of a TOML text, with decimals kept exact; None, and a problem, where it is not TOML."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=_number)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    except (RecursionError, ValueError):
        message = "nested too deeply, or a number is too long"
    place = _PLACE.search(message)
    line = place.group("line") if place else None
    where = (
        f"Line {line}, column {place.group('column')}" if place and line else "The end of the file" if place else "It"
    )
    for start, fact, fix in _SYNTAX:
        if message.startswith(start):
            problems.refuse((), "The configuration is TOML.", f"{where} {fact}.", fix)
            return None
    problems.refuse(
        (), "The configuration is TOML.", f"{where} is not TOML.", "Write `name = value` lines below `[section]` lines."
    )
    return None


class Expander:
    """Puts the values of variables and secret files where the configuration names them."""

    def __init__(self, environ: Mapping[str, str], base_dir: FilePath, problems: Problems) -> None:
        self._environ = environ
        self._base_dir = base_dir
        self._problems = problems
        self.broken: set[Path] = set()
        """Paths whose value could not be made; a secret has a placeholder instead."""

    def expand(self, value: Any, path: Path = ()) -> Any:
        """Return `value` with every reference in it replaced."""
        if len(path) > DEEPEST:
            rule = f"Tables and lists nest at most {DEEPEST} deep."
            self._problems.refuse(path[:1], rule, f"`{dotted(path[:1])}` nests deeper.", "Flatten it.")
            self.broken.add(path)
            return None
        if isinstance(value, dict):
            return {name: self.expand(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner, (*path, place)) for place, inner in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, value: str, path: Path) -> str:
        secret = len(path) == 3 and (path[0], path[2]) in SECRETS
        text = self._variables(value, path, secret=secret) if "${" in value else value
        if secret and text is not None:
            text = self._secret(value, text, path)
        if text is not None:
            return text
        if secret:
            return PLACEHOLDER
        self.broken.add(path)
        return value

    def _variables(self, value: str, path: Path, *, secret: bool) -> str | None:
        pieces: list[str] = []
        place = 0
        for match in _REFERENCE.finditer(value):
            pieces.append(value[place : match.start()])
            place = match.end()
            if match.group("escaped"):
                pieces.append(match.group()[1:])
                continue
            piece = self._variable(match, path, secret=secret)
            if piece is None:
                return None
            pieces.append(piece)
        text = "".join((*pieces, value[place:]))
        if len(text) > LONGEST_VALUE_CHARS:
            rule = f"A value has at most {LONGEST_VALUE_CHARS} characters."
            self._problems.refuse(path, rule, f"`{dotted(path)}` is longer than that.", "Shorten the variable's value.")
            return None
        return text

    def _variable(self, match: re.Match[str], path: Path, *, secret: bool) -> str | None:
        name = _NAME.match(match.group("body")) if match.group("end") else None
        if name is None:
            self._problems.refuse(
                path,
                "A variable is written `${NAME}` or `${NAME:-text}`.",
                f"`{dotted(path)}` holds `${{` without a variable's name and `}}` behind it.",
                "Close it, and use letters, digits and `_` in its name; write `$${` for the characters themselves.",
            )
            return None
        found = self._environ.get(name.group("name"))
        if name.group("default") is not None and not found:
            return name.group("text")
        if found is None:
            variable = name.group("name")
            other = f'`{path[-1]} = "file:PATH"`' if secret else f"`${{{variable}:-text}}`"
            self._problems.refuse(
                path,
                "A variable that the configuration names is set.",
                f"`{dotted(path)}` needs the environment variable `{variable}`, which is not set.",
                f"Set it before starting, or write {other}.",
            )
            return None
        self._problems.hide(found, "${" + name.group("name") + "}")
        return found

    def _secret(self, written: str, text: str, path: Path) -> str | None:
        if text.startswith("file:"):
            return self._secret_file(text.removeprefix("file:"), path)
        self._problems.hide(text, f"the value of {dotted(path)}")
        if text == written:
            self._problems.warn(
                "secret_in_file",
                "Secrets stay out of the configuration.",
                f"`{dotted(path)}` stands in the file itself.",
                f'Write `{path[-1]} = "${{VARIABLE}}"` or `{path[-1]} = "file:PATH"`.',
            )
        return text

    def _secret_file(self, name: str, path: Path) -> str | None:
        rule = "A secret's file is small, regular and readable."
        file = self._base_dir / name
        try:
            data, mode = read_regular(file, LONGEST_SECRET_BYTES)
            text = data.decode("utf-8")
        except (OSError, ValueError) as error:
            cause = cause_of(error)
            self._problems.refuse(
                path, rule, f"`{dotted(path)}` names the file {quoted(name)}, which {cause}.",
                "Write the secret alone into that file, readable by the gateway's user only (mode 600).",
            )  # fmt: skip
            return None
        if mode & 0o077:
            self._problems.warn(
                "secret_readable",
                "A secret's file is readable by its owner only.",
                f"The file {quoted(name)} of `{dotted(path)}` has mode {stat.S_IMODE(mode):o}.",
                f"Run `chmod 600` on {quoted(name)}.",
            )
        secret = text.removesuffix("\n").removesuffix("\r")
        self._problems.hide(secret, f"the value of {dotted(path)}")
        return secret


class Unfit(ValueError):
    """A file that is there but is not what a configuration may name."""


def read_regular(file: FilePath, longest_bytes: int) -> tuple[bytes, int]:
    """Return the content and the mode of a small regular file; OSError or ValueError where it is none."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not hold us up
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise Unfit("is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            data = stream.read(longest_bytes + 1)
    finally:
        os.close(handle)
    if len(data) > longest_bytes:
        raise Unfit(f"is longer than {longest_bytes} bytes")
    return data, mode


def cause_of(error: OSError | ValueError) -> str:
    """Return in words of our own why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "may not be read"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text"
    if isinstance(error, OSError):
        return "cannot be read"
    return str(error) if isinstance(error, Unfit) else "cannot be named so"

"""From the shape checker's errors to problems in our words: every one at once, none that quotes a secret.

The library's own texts hold the input, so none of them is passed on: an error is read by its type, its place and the
settings' own descriptions. A type that this file does not know still gives a problem, without detail.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from douane.config.fields import EXPECTED
from douane.config.problems import Path, Problems, choose, dotted, listed, nearest, quoted
from douane.config.schema import Document

Tables = dict[str, Any]

_UNQUOTED = frozenset({"api_key", "secret_sha256", "base_url"})
"""Settings whose value is never quoted: it is a secret, or may hold one."""

_WANTED = {
    "string_type": "text in double quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "is_instance_of": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "finite_number": "a finite number",
}

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def kind_of(value: Any) -> str:
    """Return what a TOML value is, in TOML's words."""
    if isinstance(value, bool):
        return "true or false"
    for types_, words in (
        (str, "text"), (int, "a whole number"), (Decimal, "a number with decimals"), (list, "a list"),
        (dict, "a table"), ((date, datetime, time), "a date or time"),
    ):  # fmt: skip
        if isinstance(value, types_):
            return words
    return "something else"


def models_of(annotation: Any) -> type[BaseModel] | None:
    """Return the table that an annotation leads to, through lists, mappings and alternatives."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        return models_of(get_args(annotation)[0])
    if origin in (list, dict):
        return models_of(get_args(annotation)[-1])
    if origin in (Union, types.UnionType):
        return next((found for found in map(models_of, get_args(annotation)) if found is not None), None)
    return None


def step(annotation: Any, part: str | int) -> tuple[Any, FieldInfo | None]:
    """Go one step down a path: what stands there, and its field where it is a setting."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return step(get_args(annotation)[0], part)
    if origin in (list, dict):
        return get_args(annotation)[-1], None
    if origin in (Union, types.UnionType):
        return step(next(arg for arg in get_args(annotation) if arg is not type(None)), part)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return (field.annotation, field) if field is not None else (None, None)
    return None, None


def field_at(path: Path) -> FieldInfo | None:
    """Return the setting that a path leads to, or the last one on the way."""
    annotation: Any = Document
    last: FieldInfo | None = None
    for part in path:
        annotation, field = step(annotation, part)
        last = field or last
    return last


def settings_at(path: Path) -> tuple[str, ...]:
    """Return the names that the table at `path` may hold; none where its names are free."""
    annotation: Any = Document
    for part in path:
        annotation, _ = step(annotation, part)
    model = None if get_origin(annotation) is dict else models_of(annotation)
    return tuple(model.model_fields) if model is not None else ()


def value_at(tables: Any, path: Path) -> Any:
    for part in path:
        try:
            tables = tables[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tables


def _help(path: Path) -> str:
    field = field_at(path)
    return field.description or "" if field is not None else ""


def bare(path: Path) -> Path:
    """Drop what the library adds to a path: the mark of a mapping's key."""
    return tuple(part for part in path if part != "[key]")


class Translator:
    """Reads one error after the other into `problems`."""

    def __init__(self, tables: Tables, problems: Problems) -> None:
        self._tables = tables
        self._problems = problems
        self._readers: Mapping[str, Callable[[Path, Mapping[str, Any]], None]] = {
            "missing": self._missing,
            "extra_forbidden": self._unknown,
            "literal_error": self._not_one_of,
            "string_pattern_mismatch": self._ill_formed,
            "too_long": self._too_many,
            "too_short": self._too_few,
            "string_too_long": self._text_too_long,
            "string_too_short": self._text_empty,
            "not_a_day": self._no_such_day,
        }

    def read(self, error: Mapping[str, Any]) -> None:
        """Record one error of the shape checker."""
        path: Path = error["loc"]
        context = error.get("ctx", {})
        kind = error["type"]
        if kind in _WANTED:
            self._wrong_type(bare(path), _WANTED[kind])
        elif kind in _BOUNDS:
            key, words = _BOUNDS[kind]
            self._out_of_bounds(path, f"{words} {context[key]}")
        elif path and path[-1] == "[key]":
            self._ill_named(bare(path), context)
        else:
            self._readers.get(kind, self._other)(path, context)

    def _missing(self, path: Path, _: Mapping[str, Any]) -> None:
        name = path[-1]
        self._problems.refuse(
            path, "A required setting is given.", f"`{dotted(path)}` is missing.", f"Add `{name}`: {_help(path)}"
        )

    def _unknown(self, path: Path, _: Mapping[str, Any]) -> None:
        known = settings_at(path[:-1])
        close = nearest(str(path[-1]), known)
        fix = f"Did you mean {quoted(close)}?" if close else f"Remove it; known here: {listed(known)}."
        self._problems.refuse(path, "Only known settings are taken.", f"`{dotted(path)}` is not a setting.", fix)

    def _wrong_type(self, path: Path, wanted: str) -> None:
        found = kind_of(value_at(self._tables, path))
        self._problems.refuse(
            path,
            "A setting has its type.",
            f"`{dotted(path)}` must be {wanted}, and is {found}.",
            f"Give {wanted}. {_help(path)}".strip(),
        )

    def _out_of_bounds(self, path: Path, bound: str) -> None:
        self._problems.refuse(
            path, "A setting keeps its bounds.", f"`{dotted(path)}` must be {bound}.",
            f"Give a value that is {bound}. {_help(path)}".strip(),
        )  # fmt: skip

    def _not_one_of(self, path: Path, _: Mapping[str, Any]) -> None:
        value = value_at(self._tables, path)
        if value is None:  # a label given as a bare word
            path = path[:-1]
            value = value_at(self._tables, path)
        words = _words_of(path)
        if not isinstance(value, str):
            self._wrong_type(path, "text in double quotes")
            return
        self._problems.refuse(
            path,
            "A setting takes one of its words.",
            f"`{dotted(path)}` is {quoted(value)}, which is none of {listed(words)}.",
            choose(value, words, "") if words else _help(path),
        )

    def _ill_formed(self, path: Path, context: Mapping[str, Any]) -> None:
        value = value_at(self._tables, path)
        wanted = EXPECTED.get(context.get("pattern", ""), "text of another form")
        hidden = any(part in _UNQUOTED for part in path)
        found = f"is {quoted(value)}, not {wanted}" if value and not hidden else f"is not {wanted}"
        self._problems.refuse(path, "A setting has its form.", f"`{dotted(path)}` {found}.", f"Give {wanted}.")

    def _ill_named(self, path: Path, context: Mapping[str, Any]) -> None:
        wanted = EXPECTED.get(context.get("pattern", ""), "a name")
        self._problems.refuse(
            path,
            "A name has its form.",
            f"{quoted(path[-1])} in `{dotted(path[:-1])}` is not {wanted}.",
            f"Use {wanted}.",
        )

    def _too_many(self, path: Path, context: Mapping[str, Any]) -> None:
        bound = context.get("max_length")
        self._problems.refuse(
            path, "Lists and tables are bounded.", f"`{dotted(path)}` has more than {bound} entries.", "Remove some."
        )

    def _too_few(self, path: Path, _: Mapping[str, Any]) -> None:
        self._problems.refuse(
            path, "A list names something.", f"`{dotted(path)}` is empty.", f"Name at least one. {_help(path)}".strip()
        )

    def _text_too_long(self, path: Path, context: Mapping[str, Any]) -> None:
        bound = context.get("max_length")
        self._problems.refuse(
            path, "Texts are bounded.", f"`{dotted(path)}` is longer than {bound} characters.", "Shorten it."
        )

    def _text_empty(self, path: Path, _: Mapping[str, Any]) -> None:
        self._problems.refuse(
            path, "A text says something.", f"`{dotted(path)}` is empty.", f"Fill it in. {_help(path)}".strip()
        )

    def _no_such_day(self, path: Path, _: Mapping[str, Any]) -> None:
        self._problems.refuse(
            path,
            "A date is a day that exists.",
            f"`{dotted(path)}` is no day.",
            f"Write it as `2026-10-01`. {_help(path)}",
        )

    def _other(self, path: Path, _: Mapping[str, Any]) -> None:
        self._problems.refuse(
            bare(path), "A setting has its form.", f"`{dotted(bare(path))}` is not what it must be.",
            f"See the reference of the configuration. {_help(bare(path))}".strip(),
        )  # fmt: skip


def _words_of(path: Path) -> tuple[str, ...]:
    """Return the closed vocabulary of the setting at `path`."""
    annotation: Any = Document
    for part in path:
        annotation, _ = step(annotation, part)
    return _words(annotation)


def _words(annotation: Any) -> tuple[str, ...]:
    args = get_args(annotation)
    if args and all(isinstance(arg, str) for arg in args):
        return args
    model = models_of(annotation)
    if model is not None and "level" in model.model_fields:  # a label may be written as its level alone
        return _words(model.model_fields["level"].annotation)
    for arg in args:
        found = _words(arg)
        if found:
            return found
    return ()

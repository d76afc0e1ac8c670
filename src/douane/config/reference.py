"""The JSON Schema of `douane.toml`, and the reference page, both made from the settings themselves."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from douane.config.schema import EXPECTED, Document
from douane.config.translate import models_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_INTRODUCTION = """\
# Configuration: `douane.toml`

This page is made from the settings themselves; `make docs` writes it anew.

Unknown settings are refused, with the nearest known name. `douane check` tells every problem at once, each with its
fix, and `douane check --schema` prints the JSON Schema for editors.

- `${NAME}` in a text stands for an environment variable that must be set, `${NAME:-text}` for one that may be missing
  or empty; `$${` stands for the characters themselves.
- `file:PATH` as `api_key` reads the secret from a file beside the configuration, without its last line break. Keep it
  readable by the gateway's user only.
- Paths are relative to the folder of the configuration.
- A label is a level, as in `"confidential"`, or `{ level = "confidential", compartments = ["pci"] }`.
- `rates.USD.EUR = { rate = 0.86, source = "...", date = "2026-10-01" }` is an exchange rate; it stands at the top of
  the file or below `[rates]`.
"""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration, before variables are put in.

    What settings mean together is beyond a schema: `douane check` tells that.
    """
    schema: dict[str, Any] = {"$schema": DIALECT}
    schema |= Document.model_json_schema()
    schema["title"] = "Douane configuration"
    return schema


def reference() -> str:
    """Return the reference page, in Markdown."""
    parts = [_INTRODUCTION]
    for name, field in Document.model_fields.items():
        parts.extend(_tables(name, field))
    return "\n".join(parts)


def _tables(path: str, field: FieldInfo) -> list[str]:
    model = models_of(field.annotation)
    if model is None:
        return []
    heading = path + _keys_of(field.annotation)
    lines = [f"## `[{heading}]`" if "." not in path else f"### `{heading}`", "", field.description or "", ""]
    lines += ["| setting | type | default | help |", "|---|---|---|---|"]
    inner: list[str] = []
    for name, setting in model.model_fields.items():
        lines.append(f"| `{name}` | {_type(setting)} | {_default(setting)} | {setting.description} |")
        below = models_of(setting.annotation)
        if below is not None and "level" not in below.model_fields:
            inner += _tables(f"{heading}.{name}", setting)
    return ["\n".join(lines) + "\n", *inner]


def _keys_of(annotation: Any) -> str:
    """Return what stands for the names of a mapping in a heading, once for each mapping."""
    if get_origin(annotation) is dict:
        words = _words_for(get_args(annotation)[0])
        return f".{words}" + _keys_of(get_args(annotation)[1])
    return ""


def _words_for(key: Any) -> str:
    pattern = next(
        (part.pattern for meta in get_args(key)[1:] for part in meta.metadata if hasattr(part, "pattern")), ""
    )
    return "CURRENCY" if "currency" in EXPECTED.get(pattern, "") else "NAME"


def _type(field: FieldInfo) -> str:
    words = _type_words(field.annotation)
    pattern = next((part.pattern for part in field.metadata if getattr(part, "pattern", None)), None)
    if pattern is not None:
        words = EXPECTED[pattern]
    bounds = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
        if getattr(part, name, None) is not None
    ]
    return f"{words}, {', '.join(bounds)}" if bounds else words


def _type_words(annotation: Any) -> str:  # noqa: PLR0911 - one return for each sort of type
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *rest = get_args(annotation)
        pattern = next(
            (part.pattern for meta in rest for part in getattr(meta, "metadata", ()) if getattr(part, "pattern", None)),
            None,
        )
        return EXPECTED[pattern] if pattern else _type_words(inner)
    if origin in (Union, types.UnionType):
        return _type_words(next(arg for arg in get_args(annotation) if arg is not type(None)))
    if origin is list:
        return f"list: {_type_words(get_args(annotation)[0])}"
    if origin is dict:
        return f"table: {_type_words(get_args(annotation)[1])}"
    words = get_args(annotation)
    if words:
        return ", ".join(f"`{word}`" for word in words)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "label" if "level" in annotation.model_fields else "table"
    return {"str": "text", "int": "whole number", "bool": "true or false", "Decimal": "number"}[annotation.__name__]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return f"`{value.level}`" if hasattr(value, "level") else ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | dict):
        return "`" + str(value).replace("'", '"') + "`" if value else ""
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"

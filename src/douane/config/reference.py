"""The JSON Schema of `douane.toml`, and the reference page, both made from the settings themselves."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from douane.config.fields import CURRENCY, EXPECTED
from douane.config.schema import Document
from douane.config.translate import models_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SIGNS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))

_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}

_INTRODUCTION = """\
# Configuration: `douane.toml`

This page is made from the settings themselves; `make docs` writes it anew.

Unknown settings are refused, with the nearest known name. `douane check` tells every problem at once, each with its
fix, and `douane check --schema` prints the JSON Schema for editors.

- `${NAME}` in a text stands for an environment variable that must be set, `${NAME:-text}` for one that may be missing
  or empty; `$${` stands for the characters themselves.
- `file:PATH` as `api_key` or `key` reads the secret from a file beside the configuration, without its last line break.
  Keep it readable by the gateway's user only.
- Paths are relative to the folder of the configuration.
- A label is a level, as in `"confidential"`, or `{ level = "confidential", compartments = ["pci"] }`.
- `rates.USD.EUR = { rate = 0.86, source = "...", date = "2026-10-01" }` is an exchange rate; it stands at the top of
  the file or below `[rates]`.
"""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration, before variables are put in.

    What settings mean together is beyond a schema: `douane check` tells that.
    """
    made = Document.model_json_schema()
    tidied: dict[str, Any] = _tidied(made, made["$defs"])
    return {"$schema": DIALECT, **tidied, "title": "Douane configuration"}


def _tidied(value: Any, tables: dict[str, Any]) -> Any:
    """Return a schema as TOML sees it: no null, numbers as numbers, only named keys, help at every setting."""
    if isinstance(value, list):
        return [_tidied(inner, tables) for inner in value]
    if not isinstance(value, dict):
        return value
    out = {
        name: _tidied(inner, tables) for name, inner in value.items() if name != "title" or not isinstance(inner, str)
    }
    kept = [one for one in out.get("anyOf", ()) if one.get("type") != "null"]
    if any(one.get("type") == "number" for one in kept):
        kept = kept[:1]  # the other is the same number as text, which TOML does not need
    if len(kept) == 1:
        del out["anyOf"]
        out = kept[0] | out
    elif kept:
        out["anyOf"] = kept
    for word in (
        _BOUNDS.keys() & out.keys()
    ):  # what a converted number is bounded by stands there in the library's words
        out[_BOUNDS[word]] = out.pop(word)
    if "patternProperties" in out:
        out["additionalProperties"] = False
    if "$ref" in out:
        out.setdefault("description", tables[out["$ref"].rpartition("/")[2]]["description"])
    default = out.get("default", "")
    if default is None or isinstance(default, dict):
        del out["default"]
    elif out.get("type") == "number" and default:
        out["default"] = float(default)
    return out


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
    return "CURRENCY" if _constraints(get_args(key)[1:])[0] == CURRENCY else "NAME"


def _constraints(metadata: Iterable[Any]) -> tuple[str | None, list[str]]:
    """Return the pattern and the bounds that an annotation carries."""
    parts = [part for meta in metadata for part in getattr(meta, "metadata", [meta])]
    pattern = next((part.pattern for part in parts if getattr(part, "pattern", None)), None)
    bounds = [f"{sign} {getattr(part, name)}" for part in parts for name, sign in _SIGNS if hasattr(part, name)]
    return pattern, bounds


def _type(field: FieldInfo) -> str:
    return _with_constraints(_type_words(field.annotation), field.metadata)


def _with_constraints(words: str, metadata: Iterable[Any]) -> str:
    pattern, bounds = _constraints(metadata)
    return ", ".join([EXPECTED[pattern] if pattern else words, *bounds])


def _type_words(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _with_constraints(_type_words(args[0]), args[1:])
    if origin in (Union, types.UnionType):
        return _type_words(next(arg for arg in args if arg is not type(None)))
    if origin in (list, dict):
        return f"{'list' if origin is list else 'table'}: {_type_words(args[-1])}"
    if args:
        return ", ".join(f"`{word}`" for word in args)
    if issubclass(annotation, BaseModel):
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

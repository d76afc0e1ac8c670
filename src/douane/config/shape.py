"""What of the tables is well formed, setting by setting, so that one reading tells everything that is wrong.

Rules enforced:
1. A setting that is not well formed is left out, or stood in for where it is required; what is beside it is still
   checked. Nothing of this is ever in force: whoever mends has recorded a problem first.
2. What was left out or stood in for is `spoilt`: `Problems` tells nothing more of it.
3. A table is left out whole only where it is no table, or where its name is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from douane.config.problems import Path, Problems, nearest
from douane.config.schema import Document
from douane.config.translate import Tables, Translator, bare, models_of, settings_at, step, value_at

STAND_IN = "not-well-formed--"
"""A name that nobody gives: whatever looks for it finds nothing."""

_REQUIRED: dict[str, Any] = {
    "level": "restricted",
    "clearance": "restricted",
    "zone": STAND_IN,
    "model": STAND_IN,
    "kind": STAND_IN,
    "deployments": [STAND_IN],
    "secret_sha256": "0" * 64,
    "name": "-",
    "family": "-",
    "source": "-",
    "date": "2000-01-01",
    "expires": "2000-01-01",
    "currency": "XXX",
    "per": "day",
    "amount": Decimal(1),
    "input": Decimal(1),
    "rate": Decimal(1),
    "file": "-",
    "key": "-",
}
"""A stand-in for each setting that a table must have; none of them is ever compiled into anything."""


def shape(tables: Tables, unread: Iterable[Path], problems: Problems) -> tuple[Document | None, frozenset[Path]]:
    """Return the well-formed settings, and the paths of what was left out or stood in for.

    `unread` are the paths of texts that could not be made, each told already. None where nothing is left to check.
    """
    seats = {_seat(tables, path) for path in unread}
    tables, spoilt = _mended(tables, {seat for seat in seats if _setting(seat)[1] is not None})
    try:
        return Document.model_validate(tables), frozenset(spoilt)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    unknown = {bare(one["loc"]) for one in errors if one["type"] == "extra_forbidden"}
    meant = set(filter(None, (_meant(tables, path) for path in unknown)))
    translator = Translator(tables, problems)
    for one in errors:
        translator.read(one)
    mended, more = _mended(tables, {_seat(tables, bare(one["loc"])) for one in errors})
    spoilt |= (more - unknown) | meant
    try:
        return Document.model_validate(mended), frozenset(spoilt)
    except ValidationError:
        return None, frozenset(spoilt)


def _meant(tables: Tables, path: Path) -> Path | None:
    """Return the setting that an unknown one was likely meant to be, where that is not given beside it."""
    if len(path) == 1:
        return None
    close = nearest(str(path[-1]), settings_at(path[:-1]))
    return (*path[:-1], close) if close is not None and close not in value_at(tables, path[:-1]) else None


def _mended(tables: Tables, seats: set[Path]) -> tuple[Tables, set[Path]]:
    """Return a copy of the tables that is mended at these places, and the places."""
    copy = deepcopy(tables)
    for seat in sorted(seats, key=len, reverse=True):
        parent, name = value_at(copy, seat[:-1]), seat[-1]
        field, _ = _setting(seat)
        if isinstance(parent, list):
            parent[int(name)] = STAND_IN
        elif field is not None and field.is_required():
            parent[name] = deepcopy(_REQUIRED[str(name)])
        else:
            parent.pop(name, None)
    return copy, seats


def _seat(tables: Tables, path: Path) -> Path:
    """Return where a fault at `path` is mended: at the setting itself, or at the smallest one around it that can be."""
    for length in range(1, len(path) + 1):
        parent, (_, annotation) = value_at(tables, path[: length - 1]), _setting(path[:length])
        if not isinstance(parent, dict | list):  # a label given as a bare word
            return path[: length - 1]
        if isinstance(parent, list) and not (length == len(path) and _is_text(annotation)):
            return path[: length - 1]
        if annotation is None:
            return path[: length - 1] if _is_leaf(path[: length - 1]) else path[:length]
    return path


def _setting(path: Path) -> tuple[FieldInfo | None, Any]:
    """Return the field at a path, where it is one, and what may stand there; None where the settings have no such."""
    annotation: Any = Document
    field: FieldInfo | None = None
    for part in path:
        annotation, field = step(annotation, part)
    return field, annotation


def _is_leaf(path: Path) -> bool:
    return models_of(_setting(path)[1]) is None


def _is_text(annotation: Any) -> bool:
    return annotation is str or (get_origin(annotation) is Annotated and get_args(annotation)[0] is str)

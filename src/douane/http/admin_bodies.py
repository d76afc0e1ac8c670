"""What the admin API takes: bodies in the words of the configuration, and their faults in ours.

The library's own error texts hold the input, so none is passed on: a fault is named by its kind and its place, and a
place by fields of this API alone (law 9).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from douane.config.fields import NAME, ROUTE_REFERENCE, LabelIn
from douane.errors import InvalidRequest
from douane.wire.strict_json import parse

_FREE_KEYS: Final = "*"
_MOST_FAULTS: Final = 8
_FAULTS: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "extra_forbidden": "is not known",
    "string_pattern_mismatch": "is not spelled as such names are",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
    "too_long": "has too many entries",
    "greater_than": "is too small",
    "less_than_equal": "is too large",
    "literal_error": "is none of the allowed words",
    "timezone_aware": "must be a date and time with an offset",
    "datetime_from_date_parsing": "must be a date and time with an offset",
    "datetime_parsing": "must be a date and time with an offset",
    "datetime_type": "must be a date and time with an offset",
}


def _exact(value: Any) -> Any:
    """Take a JSON number as the digits it was written in; nothing else counts as money."""
    return Decimal(str(value)) if type(value) in (int, float) else value


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NewLimits(_Body):
    """What a key may ask for; left out means no limit of that sort."""

    requests_per_minute: int | None = Field(default=None, gt=0, le=10**9)
    tokens_per_minute: int | None = Field(default=None, gt=0, le=10**12)
    concurrent: int | None = Field(default=None, gt=0, le=10**6)


class NewBudget(_Body):
    """What a key may spend, in units of its currency."""

    amount: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=1_000_000_000, decimal_places=6)]
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per: Literal["day", "month"]


class NewKey(_Body):
    """A virtual key to be made. Its secret is made here and shown once."""

    name: str = Field(pattern=NAME)
    owner: str | None = Field(default=None, pattern=NAME)
    routes: list[Annotated[str, Field(pattern=ROUTE_REFERENCE)]] | None = Field(default=None, max_length=1024)
    zones: list[Annotated[str, Field(pattern=NAME)]] | None = Field(default=None, max_length=1024)
    floor: LabelIn | None = None
    limits: NewLimits = NewLimits()
    budget: NewBudget | None = None
    expires: Annotated[AwareDatetime, BeforeValidator(_moment)] | None = None
    admin: bool = False


class Erasure(_Body):
    """Whose values are to be erased from the vault: an owner's, those of one subject, or both together."""

    owner: Annotated[str, Field(pattern=NAME)] | None = None
    subject: Annotated[str, Field(min_length=1, max_length=4096)] | None = None


class Block(_Body):
    """Why a deployment is blocked; for the people who read the log."""

    reason: str = Field(min_length=1, max_length=256)


T = TypeVar("T", bound=_Body)


def read(kind: type[T], body: bytes) -> T:
    """Return a body's value; raise InvalidRequest with every fault at once."""
    try:
        return kind.model_validate(parse(body))
    except ValidationError as error:
        raise _translate(kind, error) from None


def _translate(kind: type[_Body], error: ValidationError) -> InvalidRequest:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [_place(kind, fault["loc"]) for fault in found]
    said = [
        f"`{place}` {_FAULTS.get(fault['type'], 'is not valid')}" for place, fault in zip(places, found, strict=True)
    ]
    more = f", and {len(said) - _MOST_FAULTS} more" if len(said) > _MOST_FAULTS else ""
    return InvalidRequest(
        f"The body does not hold what is asked for: {', '.join(said[:_MOST_FAULTS])}{more}.",
        f"Fields of this body: {', '.join(kind.model_fields)}.",
        rule="Admin bodies are checked whole.",
        param=places[0] if len(places) == 1 else None,
    )


def _place(kind: type[_Body], loc: tuple[int | str, ...]) -> str:
    """Return a JSON pointer; a name that is no field of this API shows as `*`."""
    known = {name for model in (kind, NewLimits, NewBudget) for name in model.model_fields} | {"level", "compartments"}
    return "/" + "/".join(str(part) if isinstance(part, int) or part in known else _FREE_KEYS for part in loc)

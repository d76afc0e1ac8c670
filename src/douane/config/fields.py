"""What settings are made of: patterns and what they ask for, types with their bounds, labels as they are written.

Which settings there are is decided by `schema`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ROUTE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$"
ROUTE_REFERENCE = r"^(\*|[A-Za-z0-9][A-Za-z0-9._/:-]{0,127})$"
COMPARTMENT = r"^(\*|[a-z0-9][a-z0-9-]{0,63})$"
FINDING = r"^[A-Z][A-Z0-9_]{0,31}(:[a-z0-9][a-z0-9_.-]{0,63})?$"
CURRENCY = r"^[A-Z]{3}$"
COUNTRY = r"^[A-Z]{2}$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SHA256 = r"^[0-9A-Fa-f]{64}$"
HOST = r"^[A-Za-z0-9_.:\[\]-]{1,253}$"
MODEL_NAME = r"^[!-~]{1,256}$"
API_KEY = r"^[!-~]{1,4096}$"
REGISTERED = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
PROVIDER = r"^[a-z0-9][a-z0-9-]{0,63}$"

EXPECTED = {
    NAME: "a name of at most 64 letters, digits, `.`, `_` and `-`",
    ROUTE_NAME: "a name of at most 128 letters, digits, `.`, `_`, `/`, `:` and `-`",
    ROUTE_REFERENCE: "the name of a route, or `*` for every one",
    COMPARTMENT: "a compartment in lower-case letters, digits and `-`",
    FINDING: "a finding type such as `IBAN`, or `TYPE:detail` such as `MARK:tlp-red`",
    CURRENCY: "a currency as three capitals (ISO 4217), such as `EUR`",
    COUNTRY: "a country as two capitals (ISO 3166), such as `FR`",
    DATE: "an ISO date, such as `2026-10-01`",
    SHA256: "the SHA-256 of the secret, as 64 hexadecimal digits",
    HOST: "a host name or an IP address",
    MODEL_NAME: "a model's name of at most 256 visible ASCII characters",
    API_KEY: "an API key of at most 4096 visible ASCII characters, without spaces",
    REGISTERED: "a name of at most 64 lower-case letters, digits, `.`, `_` and `-`",
    PROVIDER: "a provider's name in lower-case letters, digits and `-`",
}
"""What a pattern asks for, in words."""


def _exact(value: Any) -> Any:
    return Decimal(value) if type(value) is int else value


def _label(value: Any) -> Any:
    return {"level": value} if isinstance(value, str) else value


def _iso_date(value: Any) -> Any:
    return value.isoformat() if type(value) is date else value


def _exists(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("not_a_day", "no such day") from None
    return value


def _moment(value: Any) -> Any:
    if type(value) is date:
        return value.isoformat()
    return value.isoformat() if isinstance(value, datetime) else value


Number = Annotated[Decimal, BeforeValidator(_exact)]
LevelWord = Literal["public", "internal", "confidential", "restricted"]
MappedLevel = Literal["public", "internal", "confidential", "restricted", "unknown"]
Compartment = Annotated[str, Field(pattern=COMPARTMENT)]
Currency = Annotated[str, Field(pattern=CURRENCY)]
IsoDate = Annotated[
    str,
    BeforeValidator(_iso_date),
    Field(pattern=DATE),
    AfterValidator(_exists),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Moment = Annotated[str, BeforeValidator(_moment), Field(max_length=64), WithJsonSchema({"type": "string"})]
Source = Annotated[str, Field(min_length=1, max_length=1024)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Text = Annotated[str, Field(min_length=1, max_length=256)]
PathText = Annotated[str, Field(min_length=1, max_length=4096)]
Name = Annotated[str, Field(pattern=NAME)]
RouteName = Annotated[str, Field(pattern=ROUTE_NAME)]


class Settings(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LabelTable(Settings):
    """A label: a level and the compartments it belongs to."""

    level: LevelWord = Field(description="How sensitive.")
    compartments: list[Compartment] = Field(
        default=[], max_length=64, description="Compartments that a zone must be cleared for."
    )


class MappedLabel(Settings):
    """The label of a finding type; the level `unknown` means whatever `policy.unknown` is."""

    level: MappedLevel = Field(description="How sensitive, or `unknown` for the label of `policy.unknown`.")
    compartments: list[Compartment] = Field(
        default=[], max_length=64, description="Compartments that a zone must be cleared for."
    )


LabelIn = Annotated[LabelTable, BeforeValidator(_label, json_schema_input_type=LevelWord | LabelTable)]
MappedLabelIn = Annotated[MappedLabel, BeforeValidator(_label, json_schema_input_type=MappedLevel | MappedLabel)]
FindingMap = Annotated[dict[Annotated[str, Field(pattern=FINDING)], MappedLabelIn], Field(max_length=1024)]

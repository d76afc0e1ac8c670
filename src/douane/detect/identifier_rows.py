"""The rows of national numbers and the words that announce them (data/detectors/identifiers.toml), decoded.

The file's head tells what the fields mean. A row that does not decode is refused by `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

COUNTS: Final = ("alone", "grouped", "named")
REACH: Final = 300
_KEYS: Final = "keys"
"""Stands in the place of a language."""


@dataclass(frozen=True, slots=True)
class Quick:
    """A sum that digits pass: that of Luhn over the first `luhn` of them, or a weighted one, of their codes."""

    luhn: int = 0
    weights: tuple[int, ...] = ()
    modulus: int = 1
    remainders: tuple[int, ...] = ()
    distinct: tuple[int, ...] = ()
    """How many different digits there may be before the last one."""


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """A national number, of `digits` or of a `pattern`."""

    type: str
    detail: str
    check: str
    digits: tuple[str, ...]
    pattern: str
    probe: str
    width: int
    apart: bool
    form: str
    bare: str
    counts: str
    reach: int
    chance: float
    quick: Quick | None


@dataclass(frozen=True, slots=True)
class WordRows:
    """Keywords of all languages by type, words for other things, words that say nothing, and those for owners.

    A keyword that keys hold as a part begins with `+`.
    """

    keywords: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...]
    connectors: tuple[str, ...]
    owners: tuple[str, ...]


def identifier_rows(table: Mapping[str, Any]) -> tuple[IdentifierRow, ...]:
    """Return the rows of the parsed file; raise KeyError, TypeError or ValueError where one does not decode."""
    rows = tuple(_row(row) for row in table["identifier"])
    for row in rows:
        if row.type not in table["keyword"]:
            raise KeyError(row.type)
    return rows


def word_rows(table: Mapping[str, Any]) -> WordRows:
    """Return the words of the parsed file."""
    keywords = {
        kind: tuple(
            dict.fromkeys("+" * (language == _KEYS) + word for language, words in languages.items() for word in words)
        )
        for kind, languages in table["keyword"].items()
    }
    other = table["other"]
    return WordRows(keywords, tuple(other["words"]), tuple(other["connectors"]), tuple(other["owners"]))


def _row(row: Mapping[str, Any]) -> IdentifierRow:
    counts = row["counts"]
    if counts not in COUNTS or ("digits" in row) == ("pattern" in row):
        raise ValueError(row["type"])
    return IdentifierRow(
        row["type"], row.get("detail", ""), row["check"], tuple(row.get("digits", ())), row.get("pattern", ""),
        row.get("probe", ""), row.get("width", 0), row.get("apart", True),
        row.get("form", ""), row.get("bare", ""), counts,
        row.get("reach", REACH), row.get("chance", 0.0), _quick(row["quick"]) if "quick" in row else None,
    )  # fmt: skip


def _quick(quick: Mapping[str, Any]) -> Quick:
    if "luhn" in quick:
        return Quick(luhn=quick["luhn"])
    if "distinct" in quick:
        return Quick(distinct=tuple(quick["distinct"]))
    return Quick(0, tuple(quick["weights"]), quick["modulus"], tuple(quick.get("remainders", (0,))))

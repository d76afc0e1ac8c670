"""The rows that tell names, addresses and births (data/detectors/people.toml), decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

ORDERS: Final = ("number word name", "number name word", "number name Word", "word name number", "compound number")
_LANGUAGES: Final = ("fr", "en", "de", "es", "it", "nl", "pl", "pt")


@dataclass(frozen=True, slots=True)
class PeopleRows:
    """Words by what they tell; `streets` by the order in which an address has them."""

    births: tuple[str, ...]
    months: tuple[str, ...]
    streets: Mapping[str, tuple[str, ...]]
    residence: tuple[str, ...]
    titles: tuple[str, ...]
    cues: tuple[str, ...]
    fields: tuple[str, ...]
    others: frozenset[str]
    firms: frozenset[str]
    given: tuple[str, ...]
    mailboxes: frozenset[str]


def people_rows(table: Mapping[str, Any]) -> PeopleRows:
    """Return the rows of the parsed file; raise KeyError, TypeError or ValueError where one does not decode."""
    streets: dict[str, tuple[str, ...]] = {}
    for row in table["street"]:
        if row["order"] not in ORDERS:
            raise ValueError(row["order"])
        streets[row["order"]] = (*streets.get(row["order"], ()), *row["words"])
    return PeopleRows(
        births=_all(table["birth"]),
        months=_all(table["months"]),
        streets=streets,
        residence=tuple(table["residence"]["words"]),
        titles=tuple(table["titles"]["words"]),
        cues=_all(table["cues"]),
        fields=tuple(table["fields"]["words"]),
        others=frozenset(word.casefold() for word in table["others"]["words"]),
        firms=frozenset(table["firms"]["words"]),
        given=tuple(dict.fromkeys(name for row in table["given"] for name in row["names"])),
        mailboxes=frozenset(table["mailboxes"]["domains"]),
    )


def _all(languages: Mapping[str, Any]) -> tuple[str, ...]:
    words: Iterable[str] = (word for language in _LANGUAGES for word in languages.get(language, ()))
    return tuple(dict.fromkeys(words))

"""The words that reading for names goes by, from rows: data/names/words.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Words(NamedTuple):
    """`before` stands in front of a name and is none of it; `common` tells a language by its words."""

    before: frozenset[str]
    common: Mapping[str, frozenset[str]]


def words_of(rows: Mapping[str, Any]) -> Words:
    """Return the words of parsed rows."""
    lists = (rows["titles"], *rows["no_names"].values())
    return Words(
        frozenset([word for words in lists for word in words]),
        {tongue: frozenset(words) for tongue, words in rows["common"].items()},
    )

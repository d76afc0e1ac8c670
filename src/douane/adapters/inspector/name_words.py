"""The shipped words that reading for names goes by."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from douane.detect.names.words import Words, words_of


def shipped_words() -> Words:
    """Return the words of data/names."""
    text = files("douane").joinpath("data", "names", "words.toml").read_text(encoding="utf-8")
    return words_of(tomllib.loads(text))

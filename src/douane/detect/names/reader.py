"""Reads a body for names of persons: which leaves hold running text, and where in them a name stands.

Rules enforced:
1. Every string that is more than one word is read, to its end; keys, numbers and single words are for the patterns.
2. Nothing of a text leaves but places (law 9).

What finds the names is handed in; by when it has to, and what is remembered for whom, is left to the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from douane.core.finding import Finding
from douane.detect.names import LAYER
from douane.detect.names.readable import Readable
from douane.detect.names.spans import Span, joined, names_in
from douane.detect.names.words import Words
from douane.detect.walk import pointer, walk

CONFIDENCE: Final = 0.5

Find = Callable[[str], Iterable[Span]]


def read(value: Any, find: Find, words: Words) -> tuple[Finding, ...]:
    """Return where names stand in a JSON value or a bare text, by what `find` sees in pieces of it."""
    document = walk(value)
    found: dict[int, Sequence[Span]] = {}
    for number, leaf in enumerate(document.leaves):
        if _is_running(leaf) and (spans := _names(leaf, find, words)):
            found[number] = spans
    paths = document.paths(found)
    return tuple(
        [
            Finding("PERSON", pointer(paths[number].words), start, end, CONFIDENCE, LAYER)
            for number, spans in found.items()
            if not paths[number].is_key
            for start, end in spans
        ]
    )


def _names(leaf: str, find: Find, words: Words) -> list[Span]:
    readable = Readable(leaf)
    places: list[Span] = []
    for piece in readable.pieces():
        names = names_in(piece.text, find(piece.text), words.before)
        places += [readable.place(piece.start + start, piece.start + end) for start, end in names]
    return joined(places)


def _is_running(leaf: str) -> bool:
    """Tell whether a leaf is more than one word. One that ends as a key does may be a value: its path tells."""
    return len(leaf.split(None, 1)) > 1

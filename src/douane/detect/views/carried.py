"""Text that goes on from one piece to the next: both sides of each seam, put together.

Between two digits it is put together twice, with a blank and without: nobody knows where the groups were cut. Only what
crosses the seam counts; it is told in the later piece, by the part that lies there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from douane.detect.seams import Seam, Words
from douane.detect.text import Text
from douane.detect.views.extract import Extract
from douane.detect.walk import Document

NAME = "carried"


class LeafStarts:
    """Where in the joined leaves a leaf begins, by its path; learnt only when something was found."""

    __slots__ = ("_document", "_starts", "_text")

    def __init__(self, document: Document, text: Text) -> None:
        self._document = document
        self._text = text
        self._starts: dict[Words, int] = {}

    def of(self, words: Words) -> int:
        """Return a leaf's first byte."""
        if not self._starts:
            paths = self._document.paths(range(len(self._document.leaves)))
            self._starts = {path.words: self._text.start_of(leaf) for leaf, path in paths.items() if not path.is_key}
        return self._starts[words]


class Crossing:
    """The way back of what crosses a seam: its part after the seam, whose extract has `gap` bytes between."""

    __slots__ = ("_at", "_gap", "_starts", "_words")

    def __init__(self, at: int, gap: int, words: Words, starts: LeafStarts) -> None:
        self._at = at
        self._gap = gap
        self._words = words
        self._starts = starts

    def __call__(self, start: int, end: int) -> tuple[int, int] | None:
        at = self._at
        if not (start < at and at + self._gap < end):
            return None
        first = self._starts.of(self._words)
        return first, first + end - at - self._gap


def carried(seams: Sequence[Seam], document: Document, text: Text) -> Iterator[Extract]:
    """Yield both sides of each seam, put together."""
    return _extracts(seams, LeafStarts(document, text))


def _extracts(seams: Iterable[Seam], starts: LeafStarts) -> Iterator[Extract]:
    for before, after, words in seams:
        left, right = _encoded(before), _encoded(after)
        yield Extract(NAME, left + right, Crossing(len(left), 0, words, starts), 0)
        if before[-1].isdigit() and after[0].isdigit():
            yield Extract(NAME, b"%b %b" % (left, right), Crossing(len(left), 1, words, starts), 0)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").replace(b"\x00", b" ")

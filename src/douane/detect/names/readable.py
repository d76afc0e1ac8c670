"""A leaf as a model of language gets it: in pieces of a bounded length, JSON's escapes undone, without what costs much.

Rules enforced:
1. Whatever is changed, each sign's place in the original is known. Pseudonyms of ours are blanks.
2. A piece is short, and pieces overlap: a name at a cut is whole in one of them. What a model spends on a long word
   grows with the square of its length, so a long one is cut at its punctuation.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

import orjson

from douane.core.pseudonym import PLACEHOLDER

PIECE_CHARS: Final = 1500
OVERLAP_CHARS: Final = 80
LONGEST_WORD_CHARS: Final = 60
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[^u])", re.DOTALL)
_SAID: Final = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}
_LONG: Final = re.compile(rf"\S{{{LONGEST_WORD_CHARS + 1},}}")
_NO_WORD: Final = re.compile(r"[^\w\n]|_")
_UNREADABLE: Final = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f]")


class Piece(NamedTuple):
    """A stretch of a leaf's view that begins at `start`."""

    start: int
    text: str


class Readable:
    """A leaf's view. `pieces` are to be read, `place` tells where a stretch of the view stands in the leaf."""

    __slots__ = ("_at", "_shift", "text")

    def __init__(self, leaf: str) -> None:
        self._at = [0]
        self._shift = [0]
        text = self._unescaped(leaf) if "\\" in leaf and _is_json(leaf) else leaf
        text = PLACEHOLDER.sub(lambda ours: " " * len(ours[0]), _UNREADABLE.sub(" ", text))
        self.text = _LONG.sub(lambda word: _NO_WORD.sub(" ", word[0]), text)

    def pieces(self) -> Iterator[Piece]:
        """Yield the view in pieces that hold letters."""
        text, start, end = self.text, 0, 0
        while end < len(text):
            end = _cut(text, start)
            piece = text[start:end]
            if piece.lower() != piece.upper():
                yield Piece(start, piece)
            again = _after_blank(text, start, end - OVERLAP_CHARS)
            start = again if again is not None and end < len(text) else end

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of the view stands in the leaf."""
        return self._original(start), self._original(end)

    def _original(self, at: int) -> int:
        return at + self._shift[bisect_right(self._at, at) - 1]

    def _unescaped(self, leaf: str) -> str:
        done, at, length = [], 0, 0
        for escape in _ESCAPE.finditer(leaf):
            word = escape[0]
            said = chr(int(word[2:], 16)) if word[1] == "u" else _SAID.get(word[1], word[1])
            done += [leaf[at : escape.start()], said]
            length += escape.start() - at + 1
            at = escape.end()
            self._at.append(length)
            self._shift.append(at - length)
        return "".join([*done, leaf[at:]])


def _cut(text: str, start: int) -> int:
    """Return where a piece ends: at the end of the text, or at the last blank of what a piece may hold."""
    end = start + PIECE_CHARS
    if end >= len(text):
        return len(text)
    return _after_blank(text, end - OVERLAP_CHARS, end) or end


def _after_blank(text: str, start: int, end: int) -> int | None:
    """Return where the last blank of a stretch ends, or None where it has none."""
    return next((at + 1 for at in range(end - 1, start - 1, -1) if text[at].isspace()), None)


def _is_json(leaf: str) -> bool:
    if leaf.lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(leaf)
    except orjson.JSONDecodeError:
        return False
    return True

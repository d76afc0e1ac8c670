"""What is remembered of a conversation, and how an answer tells which one it belongs to (law 3).

Rules enforced:
1. A mark only rises: labels join; of the layers that read its turns, those stay that read every one. Masked forms have
   a mark of their own, since theirs are the only turns that a zone has got that masks.
2. An answer tells its conversation by its text: 64 characters of it at least, 1,024 at most, spaces made equal. What a
   caller wrote tells nothing: a prompt is shared by many.
3. Of an answer that was cut off nobody knows how much arrived: several of its beginnings tell its conversation.

Digests, bounds and age are the adapter's matter; which fields hold an answer, `wire`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple
from unicodedata import normalize

from douane.core.label import Label

SHORTEST: Final = 64
LONGEST: Final = 1024
MOST_READ: Final = 4 * LONGEST
"""So many characters of a text are looked at: enough for `LONGEST` where three of four are spaces."""
_BEGINNINGS: Final = (64, 128, 256, 512)
_THOUGHT: Final = "<think>"
_THOUGHT_END: Final = "</think>"


class NameKind(bytes, Enum):
    """By what a conversation is known again: the caller's word for it, a response's identifier, an answer's text."""

    CALLER = b"c"
    RESPONSE = b"r"
    ANSWER = b"a"
    BEGINNING = b"b"


class Mark(NamedTuple):
    """The highest label that a conversation has had, and the layers that its label counts for every turn.

    `masked` and `masked_layers` are the same of what zones could get of it that mask: of a turn's masked form, or of
    the turn itself where it has none. That holds for zones that may mask all of `masked_types`.
    """

    label: Label
    layers: frozenset[str]
    masked: Label
    masked_layers: frozenset[str]
    masked_types: frozenset[str] = frozenset()

    @classmethod
    def of(cls, label: Label, layers: Iterable[str]) -> Mark:
        """Return the mark of a turn that is masked for no zone."""
        counted = frozenset(layers)
        return cls(label, counted, label, counted)

    def joined(self, other: Mark) -> Mark:
        """Return the mark of both."""
        if other is self or other == self:
            return self
        return Mark(
            self.label | other.label,
            self.layers & other.layers,
            self.masked | other.masked,
            self.masked_layers & other.masked_layers,
            self.masked_types | other.masked_types,
        )


class Recalled(NamedTuple):
    """What is remembered of a request's conversations: their joined mark, and a name of each."""

    mark: Mark
    names: tuple[bytes, ...]


def spoken(text: str) -> str:
    """Return what an answer is known by; "" where it is too short for that.

    >>> len(spoken("So it is. " * 7)), spoken("So it is.")
    (69, '')
    """
    if len(text) < SHORTEST:
        return ""
    if text.startswith(_THOUGHT):
        thought, _, said = text.partition(_THOUGHT_END)
        text = said or thought
    plain = " ".join(normalize("NFC", text[:MOST_READ]).split())[:LONGEST]
    return plain if len(plain) >= SHORTEST else ""


def beginnings(said: str) -> list[str]:
    """Return the beginnings by which an answer that was cut off is known, of what `spoken` returned of it."""
    return [said[:length] for length in _BEGINNINGS if length <= len(said)]


class Gathered:
    """The text of one streamed choice, as much of it as `spoken` looks at. Thoughts, which callers leave out, go."""

    __slots__ = ("text",)

    def __init__(self) -> None:
        self.text = ""

    @property
    def is_full(self) -> bool:
        return len(self.text) >= MOST_READ

    def add(self, piece: str) -> None:
        """Take the next piece."""
        if self.is_full:
            return
        self.text += piece
        if self.text.startswith(_THOUGHT):
            _, ended, said = self.text.partition(_THOUGHT_END)
            self.text = said if ended else _THOUGHT + self.text[len(_THOUGHT) :][-len(_THOUGHT_END) :]

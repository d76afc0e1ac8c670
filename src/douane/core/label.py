"""Labels and clearances: the lattice that decides where content may go (law 3).

A label is a level and a set of compartments. Join is (max, union); `a <= b` is the lattice order.
A clearance is what a zone may take: every label at or below it. `*` clears for every compartment, known or future.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce

COMPARTMENTS: frozenset[str] = frozenset(
    {"pci", "health", "gdpr-art9", "gdpr-art10", "credential", "legal-privilege", "mnpi", "fr-dr", "classified",
     "tlp-green", "tlp-amber", "tlp-amber-strict", "tlp-red"}
)  # fmt: skip
"""The compartments that Douane itself assigns. A configuration may name further ones."""


class Level(IntEnum):
    """How sensitive: public < internal < confidential < restricted."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @classmethod
    def parse(cls, word: str) -> Level | None:
        """Return the level of a lower-case word, or None where the word is none of the four."""
        return _BY_WORD.get(word)

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS = tuple(level.name.lower() for level in Level)
_BY_WORD = {level.name.lower(): level for level in Level}


@dataclass(frozen=True, slots=True)
class Label:
    """What a piece of content is: a level and the compartments it belongs to."""

    level: Level
    compartments: frozenset[str] = frozenset()

    def __le__(self, other: Label) -> bool:
        return self.level <= other.level and self.compartments <= other.compartments

    def __or__(self, other: Label) -> Label:
        """Join: the lowest label that is at least both."""
        if other is self or other <= self:
            return self
        if self <= other:
            return other
        return Label(max(self.level, other.level), self.compartments | other.compartments)

    def __str__(self) -> str:
        if not self.compartments:
            return self.level.word
        return f"{self.level.word} {{{', '.join(sorted(self.compartments))}}}"


PUBLIC = Label(Level.PUBLIC)
RESTRICTED = Label(Level.RESTRICTED)


def join(labels: Iterable[Label]) -> Label:
    """Join any number of labels; of none: public, the bottom of the lattice."""
    return reduce(Label.__or__, labels, PUBLIC)


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a zone may take: labels up to `level` whose compartments it lists, or any where `every_compartment`."""

    level: Level
    compartments: frozenset[str] = frozenset()
    every_compartment: bool = False

    def permits(self, label: Label) -> bool:
        return label.level <= self.level and (self.every_compartment or label.compartments <= self.compartments)

    def __str__(self) -> str:
        marks = "*" if self.every_compartment else ", ".join(sorted(self.compartments))
        return f"{self.level.word} {{{marks}}}" if marks else self.level.word

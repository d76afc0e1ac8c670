"""What a pattern of `re` says, as a tree small enough to reason about: signs, sequences, choices, repeats, looks.

Signs are sets over an alphabet that stands for all of them: every byte, or the characters that the pattern tells apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _compiler, _constants, _parser
from typing import Any

MANY = int(_constants.MAXREPEAT)
_ALONE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}
_USUAL = "".join(map(chr, range(0x180))) + "\u0301\u0660\u2003\u2019\u20ac\u4e00\uff21\U0001f600"


@dataclass(frozen=True, slots=True, eq=False)
class Sign:
    """One sign out of a set."""

    signs: frozenset[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    ways: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`kind` is greedy, lazy or possessive."""

    body: Any
    least: int
    most: int
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Atomic:
    body: Any


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What must, or must not, stand after here, or before: then of `width` signs."""

    body: Any
    wanted: bool
    width: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The beginning, the end, a line's, a word's."""

    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    number: int
    body: Any


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """What a group held."""

    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    root: Any
    alphabet: tuple[Any, ...]
    words: frozenset[Any]

    @property
    def of_bytes(self) -> bool:
        return isinstance(self.alphabet[0], int)


def tree(pattern: str | bytes, flags: int = 0) -> Tree:
    """Return what a pattern says."""
    parsed = _parser.parse(pattern, flags)
    alphabet: tuple[Any, ...] = tuple(range(256))
    if isinstance(pattern, str):
        odd = {chr(code) for code in _codes(parsed) if 0 <= code < 0x110000}
        alphabet = tuple(sorted({*_USUAL, *odd}))
    reader = _Reader(alphabet, parsed.state.flags)
    word = re.compile(rb"\w" if isinstance(pattern, bytes) else r"\w", flags & re.ASCII)
    words = frozenset(sign for sign in alphabet if word.match(bytes((sign,)) if isinstance(sign, int) else sign))
    return Tree(reader.row(parsed, parsed.state.flags), alphabet, words)


def _codes(parsed: Any) -> Iterator[int]:
    """Yield the numbers of a parsed pattern and of their neighbours: more than its characters, never fewer."""
    if isinstance(parsed, int):
        yield from (max(0, int(parsed) - 1), int(parsed), int(parsed) + 1)
    elif isinstance(parsed, (tuple, list)) or hasattr(parsed, "data"):
        for part in getattr(parsed, "data", parsed):
            yield from _codes(part)


class _Reader:
    def __init__(self, alphabet: tuple[Any, ...], flags: int) -> None:
        self._alphabet = alphabet
        self._state = _parser.State()
        self._state.flags = flags
        self._known: dict[str, Sign] = {}

    def row(self, parsed: Any, flags: int) -> Any:
        parts = tuple(self._part(op, value, flags) for op, value in parsed)
        return parts[0] if len(parts) == 1 else Row(parts)

    def _part(self, op: Any, value: Any, flags: int) -> Any:
        name = str(op)
        if name in _ALONE:
            return self._sign(op, value, flags)
        match name:
            case "BRANCH":
                return Choice(tuple(self.row(way, flags) for way in value[1]))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                kind = {"MAX": "greedy", "MIN": "lazy", "POSSESSIVE": "possessive"}[name.split("_")[0]]
                return Repeat(self.row(value[2], flags), int(value[0]), int(value[1]), kind)
            case "SUBPATTERN":
                number, added, taken, body = value
                inner = self.row(body, (flags | added) & ~taken)
                return inner if number is None else Group(number, inner)
            case "ATOMIC_GROUP":
                return Atomic(self.row(value, flags))
            case "ASSERT" | "ASSERT_NOT":
                direction, body = value
                width = body.getwidth()[0] if direction < 0 else None
                return Look(self.row(body, flags), name == "ASSERT", width)
            case "AT":
                kind = {"AT_BEGINNING_STRING": "first", "AT_END_STRING": "last", "AT_BOUNDARY": "edge",
                        "AT_NON_BOUNDARY": "inside", "AT_BEGINNING": "begin", "AT_END": "end"}[str(value)]  # fmt: skip
                return Place(kind + "s" if kind in ("begin", "end") and flags & re.MULTILINE else kind)
            case "GROUPREF":
                return Again(int(value))
        raise NotImplementedError(name)

    def _sign(self, op: Any, value: Any, flags: int) -> Sign:
        key = f"{op} {value} {flags}"
        found = self._known.get(key)
        if found is None:
            one = _compiler.compile(_parser.SubPattern(self._state, [(op, value)]), flags & ~re.VERBOSE)
            as_text = (lambda sign: bytes((sign,))) if isinstance(self._alphabet[0], int) else str
            found = self._known[key] = Sign(frozenset(s for s in self._alphabet if one.match(as_text(s))))
        return found

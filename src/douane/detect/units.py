"""A request's body cut into units that can be scanned, and remembered, one by one: its messages, and the rest.

Rules enforced:
1. Every leaf of the body is a leaf of exactly one unit.
2. A unit says what it follows and what stands around it: the tails that are carried to it, and the words within
   `AROUND` characters, by which a number is told from another, are part of what is scanned, so of what is remembered.
3. What only all units together tell (a list of people) is told when they are joined, from sealed values: no value
   leaves a scan (law 9). A seal is keyed, so that it says nothing to whoever reads it.
4. Joined, the units' findings hold every type that one scan of the whole body finds. They may hold more: a column of
   ids, by which a number is told from a card, is one of the unit's own.

What is remembered, for whom and for how long, is left to the adapter that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from douane.core.finding import Finding, Inspection
from douane.detect.seams import LISTS, NOTHING_CARRIED, Carried, Streams, pieces, role_of
from douane.detect.walk import pointer, walk
from douane.detect.whole import MOST_PER_TYPE, together

AROUND: Final = 384
LEAF_END: Final = "\x00"
"""What stands between the leaves of a body (`text`): what is around a unit looks as it does there."""
"""Further than any keyword reaches to a number: 300 bytes, and the keyword."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A message, or (`word` empty) the body with its messages' words alone. `pointer` leads to it from the body.

    `around` is the end of what stands before it and the beginning of what follows; what is found there counts in the
    units whose it is; so do the words that stand in place of `lists` in the rest of a body. Two units are scanned alike
    where all but `pointer` is equal: that is what a digest must cover.
    """

    pointer: str
    word: str
    value: Any
    carried: Carried = NOTHING_CARRIED
    around: tuple[str, str] = ("", "")
    lists: tuple[str, ...] = ()

    @property
    def alone(self) -> Any:
        """Return what is scanned: the unit where it stands in a body, with what is around it."""
        return {self.word: [self.around[0], self.value, self.around[1]]} if self.word else self.value

    @property
    def around_chars(self) -> int:
        """Return how many characters of `alone` are other units'."""
        return sum(map(len, self.around)) if self.word else sum(len(self.value[word]) for word in self.lists)

    def owns(self, place: str) -> bool:
        """Tell whether a place in `alone` is the unit's."""
        if self.word:
            return place.startswith((f"/{self.word}/1/", f"/{self.word}/1~")) or place == f"/{self.word}/1"
        return place[1:] not in self.lists


@dataclass(frozen=True, slots=True)
class UnitInspection:
    """What scanning one unit gave: an inspection whose pointers begin at the unit.

    `sealed` holds, for each finding that matters together with others, its number and its sealed value.
    """

    findings: tuple[Finding, ...]
    sealed: tuple[tuple[int, bytes], ...]
    layers: tuple[str, ...]
    detectors: str
    cut: bool
    chars: int


def units(body: Any) -> list[Unit]:
    """Cut a body into the items of its lists of messages, in order, and the rest of it as the first unit."""
    if type(body) is not dict:
        return [Unit("", "", body)]
    lists = [word for word in LISTS if _holds_messages(body.get(word))]
    ends, beginnings, words = _words_around(body, lists)
    rest = {word: words.get(word, value) for word, value in body.items()}
    found = [Unit("", "", rest, lists=tuple(lists))]
    streams = Streams.before_messages(body)
    for word in lists:
        for number, item in enumerate(body[word]):
            role = role_of(item)
            around = ends[word, number], beginnings[word, number]
            found.append(Unit(pointer((word, number)), word, item, streams.carried(role), around))
            for _, text in pieces(item):
                streams.say(role, text, ())
    return found


_At: TypeAlias = tuple[str, int]


def _words_around(body: dict[str, Any], lists: list[str]) -> tuple[dict[_At, str], dict[_At, str], dict[str, str]]:
    """Return what stands before and after each message, and each list's own words at its ends."""
    parts: list[tuple[_At, str, str]] = []
    for word, value in body.items():
        if word in lists:
            parts += [((word, number), *_ends(item)) for number, item in enumerate(value)]
        else:
            parts.append(((word, -1), *_ends({word: value})))
    before: dict[_At, str] = {}
    said = ""
    for at, _, end in parts:
        before[at] = said
        said = end if len(end) == AROUND else f"{said}{LEAF_END}{end}"[-AROUND:]
    after: dict[_At, str] = {}
    said = ""
    for at, beginning, _ in reversed(parts):
        after[at] = said
        said = beginning if len(beginning) == AROUND else f"{beginning}{LEAF_END}{said}"[:AROUND]
    words = {}
    for word in lists:
        own = [part for part in parts if part[0][0] == word]
        all_of_it = LEAF_END.join([start if len(start) < AROUND else start + end for _, start, end in own])
        is_short = len(all_of_it) <= 2 * AROUND
        words[word] = all_of_it if is_short else f"{all_of_it[:AROUND]}{LEAF_END}{all_of_it[-AROUND:]}"
    return before, after, words


def _ends(value: Any) -> tuple[str, str]:
    """Return how a value's leaves begin and end, joined as they are scanned; the same twice where they are short."""
    if type(value) is dict and len(value) == 2:
        role, text = value.get("role"), value.get("content")
        if type(role) is str and type(text) is str and len(text) >= AROUND and next(iter(value)) == "role":
            return f"{role}{LEAF_END}{text[:AROUND]}"[:AROUND], text[-AROUND:]
    text = LEAF_END.join(walk(value).leaves)
    return text[:AROUND], text[-AROUND:]


def _holds_messages(items: Any) -> bool:
    """Tell whether a list can be cut: of token ids only the whole list tells what they are."""
    return type(items) is list and all(type(item) in (dict, str) for item in items)


def joined(cut: Sequence[Unit], seen: Sequence[UnitInspection]) -> Inspection:
    """Return the inspection of the body that the units were cut from, in the units' order.

    Raises ValueError where there are not as many inspections as units: what was not scanned was not read (law 2).
    """
    if not seen or len(cut) != len(seen):
        raise ValueError("a body has as many inspections as units")
    findings: list[Finding] = []
    values: list[tuple[int, str, bytes]] = []
    counts: dict[str, int] = {}
    more = False
    for unit, inspected in zip(cut, seen, strict=True):
        numbers: dict[int, int] = {}
        for number, found in enumerate(inspected.findings):
            if found.type == "BULK":
                continue
            count = counts[found.type] = counts.get(found.type, 0) + 1
            if count > MOST_PER_TYPE:
                more = True
                continue
            numbers[number] = len(findings)
            findings.append(found._replace(pointer=unit.pointer + found.pointer))
        values += [
            (numbers[number], findings[numbers[number]].type, seal)
            for number, seal in inspected.sealed
            if number in numbers
        ]
    for told in together(values):
        at = findings[told.number]
        findings.append(Finding(told.type, at.pointer, at.start, at.end, told.confidence, told.detector, told.detail))
    return Inspection(
        tuple(findings),
        tuple(dict.fromkeys(layer for inspected in seen for layer in inspected.layers)),
        seen[0].detectors,
        more or any(inspected.cut for inspected in seen),
        sum(inspected.chars for inspected in seen),
    )

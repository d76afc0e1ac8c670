"""A request's body cut into units that can be scanned, and remembered, one by one: its messages, and the rest.

Rules enforced:
1. Every leaf of the body is a leaf of exactly one unit.
2. A unit says what it follows: the tails that are carried to it are part of what is scanned, so of what is remembered.
3. What only all units together tell (a list of people) is told when they are joined, from sealed values: no value
   leaves a scan (law 9). A seal is keyed, so that it says nothing to whoever reads it.
4. Joined, the units' findings hold every type that one scan of the whole body finds. They may hold more: a column of
   ids, by which a number is told from a card, is one of the unit's own.

What is remembered, for whom and for how long, is left to the adapter that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from douane.core.finding import Finding, Inspection
from douane.detect.seams import LISTS, NOTHING_CARRIED, Carried, Streams, pieces, role_of
from douane.detect.walk import pointer
from douane.detect.whole import MOST_PER_TYPE, together


@dataclass(frozen=True, slots=True)
class Unit:
    """A message, or (`word` empty) the body without its messages. `pointer` leads to it from the body.

    Two units are scanned alike where `word`, `value` and `carried` are equal: these are what a digest must cover.
    """

    pointer: str
    word: str
    value: Any
    carried: Carried = NOTHING_CARRIED


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
    rest = {word: value for word, value in body.items() if word not in lists}
    found = [Unit("", "", rest)]
    streams = Streams.before_messages(body)
    for word in lists:
        for number, item in enumerate(body[word]):
            role = role_of(item)
            found.append(Unit(pointer((word, number)), word, item, streams.carried(role)))
            for _, text in pieces(item):
                streams.say(role, text, (), [])
    return found


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

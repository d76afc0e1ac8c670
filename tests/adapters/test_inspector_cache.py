"""Findings that are remembered by message: what is found is what a scan of the whole finds, for its owner alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from copy import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_detectors import SETTINGS, shipped_inspector, shipped_scanner

from douane import config
from douane.adapters.inspector.cache import UnitCache
from douane.adapters.inspector.inspector import MOST_NEW, ScanningInspector
from douane.core.finding import Failure, Inspection
from douane.detect.scanner import Scanner
from douane.detect.settings import DetectorSettings
from douane.detect.units import Unit, units

PIECES = (
    "jean.dupont@exemple.fr ", "06 12 34 56 78 ", "FR76 3000 6000 ", "0112 3456 7890 189 ", "4970101234567893 ",
    "numéro de sécurité sociale ", "2 69 05 49 588 157 80 ", "BSN ", "111222333 ", "M. Jean Martin ", "né le 12/03/1980 ",
    "password: ", "Tr0ub4dor&3 ", "TLP:RED ", "Bonjour. ", "\n", "order no. ",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
CHAT = st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), TEXT), min_size=1, max_size=9)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return shipped_scanner()


@pytest.fixture(scope="module")
def inspector() -> Iterator[ScanningInspector]:
    made = shipped_inspector(cached_from_bytes=0)
    yield made
    asyncio.run(made.aclose())


def body_of(messages: list[tuple[str, str]]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": text} for role, text in messages], "user": "u"}


def look(inspector: ScanningInspector, body: dict[str, Any], owner: str = "one") -> Inspection:
    found = asyncio.run(inspector.inspect(body, len(orjson.dumps(body)), owner))
    assert isinstance(found, Inspection)
    return found


@settings(max_examples=200, deadline=None)
@given(CHAT, st.randoms(use_true_random=False))
def test_a_chat_that_grows_shows_at_least_what_one_scan_of_it_shows(
    inspector: ScanningInspector, scanner: Scanner, chat: list[tuple[str, str]], rng: random.Random
) -> None:
    for turns in range(1, len(chat) + 1):
        said = [one for one in chat[:turns] if rng.random() < 0.9]
        whole = scanner.scan(body_of(said))
        for _ in ("as it comes", "once its messages are known"):
            found = look(inspector, body_of(said))
            assert set(whole.causes) <= set(found.causes)
            assert (found.layers, found.detectors, found.chars) == (whole.layers, whole.detectors, whole.chars)


class Counting(ScanningInspector):
    """Counts the units that are scanned."""

    def __init__(self, **more: Any) -> None:
        super().__init__(SETTINGS, scanner=copy(shipped_scanner()), **more)
        self.scanned: list[str] = []
        scan = self._scanner.scan_unit_if_brief

        def counted(unit: Unit, *rest: Any) -> Any:
            self.scanned.append(unit.pointer)
            return scan(unit, *rest)

        self._scanner.scan_unit_if_brief = counted  # type: ignore[method-assign]


def long_chat(turns: int) -> dict[str, Any]:
    return body_of(
        [
            ("user" if n % 2 else "assistant", f"{n}: " + "we met them in Paris again. " * 26 + f"{n}.")
            for n in range(turns)
        ]
    )


def test_of_a_long_chat_only_what_is_new_is_scanned_with_what_it_stands_beside() -> None:
    inspector = Counting()
    for _ in range(9):
        inspector.scanned.clear()
        look(inspector, long_chat(39))
        assert len(inspector.scanned) <= MOST_NEW
    assert inspector.scanned == []
    look(inspector, long_chat(41))
    assert sorted(inspector.scanned) == ["", "/messages/38", "/messages/39", "/messages/40"]


def test_a_chat_longer_than_is_scanned_at_once_needs_no_child_where_little_is_new() -> None:
    inspector = Counting(command=["/nonexistent"])
    for turns in range(25, 121, 2):
        assert look(inspector, long_chat(turns)).findings == ()


def test_a_long_chat_that_nobody_knows_is_known_after_some_turns() -> None:
    async def story() -> list[str]:
        inspector = Counting(command=["/nonexistent"])
        body, told = long_chat(80), []
        for _ in range(12):
            told.append(type(await inspector.inspect(body, len(orjson.dumps(body)), "one")).__name__)
        await inspector.aclose()
        return told

    told = asyncio.run(story())
    assert (told[0], told[-1]) == ("Failure", "Inspection"), "this one has no child that could read it meanwhile"


def test_short_bodies_are_scanned_whole() -> None:
    inspector = Counting()
    look(inspector, body_of([("user", "hello")] * 9))
    assert inspector.scanned == []


def test_owners_share_nothing() -> None:
    inspector = Counting(cached_from_bytes=0)
    body = body_of([("user", f"{n}@exemple.fr") for n in range(8)])
    first = look(inspector, body, "one")
    inspector.scanned.clear()
    look(inspector, body, "one")
    assert inspector.scanned == []
    assert look(inspector, body, "two") == first
    assert len(inspector.scanned) == 9


def test_other_rules_find_anew() -> None:
    async def story() -> tuple[int, int]:
        inspector = shipped_inspector(cached_from_bytes=0)
        body = body_of([("user", "06 12 34 56 78")] * 8)
        before = await inspector.inspect(body, 999, "one")
        other = DetectorSettings(config.detector_rules(), regions=("US",))
        inspector.take(other, await inspector.prepare(other))
        after = await inspector.inspect(body, 999, "one")
        await inspector.aclose()
        assert isinstance(before, Inspection)
        assert isinstance(after, Inspection)
        assert before.detectors != after.detectors
        return len(before.findings), len(after.findings)

    before, after = asyncio.run(story())
    assert before > after


def test_a_failure_is_not_remembered() -> None:
    inspector = Counting(cached_from_bytes=0)
    scan, body = inspector._scanner.scan_unit_if_brief, body_of([("user", "a@exemple.fr")] * 8)

    def fail(*_: Any) -> Any:
        raise ValueError

    inspector._scanner.scan_unit_if_brief = fail  # type: ignore[method-assign]
    assert isinstance(asyncio.run(inspector.inspect(body, 999, "one")), Failure)
    assert len(inspector._cache) == 0
    inspector._scanner.scan_unit_if_brief = scan  # type: ignore[method-assign]
    assert look(inspector, body).causes == {("EMAIL", ""): 8}


# --- the cache -------------------------------------------------------------------------------------------------------


def test_a_key_covers_all_by_which_units_differ() -> None:
    cache: UnitCache[int] = UnitCache()
    unit = units({"messages": ["a", "b", "c"]})[2]
    keys = {
        cache.key(owner, versions, one)
        for owner in ("o", "p")
        for versions in ("v", "w")
        for one in (
            unit, Unit(unit.pointer, unit.word, "x", unit.carried, unit.around),
            Unit(unit.pointer, "input", unit.value, unit.carried, unit.around),
            Unit(unit.pointer, unit.word, unit.value, ("", "y"), unit.around),
            Unit(unit.pointer, unit.word, unit.value, unit.carried, ("", "y")),
            Unit(unit.pointer, unit.word, unit.value, unit.carried, unit.around, ("messages",)),
        )
    }  # fmt: skip
    assert len(keys) == 24
    moved = Unit("/messages/7", unit.word, unit.value, unit.carried, unit.around)
    assert cache.key("o", "v", moved) == cache.key("o", "v", unit)
    assert UnitCache[int]().key("o", "v", unit) not in keys, "keyed for one process"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000))))
def test_entries_and_what_they_weigh_are_bounded(puts: list[tuple[int, int]]) -> None:
    cache: UnitCache[int] = UnitCache(most_entries=8, most_bytes=10_000)
    for number, weight in puts:
        cache.put(bytes([number]), number, weight)
        assert len(cache) <= 8
        assert cache.weight_bytes <= 10_000
        assert cache.get(bytes([number])) == number
    cache.clear()
    assert (len(cache), cache.weight_bytes) == (0, 0)

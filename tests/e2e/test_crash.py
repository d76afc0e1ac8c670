"""SIGKILL in mid-flight: what a client was given is in the ledger, once, and the sums agree (law 4).

A few rounds of what `python -m bench.crash_rounds` plays fifty times.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_world import VICTIMS, CrashWorld, crash_world, triggers


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashWorld]:
    with crash_world(tmp_path_factory.mktemp("crash")) as world:
        yield world


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_was_acknowledged_survives_a_kill_and_settles_once(world: CrashWorld, victim: str) -> None:
    found = world.play(victim, triggers(random.Random(victim)))
    assert found.ok, found.faults()
    assert found.in_flight >= 20
    assert found.acknowledged >= 12
    if victim in ("writer", "stopped writer"):
        assert found.unknown == 0, "the gateway lived to say how each of them ended"
        assert found.refused > 0
    else:
        assert found.unknown >= 12, "the streams that were held open end as unknown"


def test_a_folder_that_saw_many_deaths_still_verifies(world: CrashWorld, tmp_path: Path) -> None:
    rng = random.Random(7)
    for victim in ("gateway", "writer"):
        found = world.play(victim, triggers(rng))
        assert found.ok, found.faults()

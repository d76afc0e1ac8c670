"""Whatever goes wrong while a request is read, nothing restricted is released: it counts as unread, or is refused.

`DOUANE_FAULT_CASES` says how often each kind happens; with `DOUANE_FAULT_REPORT`, the counts are written there.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fault_world import BODIES, KINDS, SLOW, body_of, inspector_of
from leak_world import PUBLIC_TEXT, ask, good, topology, world_of

from douane.core.label import Level

CASES = int(os.environ.get("DOUANE_FAULT_CASES", "20"))
REPORT = os.environ.get("DOUANE_FAULT_REPORT")
DONE: Counter[str] = Counter()
RELEASED: Counter[str] = Counter()
STATUS: Counter[int] = Counter()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_restricted_is_released_when_reading_goes_wrong(kind: str) -> None:
    asyncio.run(_many(kind))
    assert RELEASED[kind] == 0


async def _many(kind: str) -> None:
    rng = random.Random(kind)
    inspector = inspector_of(kind, rng)
    try:
        for _ in range(_cases(kind)):
            snapshot = topology(rng)
            if kind == "meaning fails":
                policy = replace(snapshot.policy, layers=frozenset({"meaning"}))
                snapshot = replace(snapshot, policy=policy)
            world = world_of(snapshot, inspector, rng)
            world.worth = (int(Level.RESTRICTED), frozenset())
            for name in snapshot.deployments:
                world.upstream.play(name, good("chat", stream=False), good("chat", stream=False))
            body = _only_meant() if kind == "meaning fails" else body_of(kind, rng)
            sink = await ask(world, "chat", body)
            assert sink.ended or sink.was_cut, "every request is answered"
            DONE[kind] += 1
            STATUS[sink.status] += 1
            # Meaning is read of what could leave; on the premises no layer but the patterns is promised.
            zones = snapshot.zones
            leaks = [leak for leak in world.leaks if kind != "meaning fails" or not zones[leak.zone].premises]
            RELEASED[kind] += len(leaks)
    finally:
        await inspector.aclose()


def _cases(kind: str) -> int:
    return max(2, CASES // 10) if kind in SLOW else CASES


def _only_meant() -> dict[str, object]:
    """Return a request that no pattern sees anything in."""
    return {"model": "chat", "messages": [{"role": "user", "content": "Résume le bilan sanguin de notre patiente."}]}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BODIES])
def test_a_reader_that_is_broken_does_not_refuse_what_stays_on_the_premises(kind: str) -> None:
    """The test above would also pass on a gateway that answers nothing."""

    async def run() -> Counter[int]:
        rng = random.Random(f"premises {kind}")
        inspector = inspector_of(kind, rng)
        seen: Counter[int] = Counter()
        try:
            while sum(seen.values()) < 5:
                snapshot = topology(rng)
                if "home" not in snapshot.zones:
                    continue
                world = world_of(snapshot, inspector, rng)
                for name in snapshot.deployments:
                    world.upstream.play(name, good("chat", stream=False))
                chat = {"model": "chat", "messages": [{"role": "user", "content": PUBLIC_TEXT}]}
                seen[(await ask(world, "chat", chat)).status] += 1
        finally:
            await inspector.aclose()
        return seen

    assert asyncio.run(run())[200] > 0


def test_the_counts_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    if len(DONE) < len(KINDS):
        pytest.skip("only part of the kinds was asked for")
    with capsys.disabled():
        print(f"\nfaults: {sum(DONE.values())} of {len(DONE)} kinds, {sum(RELEASED.values())} released; {dict(STATUS)}")
    if REPORT:
        counts = {"done": dict(DONE), "released": dict(RELEASED), "status": {str(k): v for k, v in STATUS.items()}}
        Path(REPORT).write_text(json.dumps(counts), encoding="utf-8")
    assert {kind: _cases(kind) for kind in KINDS} == dict(DONE)

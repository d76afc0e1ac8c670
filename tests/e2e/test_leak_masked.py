"""The leak matrix where zones mask: what reaches a zone that is not cleared holds no masked value, whatever goes wrong.

The oracle knows what each text is worth, which type it is of, and which bytes of it nobody may see. It looks at the
payload at the moment that it is sent, and at the zone's policy of that moment.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace

import pytest
from leak_world import (
    PATHS,
    SENSITIVE,
    World,
    ask,
    bad,
    body_of,
    good,
    oracle_permits,
    reloaded,
    topology,
    world_of,
)
from shipped_detectors import shipped_inspector

from douane.adapters.inspector.inspector import ScanningInspector
from douane.core.traffic.snapshot import Snapshot
from douane.core.zone import Zone

CASES = int(os.environ.get("DOUANE_MATRIX_CASES", "20"))
FAULTS = ("none", "upstream 500", "timeout", "cut stream", "reload in flight")
SOURCES = ("text", "system prompt", "tool schema", "tool result")
CELLS = [
    (fault, endpoint, stream)
    for fault in FAULTS
    for endpoint in PATHS
    for stream in ((False,) if endpoint == "embeddings" else (False, True))
]
TYPES = ("IBAN", "CARD", "NIR", "SECRET", "")
UNSEEN = (
    (b"2004 1010", b"3M02"), (b"4111 1111",), (b"588 157", b"2 69 05"), (b"AKIAIOSFODNN7", b"wJalrXUtnFEMI"),
    (b"TLP:RED",),
)  # fmt: skip
"""Of each of the `SENSITIVE` texts: the type that may be masked, and what no uncleared zone may see."""
SEEN: Counter[str] = Counter()


def with_masks(rng: random.Random, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with random masks for its zones off the premises."""
    zones: dict[str, Zone] = {}
    for name, zone in snapshot.zones.items():
        some = frozenset(kind for kind in TYPES if kind and rng.random() < 0.7)
        zones[name] = zone if zone.premises else replace(zone, mask=some, mask_restricted=rng.random() < 0.3)
    return replace(snapshot, zones=zones)


@pytest.mark.parametrize(("fault", "endpoint", "stream"), CELLS)
def test_what_reaches_a_zone_that_masks_holds_nothing_that_it_is_not_cleared_for(
    fault: str, endpoint: str, stream: bool
) -> None:
    asyncio.run(cell(fault, endpoint, stream))


async def cell(fault: str, endpoint: str, stream: bool) -> None:
    inspector = shipped_inspector()
    try:
        for source in SOURCES:
            for number in range(CASES):
                await case(
                    fault,
                    endpoint,
                    stream,
                    source,
                    inspector,
                    random.Random(f"{fault}{endpoint}{stream}{source}{number}"),
                )
    finally:
        await inspector.aclose()


async def case(
    fault: str, endpoint: str, stream: bool, source: str, inspector: ScanningInspector, rng: random.Random
) -> None:
    number = rng.randrange(len(SENSITIVE))
    text, level, compartments = SENSITIVE[number]
    world = world_of(with_masks(rng, topology(rng)), inspector, rng)
    world.worth = (level, compartments)

    def excused(zone: Zone, payload: bytes) -> bool:
        SEEN["masked"] += 1
        return (
            not zone.premises
            and TYPES[number] in zone.mask
            and (level < 3 or zone.mask_restricted)
            and not any(part in payload for part in UNSEEN[number])
        )

    world.excused = excused
    script(world, fault, endpoint, stream, rng)
    headers = {"x-douane-conversation": "c"} if rng.random() < 0.5 else None
    sink = await ask(world, endpoint, body_of(endpoint, source, text, stream=stream), headers)
    assert world.leaks == []
    assert world.unwritten == 0
    assert sink.status in (200, 400, 403, 429, 502, 503, 504)
    SEEN[f"status {sink.status}"] += 1
    intents = world.ledger.intents
    assert all(bool(intent.masked) == (intent.payload_label != "") for intent in intents)
    for intent in intents:
        zone = world.snapshots.snapshot.zones[intent.zone]
        if fault != "reload in flight" and not oracle_permits(zone, level, compartments):
            assert intent.masked


def script(world: World, fault: str, endpoint: str, stream: bool, rng: random.Random) -> None:
    """Let most deployments fail as the cell says, some of them after a reload."""
    number = iter(range(2, 1000))

    def reload() -> None:
        world.snapshots.snapshot = with_masks(rng, reloaded(rng, world.snapshots.snapshot, next(number)))

    for name in world.snapshots.snapshot.deployments:
        step = bad(fault, endpoint, rng, stream=stream)
        if fault == "none" or rng.random() < 0.3:
            world.upstream.play(name, good(endpoint, stream=stream))
        elif fault == "reload in flight":

            def failing(_cleared: object, _call: object, step: object = step) -> object:
                reload()
                return step

            world.upstream.play(name, failing, good(endpoint, stream=stream))  # type: ignore[arg-type]
        else:
            world.upstream.play(name, step, good(endpoint, stream=stream))
    if fault == "reload in flight":
        world.ledger.meanwhile = reload if rng.random() < 0.4 else None  # type: ignore[attr-defined]
        world.upstream.meanwhile = reload if rng.random() < 0.4 else world.upstream.meanwhile


def test_masked_payloads_were_sent() -> None:
    """The matrix would also pass on a gateway that masks nothing: this one does."""
    if not SEEN:
        pytest.skip("the matrix was not run")
    assert SEEN["masked"] > 50

"""The headline test: 0 bytes of a sensitive request at a zone that is not cleared for it, whatever goes wrong."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace

import pytest
from bench.disguises import TRANSFORMS
from leak_world import (
    CALLER_FIELDS,
    CARRIED,
    DISGUISES,
    FAULTS,
    PATHS,
    PUBLIC_TEXT,
    SOURCES,
    UNSEEN,
    World,
    ask,
    bad,
    body_of,
    disguised,
    good,
    oracle_permits,
    reloaded,
    topology,
    world_of,
)
from shipped_detectors import shipped_inspector, shipped_scanner

from douane.adapters.inspector.inspector import ScanningInspector
from douane.core.label import Label, Level
from douane.core.traffic.classification import classify

CASES = int(os.environ.get("DOUANE_MATRIX_CASES", "27"))
CELLS = [
    (fault, endpoint, stream)
    for fault in FAULTS
    for endpoint in PATHS
    for stream in ((False,) if endpoint == "embeddings" else (False, True))
]
DONE: Counter[tuple[str, str, bool, str]] = Counter()
WRITTEN: Counter[tuple[str, str, bool, str, str]] = Counter()
SEEN: Counter[str] = Counter()


@pytest.mark.parametrize(("fault", "endpoint", "stream"), CELLS)
def test_nothing_sensitive_reaches_a_zone_not_cleared_for_it(fault: str, endpoint: str, stream: bool) -> None:
    asyncio.run(cell(fault, endpoint, stream))


async def cell(fault: str, endpoint: str, stream: bool) -> None:
    inspector = shipped_inspector()
    try:
        for source in SOURCES:
            for number in range(CASES):
                rng = random.Random(f"{fault}/{endpoint}/{stream}/{source}/{number}")
                disguise = DISGUISES[number % len(DISGUISES)]
                await case(fault, endpoint, stream, source, disguise, inspector, rng)
                DONE[fault, endpoint, stream, source] += 1
                WRITTEN[fault, endpoint, stream, source, disguise] += 1
    finally:
        await inspector.aclose()


async def case(
    fault: str,
    endpoint: str,
    stream: bool,
    source: str,
    disguise: str,
    inspector: ScanningInspector,
    rng: random.Random,
) -> None:
    text, level, compartments = disguised(disguise, rng)
    snapshot = topology(rng)
    headers: dict[str, str] = {}
    floor = None
    if source == "header":
        headers = {"x-douane-level": Level(level).word, "x-douane-compartments": ",".join(sorted(compartments))}
    elif source == "key floor":
        floor = Label(Level(level), compartments)
    world = world_of(snapshot, inspector, rng, floor)
    world.worth = (level, compartments)
    said = text if source not in ("header", "key floor") else PUBLIC_TEXT
    body = body_of(endpoint, source, said, stream=stream, split=disguise)
    if fault == "fallback named by the caller":
        body |= rng.choice(CALLER_FIELDS)
    script(world, fault, endpoint, stream, rng)
    sink = await ask(world, endpoint, body, headers)
    judge(world, sink.status, fault)


def script(world: World, fault: str, endpoint: str, stream: bool, rng: random.Random) -> None:
    """Let every deployment that may have the request fail as the cell says; all others would gladly take it."""
    level, compartments = world.worth
    snapshot = world.snapshots.snapshot
    number = iter(range(2, 1000))

    def reload() -> None:
        world.snapshots.snapshot = reloaded(rng, world.snapshots.snapshot, next(number))

    for name, deployment in snapshot.deployments.items():
        zone = snapshot.zones[deployment.zone]
        if not oracle_permits(zone, level, compartments):
            world.upstream.play(name, good(endpoint, stream=stream))
            continue
        step = bad(fault, endpoint, rng, stream=stream)
        if fault == "reload in flight":

            def failing(_cleared: object, _call: object, step: object = step) -> object:
                reload()
                return step

            world.upstream.play(name, failing, good(endpoint, stream=stream))  # type: ignore[arg-type]
        elif fault == "retry":
            world.upstream.play(name, step, good(endpoint, stream=stream))
        else:
            world.upstream.play(name, step)
    if fault == "reload in flight":
        world.ledger.meanwhile = reload if rng.random() < 0.4 else None  # type: ignore[attr-defined]
        world.upstream.meanwhile = reload if rng.random() < 0.4 else world.upstream.meanwhile


def judge(world: World, status: int, fault: str) -> None:
    assert world.leaks == []
    assert world.unwritten == 0
    arrived = sum(world.upstream.arrivals.values())
    if fault == "fallback named by the caller":
        assert status == 400
        assert arrived == 0
    assert status in (200, 400, 403, 429, 502, 503, 504)
    SEEN["requests"] += 1
    SEEN["attempts"] += arrived
    SEEN[f"status {status}"] += 1
    SEEN["with an attempt"] += arrived > 0


def test_the_matrix_was_filled_and_could_have_failed(capsys: pytest.CaptureFixture[str]) -> None:
    if len({key[:3] for key in DONE}) < len(CELLS):
        pytest.skip("only part of the matrix was asked for")
    least = min(DONE.values())
    with capsys.disabled():
        print(f"\nleak matrix: {sum(DONE.values())} cases in {len(DONE)} cells, at least {least} in each; {dict(SEEN)}")
        print(f"  by disguise {len(WRITTEN)} cells, at least {min(WRITTEN.values())} in each")
        for fault in FAULTS:
            row = {f"{e}{'/stream' if s else ''}": sum(DONE[fault, e, s, src] for src in SOURCES)
                   for f, e, s in CELLS if f == fault}  # fmt: skip
            print(f"  {fault:30} {row}")
    assert len(DONE) == len(CELLS) * len(SOURCES)
    assert least >= CASES
    assert SEEN["with an attempt"] > SEEN["requests"] // 3, "most requests are to be tried somewhere"
    assert SEEN["status 200"] > 0


@pytest.mark.parametrize("disguise", TRANSFORMS)
def test_a_disguise_lowers_no_label(disguise: str) -> None:
    """Says which way of writing which value is not seen; the matrix above says only that something leaked."""
    scanner = shipped_scanner()
    policy = replace(topology(random.Random(1)).policy, layers=frozenset())
    low = []
    for carried in CARRIED:
        for value in carried.values:
            text = carried.sentence.replace("{}", TRANSFORMS[disguise](value))
            label = classify(scanner.scan({"input": text}), policy).label
            if int(label.level) < carried.level and (disguise, carried.type) not in UNSEEN:
                low.append((carried.type, text))
    assert low == []


def test_no_more_than_six_ways_of_writing_a_type_go_unseen() -> None:
    assert len(UNSEEN) <= 6


def test_public_text_does_reach_the_cloud() -> None:
    """The matrix would also pass on a gateway that sends nothing: this one sends."""

    async def run() -> int:
        inspector = shipped_inspector()
        reached = 0
        for number in range(100):
            rng = random.Random(number)
            world = world_of(topology(rng), inspector, rng)
            for name in world.snapshots.snapshot.deployments:
                world.upstream.play(name, good("chat", stream=False))
            sink = await ask(world, "chat", body_of("chat", "text", PUBLIC_TEXT, stream=False))
            assert sink.status == 200, sink.data
            reached += world.upstream.arrivals["cloud"]
        await inspector.aclose()
        return reached

    assert asyncio.run(run()) >= 10

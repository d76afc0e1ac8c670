"""One hop, step by step: what is durable before what, and what a change in between does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from leak_world import SECRET, World, ask, body_of, good, topology, world_of

from douane.core.finding import Failure, Inspection
from douane.core.label import Clearance, Label, Level
from douane.core.receipt import Intent
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.snapshot import Route, Snapshot
from douane.errors import StoreFailed
from douane.testing.in_memory_ledger import InMemoryLedger
from douane.testing.keys import digest_of
from douane.testing.scripted_upstream import Fault, failure
from douane.testing.telemetry import GivenInspector


class HeldLedger(InMemoryLedger):
    """A ledger whose commits wait until the test lets them go, or fails them."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()
        self.broken = False

    def intend(self, intent: Intent, *, patient: bool = False) -> Awaitable[None]:
        return asyncio.ensure_future(self._later(super().intend(intent)))

    async def _later(self, done: Awaitable[None]) -> None:
        await self.release.wait()
        if self.broken:
            raise StoreFailed("The disk is full.", "Make room.")
        await done


def one_zone(zone: str) -> Snapshot:
    snapshot = topology(random.Random(3))
    while "home" not in snapshot.zones:
        snapshot = topology(random.Random(random.random()))
    name = f"{zone}-0"
    return replace(snapshot, routes={"chat": Route("chat", (name,), attempts=2)})


def build(zone: str, *, stream: bool = False) -> tuple[World, HeldLedger]:
    world = world_of(one_zone(zone), GivenInspector(Inspection(layers=("patterns",))), random.Random(1))
    ledger = HeldLedger()
    world.ledger = ledger
    world.gateway._settler._ledger = ledger
    world.gateway._dispatcher._ledger = ledger
    world.upstream.play(f"{zone}-0", good("chat", stream=stream))
    return world, ledger


async def settle_down() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_leaves_the_premises_before_its_intent_is_durable(stream: bool) -> None:
    async def run() -> None:
        world, ledger = build("cloud", stream=stream)
        task = asyncio.ensure_future(ask(world, "chat", body_of("chat", "text", "hi", stream=stream)))
        await settle_down()
        assert not world.upstream.sent
        ledger.release.set()
        assert (await task).status == 200
        assert len(world.upstream.sent) == 1

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
def test_a_local_answer_shows_no_byte_before_its_intent_is_durable(stream: bool) -> None:
    async def run() -> None:
        world, ledger = build("home", stream=stream)
        task = asyncio.ensure_future(ask(world, "chat", body_of("chat", "text", "hi", stream=stream)))
        await settle_down()
        assert len(world.upstream.sent) == 1
        assert not task.done()
        ledger.release.set()
        assert (await task).status == 200

    asyncio.run(run())


@pytest.mark.parametrize("zone", ["cloud", "home"])
def test_a_ledger_that_fails_lets_no_answer_through(zone: str) -> None:
    async def run() -> None:
        world, ledger = build(zone)
        ledger.broken = True
        ledger.release.set()
        sink = await ask(world, "chat", body_of("chat", "text", "hi", stream=False))
        assert sink.status == 503
        assert sink.json["error"]["code"] == "overloaded"
        assert not world.upstream.sent or zone == "home"

    asyncio.run(run())


def during_commit(zone: str, act: Callable[[World], None]) -> tuple[World, int]:
    async def run() -> tuple[World, int]:
        world, ledger = build(zone)
        task = asyncio.ensure_future(ask(world, "chat", body_of("chat", "text", "hi", stream=False)))
        await settle_down()
        act(world)
        ledger.release.set()
        return world, (await task).status

    return asyncio.run(run())


def test_a_reload_during_the_commit_is_decided_again() -> None:
    def tighten(world: World) -> None:
        old = world.snapshots.snapshot
        closed = replace(old.zones["cloud"], clearance=Clearance(Level.PUBLIC), premises=False)
        policy = replace(old.policy, version="p2", unknown=Label(Level.RESTRICTED))
        zones = {**old.zones, "cloud": closed}
        world.snapshots.snapshot = replace(old, version="v2", zones=zones, policy=policy)

    world, status = during_commit("cloud", tighten)
    assert status == 200
    assert [sent.cleared.snapshot_version for sent in world.upstream.sent] == ["v2"]
    states = [outcome.state for outcome in world.ledger.outcomes]
    assert states == ["failed", "complete"]


def test_a_block_during_the_commit_stops_the_payload() -> None:
    def block(world: World) -> None:
        world.keys.revoked = Revocations(deployments=frozenset({"cloud-0"}))

    world, status = during_commit("cloud", block)
    assert (status, world.upstream.sent) == (503, [])


def test_a_key_revoked_during_the_commit_sends_nothing() -> None:
    def revoke(world: World) -> None:
        world.keys.revoked = Revocations(keys=frozenset({digest_of(SECRET)}))

    world, status = during_commit("cloud", revoke)
    assert (status, world.upstream.sent) == (401, [])


def test_a_route_that_a_reload_took_away_is_forbidden() -> None:
    def remove(world: World) -> None:
        world.snapshots.snapshot = replace(world.snapshots.snapshot, version="v2", routes={})

    world, status = during_commit("cloud", remove)
    assert (status, world.upstream.sent) == (403, [])


def test_each_request_settles_exactly_once_however_often_it_is_tried() -> None:
    async def run() -> None:
        for seed in range(200):
            rng = random.Random(seed)
            world = world_of(topology(rng), GivenInspector(Inspection(layers=("patterns",))), rng)
            for name in world.snapshots.snapshot.deployments:
                world.upstream.play(name, rng.choice((Fault(failure("head")), good("chat", stream=False))))
            await ask(world, "chat", body_of("chat", "text", "hi", stream=False))
            assert len(world.ledger.intents) == len(world.ledger.outcomes)
            assert [o.settles for o in world.ledger.outcomes].count(True) == 1
            assert world.ledger.outcomes[-1].settles

    asyncio.run(run())


def test_a_detector_that_fails_makes_the_request_unknown() -> None:
    async def run() -> None:
        world = world_of(one_zone("cloud"), GivenInspector(Failure("patterns", "late")), random.Random(1))
        world.upstream.play("cloud-0", good("chat", stream=False))
        sink = await ask(world, "chat", body_of("chat", "text", "hi", stream=False))
        assert (sink.status, sink.headers["x-douane-level"]) == (403, "restricted")
        assert not world.upstream.sent

    asyncio.run(run())


def test_a_client_that_leaves_ends_the_attempt_and_gives_back_what_it_held() -> None:
    async def run() -> None:
        world, ledger = build("home")
        never = asyncio.Event()
        world.upstream._scripts["home-0"] = [Fault(failure("head"), after=never)]
        ledger.release.set()
        task = asyncio.ensure_future(ask(world, "chat", body_of("chat", "text", "hi", stream=False)))
        await settle_down()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.upstream.cancelled == 1
        assert [(o.error_code, o.settles) for o in world.ledger.outcomes] == [("client_closed", True)]

    asyncio.run(run())

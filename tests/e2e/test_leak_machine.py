"""Random topologies that change while requests run: no order of reloads, blocks, revocations and faults lets a byte out."""

from __future__ import annotations

import asyncio
import os
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from leak_world import FAULTS, PATHS, SENSITIVE, SOURCES, ask, bad, body_of, good, reloaded, topology, world_of
from shipped_detectors import shipped_inspector

from douane.core.label import Label, Level
from douane.core.traffic.clearance import Revocations
from douane.testing.keys import digest_of

EXAMPLES = int(os.environ.get("DOUANE_MACHINE_EXAMPLES", "60"))


class LeakMachine(RuleBasedStateMachine):
    """One world per run; each rule changes it or sends through it."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.runner = asyncio.Runner()
        self.inspector = shipped_inspector()
        self.world = world_of(topology(self.rng), self.inspector, self.rng)
        self.reloads = 1

    @rule()
    def reload(self) -> None:
        self.reloads += 1
        self.world.snapshots.snapshot = reloaded(self.rng, self.world.snapshots.snapshot, self.reloads)

    @rule()
    def block(self) -> None:
        name = self.rng.choice(sorted(self.world.snapshots.snapshot.deployments))
        self.world.keys.revoked = Revocations(deployments=self.world.keys.revoked.deployments ^ {name})

    @rule(ready=st.booleans())
    def turn_an_engine(self, ready: bool) -> None:
        name = self.rng.choice(sorted(self.world.snapshots.snapshot.deployments))
        self.world.conditions.set_ready(name, ready=ready)

    @rule(
        endpoint=st.sampled_from(sorted(PATHS)),
        source=st.sampled_from(SOURCES),
        sensitive=st.sampled_from(SENSITIVE),
        fault=st.sampled_from(FAULTS),
        stream=st.booleans(),
        during=st.sampled_from(("nothing", "reload", "revoke", "block")),
    )
    def send(
        self,
        endpoint: str,
        source: str,
        sensitive: tuple[str, int, frozenset[str]],
        fault: str,
        stream: bool,
        during: str,
    ) -> None:
        text, level, compartments = sensitive
        stream = stream and endpoint != "embeddings"
        world = self.world
        world.worth = (level, compartments)
        before = world.keys.revoked

        def meanwhile() -> None:
            if during == "reload":
                self.reload()
            elif during == "revoke":
                world.keys.revoked = Revocations(frozenset({digest_of("dn-test")}), before.deployments)
            elif during == "block":
                self.block()

        def step(_cleared: object, _call: object) -> object:
            if self.rng.random() < 0.3:
                meanwhile()
            if self.rng.random() < 0.5:
                return good(endpoint, stream=stream)
            return bad(fault, endpoint, self.rng, stream=stream)

        world.upstream._scripts.clear()
        for name in world.snapshots.snapshot.deployments:
            world.upstream.play(name, step)  # type: ignore[arg-type]
        world.ledger.meanwhile = meanwhile if self.rng.random() < 0.5 else None  # type: ignore[attr-defined]
        world.upstream.meanwhile = meanwhile if self.rng.random() < 0.5 else lambda: None
        headers = {}
        if source in ("header", "key floor"):
            headers = {
                "x-douane-level": Label(Level(level)).level.word,
                "x-douane-compartments": ",".join(compartments),
            }
            text = "public"
        self.runner.run(ask(world, endpoint, body_of(endpoint, source, text, stream=stream), headers))
        world.keys.revoked = Revocations(deployments=world.keys.revoked.deployments)

    @invariant()
    def nothing_leaked(self) -> None:
        if hasattr(self, "world"):
            assert self.world.leaks == []

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.inspector.aclose())
            self.runner.close()


LeakMachine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None)
TestLeakMachine = LeakMachine.TestCase

"""Chats of several tenants that drop messages, ids and answers, over restarts: no label falls, no tenant touches another.

The oracle shares no code with the product: it keeps groups of names (ids and answers) with what they are worth.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from leak_world import ask, make_deployment, piece, policy, world_of

from douane.adapters.memory import ConversationMemory
from douane.core.finding import Finding, Inspection
from douane.core.label import Clearance, Label, Level
from douane.core.traffic.snapshot import Key, Route, Snapshot
from douane.core.zone import Zone
from douane.testing.clock import FrozenClock
from douane.testing.keys import StaticKeys, digest_of
from douane.testing.scripted_upstream import Reply, failure, json_reply, sse_reply

Worth = tuple[int, frozenset[str]]
WORDS: Mapping[str, tuple[str, Worth]] = {
    "hello": ("", (0, frozenset())),
    "mail": ("EMAIL", (1, frozenset())),
    "iban": ("IBAN", (2, frozenset())),
    "card": ("CARD", (2, frozenset({"pci"}))),
    "token": ("SECRET", (3, frozenset({"credential"}))),
}
KEYS = (
    Key("a1", digest_of("a1"), "A"),
    Key("a2", digest_of("a2"), "A", floor=Label(Level.INTERNAL)),
    Key("b1", digest_of("b1"), "B"),
)
FLOORS = {"a1": (0, frozenset[str]()), "a2": (1, frozenset[str]()), "b1": (0, frozenset[str]())}


class WordInspector:
    """Finds the words of the table, and nothing else."""

    async def inspect(self, value: Mapping[str, Any], size_bytes: int, owner: str = "") -> Inspection:
        text = orjson.dumps(value).decode()
        found = [Finding(kind, "", 0, 1, 1.0, "w") for word, (kind, _) in WORDS.items() if kind and f"<{word}>" in text]
        return Inspection(tuple(found), ("patterns",), "w", False, len(text))

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:
        return inspection


def join(*all_worth: Worth) -> Worth:
    return max((level for level, _ in all_worth), default=0), frozenset().union(*(words for _, words in all_worth))


@dataclass
class Group:
    owner: str
    names: set[str]
    worth: Worth


@dataclass
class Turn:
    word: str
    answer: str
    """What the client has of the answer; "" where it got none."""
    name: str


@dataclass
class Chat:
    """A client's own record of a chat; it sends what it likes of it."""

    id: str
    turns: list[Turn] = field(default_factory=list)


def house() -> Snapshot:
    local = (ip_network("127.0.0.0/8"),)
    zones = {
        "home": Zone("home", True, Clearance(Level.RESTRICTED, every_compartment=True), local),
        "cloud": Zone("cloud", False, Clearance(Level.INTERNAL), local),
    }
    rng = random.Random(0)
    deployments = {name: make_deployment(name, name, rng) for name in zones}
    routes = {"both": Route("both", ("cloud", "home")), "far": Route("far", ("cloud",))}
    return Snapshot("v1", zones, deployments, routes, {}, policy())


class ConversationMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = self.runner.run(ConversationMemory.open(Path(self.folder.name), FrozenClock()))
        self.open_house()
        self.groups: list[Group] = []
        self.chats = {name: [Chat(f"{name[0]}-{n}") for n in range(2)] for name in ("A", "B")}
        self.number = 0

    def open_house(self) -> None:
        self.world = world_of(
            house(), WordInspector(), random.Random(0), keys=StaticKeys(*KEYS), conversations=self.memory
        )

    @rule()
    def restart(self) -> None:
        self.runner.run(self.memory.aclose())
        self.memory = self.runner.run(ConversationMemory.open(Path(self.folder.name), FrozenClock()))
        self.open_house()

    @rule(
        key=st.sampled_from(KEYS),
        chat=st.integers(0, 1),
        word=st.sampled_from(sorted(WORDS)),
        named=st.booleans(),
        kept=st.sets(st.integers(0, 7), max_size=3),
        kept_answers=st.sets(st.integers(0, 7), max_size=3),
        route=st.sampled_from(["both", "both", "far"]),
        way=st.sampled_from(["whole", "stream", "short", "cut"]),
        stolen=st.booleans(),
    )
    def turn(
        self,
        key: Key,
        chat: int,
        word: str,
        named: bool,
        kept: set[int],
        kept_answers: set[int],
        route: str,
        way: str,
        stolen: bool,
    ) -> None:
        # A stolen turn is sent under the id and with the answers of the other tenant's chat.
        mine = self.chats[key.owner][chat]
        told = self.chats["B" if key.owner == "A" else "A"][chat] if stolen else mine
        headers = {"x-douane-conversation": told.id} if named else {}
        messages, content, names = [], [word], {told.id} if named else set()
        for at, turn in enumerate(told.turns):
            if at in kept:
                messages.append({"role": "user", "content": f"<{turn.word}>"})
                content.append(turn.word)
            if at in kept_answers and turn.answer:
                messages.append({"role": "assistant", "content": turn.answer})
                names.add(turn.name)
        body = {"model": route, "messages": [*messages, {"role": "user", "content": f"<{word}>"}]}
        self.number += 1
        name = f"answer {self.number}"
        text = "ok" if way == "short" else f"{name}: " + f"{self.number} is what I have to say. " * 12
        for deployment in ("home", "cloud"):
            self.world.upstream._scripts.pop(deployment, None)
            self.world.upstream.play(deployment, answered(text, way))
        body |= {"stream": True} if way in ("stream", "cut") else {}
        sink = self.runner.run(ask(self.world, "chat", body, headers, secret=key.name))

        # --- the oracle
        known = [one for one in self.groups if one.owner == key.owner and one.names & names]
        worth = join(FLOORS[key.name], *(WORDS[one][1] for one in content), *(one.worth for one in known))
        seen = sink.headers
        compartments = frozenset(seen["x-douane-compartments"].split(",") if "x-douane-compartments" in seen else ())
        assert (int(Level.parse(seen["x-douane-level"]) or 0), compartments) == worth
        if worth[0] > 1 or worth[1]:
            assert seen.get("x-douane-zone") != "cloud"
        is_answered = sink.status == 200
        floor = FLOORS[key.name]
        if named or known or not (worth[0] <= floor[0] and worth[1] <= floor[1]):
            group = Group(key.owner, names.union(*(one.names for one in known)), worth)
            if is_answered and way != "short":
                group.names.add(name)
            self.groups = [one for one in self.groups if one not in known]
            if group.names:
                self.groups.append(group)
        got = text[: len(text) // 2] if way == "cut" else text
        if way == "short":
            got = ""
        mine.turns = [*mine.turns, Turn(word, got if is_answered else "", name)][-8:]

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.memory.aclose())
            self.runner.close()
            self.folder.cleanup()


def answered(text: str, way: str) -> Reply:
    if way in ("whole", "short"):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return json_reply(orjson.dumps(whole))
    middle = len(text) // 2
    if way == "cut":
        return sse_reply(piece("chat", text[:40]), piece("chat", text[40:middle]), failure("body"))
    return sse_reply(piece("chat", text[:middle]), piece("chat", text[middle:], "stop"), b"data: [DONE]\n\n")


ConversationMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestConversationMachine = ConversationMachine.TestCase

"""A small world around the gateway in which every leak is seen: random zones, scripted faults, and an oracle of its own.

The oracle shares no code with the product's clearance: levels are integers, compartments sets, and what a text is worth
is written beside the text. `WatchedUpstream` looks at each payload at the moment it is sent, against what the
configuration says at that moment.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from importlib.resources import files
from ipaddress import ip_network
from typing import Any, NamedTuple

import orjson
from bench.disguises import TRANSFORMS

from douane import config
from douane.adapters.limits_memory import MemoryLimits
from douane.core.label import Clearance, Label, Level
from douane.core.models.catalogue import Assurance, Capabilities, Deployment, Endpoint
from douane.core.money import Price
from douane.core.receipt import Intent
from douane.core.traffic.clearance import Cleared
from douane.core.traffic.snapshot import Key, Policy, Route, Snapshot, Strategy
from douane.core.zone import Zone
from douane.gateway.conditions import ConditionBook
from douane.gateway.pipeline import Gateway, Shell
from douane.ports import Answer, Conversations, Inspector
from douane.testing.client import GivenBody, RecordingSink, post
from douane.testing.clock import FrozenClock, SequenceIds
from douane.testing.conversations import InMemoryConversations
from douane.testing.in_memory_ledger import InMemoryLedger
from douane.testing.in_memory_vault import InMemoryVault
from douane.testing.keys import StaticKeys, StaticSnapshots, digest_of
from douane.testing.scripted_upstream import (
    Fault,
    Reply,
    ScriptedUpstream,
    Step,
    failure,
    json_reply,
    sse_reply,
    timeout,
)
from douane.testing.telemetry import SilentTelemetry
from douane.wire.call import Call
from douane.wire.kinds import registry

SECRET = "dn-test"
COMPARTMENTS = ("pci", "credential", "health")
PUBLIC_TEXT = "What is the capital of France?"

SENSITIVE: tuple[tuple[str, int, frozenset[str]], ...] = (
    ("Payez sur FR14 2004 1010 0505 0001 3M02 606 merci", 2, frozenset()),
    ("My card is 4111 1111 1111 1111, charge it", 2, frozenset({"pci"})),
    ("NIR du salarié : 2 69 05 49 588 157 80", 3, frozenset()),
    ("key = AKIAIOSFODNN7EXAMPLQ and aws_secret_access_key=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", 3,
     frozenset({"credential"})),
    ("TLP:RED\nminutes of the crisis cell", 3, frozenset()),
)  # fmt: skip
"""Texts with the least level and compartments that they are worth."""


class Carried(NamedTuple):
    """Values of one type, the sentence that carries one, and what it is worth however it is written."""

    type: str
    sentence: str
    values: tuple[str, ...]
    level: int
    compartments: frozenset[str] = frozenset()


CARRIED: tuple[Carried, ...] = (
    Carried("EMAIL", "Écris à {} avant midi", ("jean.dupont@example.fr", "anna_keller7@example.org"), 1),
    Carried("IBAN", "Payez sur le compte {} merci", ("FR76 3000 6000 0112 3456 7890 189", "DE89370400440532013000"), 2),
    Carried("NIR", "Sécurité sociale du salarié : {} merci", ("2 69 05 49 588 157 80", "269054958815780"), 3),
    Carried("CARD", "My card is {}, charge it", ("4970 1020 3405 0676", "5454540021357988"), 2, frozenset({"pci"})),
    Carried("PHONE", "Rappelle au {} ce soir", ("06 39 98 12 34", "0261911122"), 1),
)
UNSEEN: frozenset[tuple[str, str]] = frozenset({("reversed", "NIR")})
"""Ways of writing a type that nothing sees through, at most six: no promise is made for them."""


CUT = "\x1f"
SPLITS = ("split over parts", "split over messages", "split over turns")
DISGUISES = (*TRANSFORMS, *SPLITS)


def disguised(disguise: str, rng: random.Random) -> tuple[str, int, frozenset[str]]:
    """Return a sensitive text in one of the disguises, and what it is worth; plain ones hold secrets and marks too.

    Where it is to be split, `CUT` says where: `body_of` does it.
    """
    if disguise == "plain" and rng.random() < 0.5:
        return rng.choice(SENSITIVE)
    carried = rng.choice([one for one in CARRIED if (disguise, one.type) not in UNSEEN])
    value = rng.choice(carried.values)
    if disguise in SPLITS:
        value = value[: len(value) // 2] + CUT + value[len(value) // 2 :]
    else:
        value = TRANSFORMS[disguise](value)
    return carried.sentence.replace("{}", value), carried.level, carried.compartments


PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions", "embeddings": "/v1/embeddings"}
SOURCES = ("text", "system prompt", "tool schema", "tool result", "header", "key floor")
FAULTS = (
    "configured fallback", "fallback named by the caller", "retry", "upstream 500", "upstream 429", "timeout", "reset",
    "cut stream", "reload in flight",
)  # fmt: skip


@dataclass
class Leak:
    """Bytes of a labelled request at a zone that was not cleared for it at that moment."""

    deployment: str
    zone: str
    level: int
    compartments: frozenset[str]


@dataclass
class World:
    """One gateway on fakes; `worth` is what the request under way is worth, by the oracle."""

    snapshots: StaticSnapshots
    keys: StaticKeys
    gateway: Gateway
    upstream: WatchedUpstream
    ledger: InMemoryLedger
    conditions: ConditionBook
    worth: tuple[int, frozenset[str]] = (0, frozenset())
    excused: Callable[[Zone, bytes], bool] = lambda _zone, _payload: False
    """What else, by the oracle, may reach a zone that is not cleared for what the request is worth: a masked form."""
    leaks: list[Leak] = field(default_factory=list)
    unwritten: int = 0


class WatchedUpstream(ScriptedUpstream):
    """The scripted upstream, with an eye on every payload."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.meanwhile: Callable[[], None] = lambda: None
        self.arrivals: Counter[str] = Counter()

    async def send(self, cleared: Cleared, call: Call, *, total_s: float, confirm: Callable[[], None]) -> Answer:
        world = self.world
        self.meanwhile()
        confirm()
        current = world.snapshots.snapshot
        deployment = current.deployments.get(cleared.deployment.name)
        zone = current.zones[deployment.zone] if deployment is not None else None
        level, compartments = world.worth
        revoked = cleared.asked.key.digest in world.keys.revoked.keys
        blocked = cleared.deployment.name in world.keys.revoked.deployments
        may_have_it = zone is not None and (
            oracle_permits(zone, level, compartments) or world.excused(zone, call.payload)
        )
        if zone is None or revoked or blocked or not may_have_it:
            world.leaks.append(Leak(cleared.deployment.name, cleared.zone.name, level, compartments))
        elif not zone.premises and not world.ledger.intents:
            world.unwritten += 1
        self.arrivals[cleared.deployment.zone] += 1
        return await super().send(cleared, call, total_s=total_s, confirm=lambda: None)


def oracle_permits(zone: Zone, level: int, compartments: frozenset[str]) -> bool:
    """Say for itself whether a zone may have it."""
    given = zone.clearance
    return level <= int(given.level) and (given.every_compartment or not (compartments - given.compartments))


class ReloadingLedger(InMemoryLedger):
    """A ledger during whose commit something happens: the widest window between clearing and sending."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def intend(self, intent: Intent, *, patient: bool = False) -> Awaitable[None]:
        done = super().intend(intent)
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        return done


def random_clearance(rng: random.Random) -> Clearance:
    every = rng.random() < 0.4
    some = frozenset(c for c in COMPARTMENTS if rng.random() < 0.5)
    return Clearance(Level(rng.randrange(4)), frozenset() if every else some, every)


def topology(rng: random.Random, *, version: str = "v1") -> Snapshot:
    """Return random zones and deployments behind one route. A zone cleared for nothing but public is always among them."""
    zones = {
        "home": Zone("home", True, Clearance(Level.RESTRICTED, every_compartment=True), (ip_network("127.0.0.0/8"),)),
        "cloud": Zone("cloud", False, Clearance(Level.PUBLIC), (ip_network("127.0.0.0/8"),)),
    }
    for number in range(rng.randrange(3)):
        name = f"z{number}"
        zones[name] = Zone(name, rng.random() < 0.5, random_clearance(rng), (ip_network("127.0.0.0/8"),))
    if rng.random() < 0.3:
        del zones["home"]
    deployments = [
        make_deployment(f"{zone}-{number}", zone, rng) for zone in zones for number in range(rng.randint(1, 2))
    ]
    rng.shuffle(deployments)
    route = Route("chat", tuple(d.name for d in deployments), rng.choice(list(Strategy)), attempts=rng.randint(1, 6))
    return Snapshot(version, zones, {d.name: d for d in deployments}, {"chat": route}, {}, policy())


def make_deployment(name: str, zone: str, rng: random.Random) -> Deployment:
    return Deployment(
        name, zone, "m", "openai-compatible", Endpoint("http", "127.0.0.1", 1, "/v1"), "m", Assurance.VERIFIED,
        Capabilities(frozenset(PATHS)), Price(rng.randint(1, 9), rng.randint(1, 9), "EUR", "s", "2026-01-01"),
        weight=rng.randint(1, 4),
    )  # fmt: skip


_POLICY: list[Policy] = []


def policy() -> Policy:
    """Return the shipped policy map, with patterns alone to read: the worlds of these tests have no other reader."""
    if not _POLICY:
        kinds = {name: kind.facts for name, kind in registry({}).items()}
        text = '[policy]\nmeaning = "off"\n' + files("douane.data").joinpath("demo.toml").read_text(encoding="utf-8")
        _POLICY.append(config.loads(text, base_dir=".", kinds=kinds, environ={}).snapshot.policy)
    return _POLICY[0]


async def _no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


def world_of(
    snapshot: Snapshot,
    inspector: Inspector,
    rng: random.Random,
    floor: Label | None = None,
    *,
    keys: StaticKeys | None = None,
    conversations: Conversations | None = None,
) -> World:
    """Return a gateway on fakes over `snapshot`, for one key whose floor is `floor`, or for `keys`."""
    clock, upstream, ledger = FrozenClock(), WatchedUpstream(), ReloadingLedger()
    snapshots = StaticSnapshots(snapshot)
    keys = keys or StaticKeys(Key("k", digest_of(SECRET), "owner", floor=floor or Label(Level.PUBLIC)))
    conditions = ConditionBook(clock)
    shell = Shell(
        clock, SequenceIds(tuple(rng.random() for _ in range(8))), snapshots, keys, MemoryLimits(clock), inspector, ledger,
        upstream, SilentTelemetry(), registry({}), conditions, conversations or InMemoryConversations(),
        InMemoryVault(clock), sleep=_no_pause,
    )  # fmt: skip
    world = World(snapshots, keys, Gateway(shell), upstream, ledger, conditions)
    upstream.world = world
    return world


# --- requests ----------------------------------------------------------------------------------------------------


def body_of(endpoint: str, source: str, text: str, *, stream: bool, split: str = "") -> dict[str, Any]:
    """Return a body whose `source` holds `text`, split where it is to be; everything else in it is public."""
    pieces = text.split(CUT)
    text = "".join(pieces)
    if endpoint == "chat":
        body = _chat(source, text, stream=stream)
        if len(pieces) > 1:
            body["messages"] = [apart for message in body["messages"] for apart in _apart(message, text, pieces, split)]
        return body
    field_name = "prompt" if endpoint == "completions" else "input"
    body: dict[str, Any] = {"model": "chat", field_name: PUBLIC_TEXT}
    match source:
        case "text":
            body[field_name] = text if len(pieces) == 1 else pieces
        case "system prompt":
            body[field_name] = [*pieces, PUBLIC_TEXT]
        case "tool schema":
            body["x_schema"] = {"properties": {text: {"type": "string"}}}
        case "tool result":
            body["user"] = text
    if stream:
        body["stream"] = True
    return body


def _apart(message: dict[str, Any], text: str, pieces: list[str], split: str) -> list[dict[str, Any]]:
    """Return a message as one or more that say the same, its text in pieces."""
    if message["content"] != text:
        return [message]
    if split == "split over parts":
        return [{**message, "content": [{"type": "text", "text": piece} for piece in pieces]}]
    apart = [{**message, "content": piece} for piece in pieces]
    if split == "split over turns" and message["role"] == "user":
        return [apart[0], {"role": "assistant", "content": "Yes?"}, *apart[1:]]
    return apart


def _chat(source: str, text: str, *, stream: bool) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": text if source == "text" else PUBLIC_TEXT}]
    body: dict[str, Any] = {"model": "chat", "messages": messages}
    match source:
        case "system prompt":
            messages.insert(0, {"role": "system", "content": text})
        case "tool schema":
            parameters = {"type": "object", "properties": {"q": {"type": "string", "description": text}}}
            body["tools"] = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
        case "tool result":
            call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": "c1", "content": text})
    if stream:
        body["stream"] = True
    return body


CALLER_FIELDS: tuple[dict[str, Any], ...] = (
    {"fallbacks": ["cloud-0"]},
    {"models": ["chat", "cloud-0"]},
    {"api_base": "http://127.0.0.1:9/v1"},
    {"base_url": "http://127.0.0.1:9/v1"},
    {"provider": {"order": ["cloud"]}},
    {"route": "fallback"},
    {"plugins": [{"id": "web"}]},
    {"extra_body": {"fallbacks": ["cloud-0"]}},
)


# --- answers -----------------------------------------------------------------------------------------------------


def good(endpoint: str, *, stream: bool) -> Reply:
    """Return an answer that is complete."""
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    if endpoint == "embeddings":
        return json_reply(
            orjson.dumps(
                {
                    "object": "list",
                    "model": "m",
                    "data": [{"object": "embedding", "index": i, "embedding": [0.5]} for i in range(1)],
                    "usage": {"prompt_tokens": 3, "total_tokens": 3},
                }
            )
        )
    kind = "chat.completion" if endpoint == "chat" else "text_completion"
    if not stream:
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": "ok"}} if endpoint == "chat" else {"text": "ok"}
        return json_reply(
            orjson.dumps({"id": "x", "object": kind, "created": 1, "model": "m", "choices": [choice], "usage": usage})
        )
    return sse_reply(
        piece(endpoint, "o"), piece(endpoint, "k", "stop"), _event({"usage": usage}, kind), b"data: [DONE]\n\n"
    )


def piece(endpoint: str, text: str, finish: str | None = None) -> bytes:
    """Return one event of a stream."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice |= {"delta": {"content": text}} if endpoint == "chat" else {"text": text}
    return _event({"choices": [choice]}, "chat.completion.chunk" if endpoint == "chat" else "text_completion")


def _event(part: dict[str, Any], kind: str) -> bytes:
    whole = {"id": "x", "object": kind, "created": 1, "model": "m", "choices": [], **part}
    return b"data: " + orjson.dumps(whole) + b"\n\n"


def error_reply(status: int) -> Reply:
    body = orjson.dumps({"error": {"message": "no", "type": "server_error", "param": None, "code": None}})
    return json_reply(body, status=status)


def bad(fault: str, endpoint: str, rng: random.Random, *, stream: bool) -> Step:
    """Return how a deployment fails under `fault`."""
    match fault:
        case "upstream 500":
            return error_reply(rng.choice((500, 502, 503, 529)))
        case "upstream 429":
            return error_reply(429)
        case "timeout":
            return Fault(timeout(rng.choice(("connect", "head"))))
        case "reset":
            return Fault(failure(rng.choice(("connect", "send", "head"))))
        case "cut stream":
            if stream and rng.random() < 0.5:
                return sse_reply(piece(endpoint, "half"), failure("body"))
            return sse_reply(b"data: {", failure("body")) if stream else json_reply(b'{"id": "x", "choi')
        case _:
            return rng.choice((error_reply(500), Fault(failure("head")), Fault(timeout("head"))))


def reloaded(rng: random.Random, old: Snapshot, number: int) -> Snapshot:
    """Return the same deployments under other clearances: what was allowed a moment ago may no longer be."""
    zones = {name: replace(zone, clearance=random_clearance(rng)) for name, zone in old.zones.items()}
    return replace(old, version=f"v{number}", zones=zones)


async def ask(
    world: World, endpoint: str, body: Any, headers: dict[str, str] | None = None, secret: str = SECRET
) -> RecordingSink:
    """Send one request through the gateway's door."""
    sink = RecordingSink()
    await world.gateway.handle(post(PATHS[endpoint], secret, headers), GivenBody(body), sink)
    return sink

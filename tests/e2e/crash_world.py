"""Kills a gateway at work, starts it again, and compares what clients and upstreams saw with what the ledger has.

The oracle adds up the chained records by itself; the product's verifier is asked beside it.

A round: 24 requests are held open by their upstreams, half of them streams whose first event the client has; 12 clients
ask without pause besides. After some number of acknowledgements the victim gets SIGKILL:
- `gateway`: the whole process; its writer ends by itself.
- `writer`: the ledger's child alone; the gateway goes on, and every outcome must follow.
- `stopped writer`: the same, once it stands still and outcomes and intents lie unread before it.
- `both`: at the same moment.
- `late writer`: the gateway, while its writer stands still with unread intents, which it commits afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson
from leak_world import good, piece
from ledger_book import LedgerBook
from raw_client import CHAT, IBAN, Heard, chat, port_of, post, talk
from running import TWO_ZONES, Beside, Running, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.adapters.store.sqlite_reads import SqliteReads
from douane.control.ledger_verify import verify
from douane.core.digest import digest
from douane.core.receipt import read_body
from douane.testing.hostile_server import Behaviour, Exchange, HostileServer, Request, waits

VICTIMS = ("gateway", "writer", "both", "late writer", "stopped writer")
HELD = 24
CALLERS = 12
LATE = 8
_SHOULD_BE_NOTHING = ("lost", "left_unwritten", "not_settled_once", "wrong_state", "open", "sums_apart")


@dataclass
class Round:
    """What a round found. The counts from `lost` to `sums_apart` must be 0, `verdict` sound."""

    victim: str
    in_flight: int = 0
    acknowledged: int = 0
    """Requests whose client had the first byte of an answer."""
    refused: int = 0
    """Requests that were told 503 while the writer was away."""
    lost: int = 0
    """Acknowledged requests that the ledger does not have."""
    left_unwritten: int = 0
    """Payloads that reached a zone off the premises and have no intent."""
    not_settled_once: int = 0
    wrong_state: int = 0
    open: int = 0
    sums_apart: int = 0
    unknown: int = 0
    """Acknowledged requests that recovery ended."""
    complete_but_unknown: int = 0
    """Of those, attempts whose client had the whole answer: the kill came before the outcome's commit."""
    verdict: str = ""

    @property
    def ok(self) -> bool:
        return self.verdict == "sound" and not any(getattr(self, name) for name in _SHOULD_BE_NOTHING)

    def faults(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass
class Asked:
    """One request, and what its client heard."""

    how: str
    heard: Heard = field(default_factory=Heard)

    @property
    def acknowledged(self) -> bool:
        return self.heard.began and self.heard.status == 200


class Load:
    """The clients of one round, and the moment of the kill."""

    def __init__(self, running: Running, key: str, own: HostileServer, far: HostileServer, trigger: int) -> None:
        self.port, self.key, self.own, self.far = port_of(running.url), key, own, far
        self.trigger = trigger
        self.asked: list[Asked] = []
        self.release = asyncio.Event()
        self.due = asyncio.Event()
        self.over = asyncio.Event()
        self.waiting = 0
        self.served = 0

    def behave(self, request: Request) -> Behaviour:
        """Answer as the request's text says."""
        body = orjson.loads(request.body)
        stream = bool(body.get("stream"))
        whole = played(good("chat", stream=stream))
        if not body["messages"][0]["content"].startswith("held"):
            return whole
        return self._held_stream if stream else self._counted(waits(self.release, whole))

    def _counted(self, behaviour: Behaviour) -> Behaviour:
        async def behave(exchange: Exchange) -> None:
            self.waiting += 1
            self._look()
            await behaviour(exchange)

        return behave

    async def _held_stream(self, exchange: Exchange) -> None:
        await exchange.write(stream_head() + framed(piece("chat", "first")))
        await self.release.wait()
        last = (piece("chat", "last", "stop"), b"data: [DONE]\n\n", b"")
        await exchange.write(b"".join(framed(part) for part in last))

    def _look(self) -> None:
        if self.waiting >= HELD and self.served >= self.trigger:
            self.due.set()

    async def ask(self, how: str, *, stream: bool, local: bool) -> Asked:
        asked = Asked(how)
        self.asked.append(asked)
        text = f"{how} {len(self.asked)} {IBAN if local else 'hello'}"
        began = False

        def news(heard: Heard) -> None:
            nonlocal began
            asked.heard = heard
            if not began and asked.acknowledged:
                began = True
                self.served += 1
                self.waiting += how == "held" and stream
                self._look()

        asked.heard = await talk(self.port, post(chat(text, stream=stream), self.key), news=news)
        return asked

    async def caller(self, number: int) -> None:
        """Ask and ask again, until it is over or nobody listens."""
        count = number
        while not self.over.is_set():
            asked = await self.ask("quick", stream=count % 2 == 0, local=count % 3 == 0)
            if not asked.heard.raw:
                return
            count += 1

    def recovered(self, before: int) -> bool:
        """Tell whether some requests were served since the first `before`."""
        return sum(asked.acknowledged for asked in self.asked[before:]) >= CALLERS


async def strike(load: Load, running: Running, victim: str) -> int:
    """Play a round up to the death of its victim, and until every client has its end; return what was in flight."""
    writer = writer_of(running.process.pid)
    held = [asyncio.create_task(load.ask("held", stream=n % 2 == 0, local=n % 4 < 2)) for n in range(HELD)]
    callers = [asyncio.create_task(load.caller(n)) for n in range(CALLERS)]
    late: list[asyncio.Task[Asked]] = []
    async with asyncio.timeout(60):
        await load.due.wait()
        in_flight = load.waiting
        if "writer" in victim.split()[1:]:
            os.kill(writer, signal.SIGSTOP)
            try:
                if victim == "stopped writer":
                    load.release.set()
                    await asyncio.wait(held[::2])
                late = await ask_in_vain(load)
            except BaseException:
                os.kill(writer, signal.SIGKILL)
                raise
        if victim in ("writer", "stopped writer", "both"):
            os.kill(writer, signal.SIGKILL)
        if victim in ("writer", "stopped writer"):
            await serve_again(load)
        else:
            running.process.kill()
            running.process.wait()
        if victim == "late writer":
            os.kill(writer, signal.SIGCONT)
        await asyncio.gather(*held, *callers, *late)
        assert not any(task.result().acknowledged for task in late), "an answer before its intent was durable"
    return in_flight


async def ask_in_vain(load: Load) -> list[asyncio.Task[Asked]]:
    """Ask while the writer stands still: the upstream answers, and nobody hears of it."""
    load.own.received.clear()
    late = [asyncio.create_task(load.ask("late", stream=False, local=True)) for _ in range(LATE)]
    await load.own.until(lambda: sum(b"late" in request.body for request in load.own.received) == LATE)
    assert not any(task.done() for task in late), "an answer before its intent was durable"
    return late


async def serve_again(load: Load) -> None:
    """Ask until a gateway that lost its writer serves as before, then let everything end."""
    before = len(load.asked)
    while not load.recovered(before):
        await load.ask("quick", stream=False, local=False)
    load.over.set()
    load.release.set()


def writer_of(gateway: int) -> int:
    """Return the process id of a gateway's ledger writer."""
    children = Path(f"/proc/{gateway}/task/{gateway}/children").read_text().split()
    found = [int(child) for child in children if b"store.writer" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


class CrashWorld:
    """One data folder, one pair of upstreams, and a gateway that dies each round and lives again."""

    def __init__(self, folder: Path, beside: Beside, own: HostileServer, far: HostileServer) -> None:
        self._folder, self._beside, self._own, self._far = folder, beside, own, far
        self._config = TWO_ZONES.format(own=own.url, far=far.url)
        self._key: str | None = None
        self._lives = contextlib.ExitStack()
        self._running = self._start()

    def play(self, victim: str, trigger: int) -> Round:
        """Play one round: the victim dies after `trigger` acknowledgements."""
        for server in (self._own, self._far):
            server.received.clear()
        assert self._key is not None
        load = self._beside.run(self._loaded(trigger))
        in_flight = self._beside.run(strike(load, self._running, victim))
        self._lives.close()  # a gateway that lives is stopped in order; one that was killed is gone
        self._running = self._start()
        return self._examine(Round(victim, in_flight), load)

    def close(self) -> None:
        self._lives.close()

    async def _loaded(self, trigger: int) -> Load:
        assert self._key is not None
        load = Load(self._running, self._key, self._own, self._far, trigger)
        for server in (self._own, self._far):
            server.choose(CHAT, load.behave)
        return load

    def _start(self) -> Running:
        running = self._lives.enter_context(douane_up(self._folder, self._config))
        self._key = running.key or self._key
        return running

    # --- the oracle

    def _examine(self, found: Round, load: Load) -> Round:
        book = LedgerBook.read(self._running.data)
        written = {intent.payload_digest for intent in book.intents.values()}
        recorded = {request_id for request_id, _ in book.intents}
        acknowledged = [asked for asked in load.asked if asked.acknowledged]
        found.acknowledged = len(acknowledged)
        found.refused = sum(asked.heard.status == 503 for asked in load.asked)
        found.lost = sum(asked.heard.request_id not in recorded for asked in acknowledged)
        found.left_unwritten = sum(digest(request.body) not in written for request in self._far.received)
        found.not_settled_once = book.not_settled_once
        found.open = book.open
        found.sums_apart = book.sums_apart()
        for asked in acknowledged:
            ending = book.ending(asked.heard.request_id)
            if ending is not None:
                self._judge(found, asked, ending.state)
                found.unknown += ending.state == "unknown"
        found.verdict = verify(SqliteReads(self._running.data / "douane.db"))["verdict"]
        return found

    def _judge(self, found: Round, asked: Asked, state: str) -> None:
        """A request whose gateway died is `unknown` unless its outcome was committed; all others are complete."""
        if found.victim in ("writer", "stopped writer"):
            found.wrong_state += (state == "complete") != asked.heard.whole
        elif asked.how == "held":
            found.wrong_state += state != "unknown"
        else:
            found.wrong_state += state not in ("complete", "unknown") or (state == "complete" and not asked.heard.whole)
            found.complete_but_unknown += state == "unknown" and asked.heard.whole


def _fields(body: str) -> dict[str, Any]:
    kind, _, _, _, record = read_body(body.encode())
    return {"kind": kind, **record._asdict()}


@contextlib.contextmanager
def crash_world(folder: Path) -> Any:
    """A world for the length of a block."""
    with upstreams(2) as (beside, (own, far)):
        world = CrashWorld(folder, beside, own, far)
        try:
            yield world
        finally:
            world.close()


def triggers(rng: random.Random) -> int:
    """Return after how many acknowledgements a victim dies: most often early, where batches are small."""
    return rng.choice((12, rng.randint(12, 60), rng.randint(60, 600)))

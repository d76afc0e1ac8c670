"""A running gateway that takes other configurations, and requests that are held open meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leak_world import good, piece
from raw_client import CHAT, IBAN, Heard, chat, get, once, port_of, post, talk
from running import TWO_ZONES, Beside, Running, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.testing.hostile_server import Behaviour, Exchange, HostileServer, Request, waits

IN_FLIGHT = 30
MANY_LOOKS = 1500


@dataclass
class House:
    folder: Path
    running: Running
    beside: Beside
    own: HostileServer
    far: HostileServer
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def admin(self) -> str:
        assert self.running.key is not None
        return self.running.key

    def talk(self, *parts: bytes) -> Heard:
        return self.beside.run(talk(port_of(self.running.url), *parts))

    def ask(self, text: str, key: str | None = None, **fields: Any) -> Heard:
        return self.talk(post(chat(text, **fields), key or self.admin))

    def act(self, method: str, path: str, body: bytes = b"") -> Heard:
        return self.talk(post(body, self.admin, path=f"/admin/v1/{path}").replace(b"POST", method.encode(), 1))

    def write(self, config: str) -> None:
        (self.folder / "douane.toml").write_text(config.format(own=self.own.url, far=self.far.url), encoding="utf-8")

    def reload(self, config: str) -> None:
        """Put a configuration in force, by the admin API."""
        self.write(config)
        heard = self.act("POST", "reload")
        assert heard.status == 200, heard.raw

    @property
    def version(self) -> str:
        return str(self.act("GET", "status").json["configuration"]["version"])

    @property
    def said(self) -> str:
        return (self.folder / "errors.txt").read_text(encoding="utf-8")

    def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Look until it holds, a bounded number of times."""

        async def look() -> None:
            for _ in range(MANY_LOOKS):
                if await holds():
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("it never came to hold")

        self.beside.run(look())

    def until_said(self, text: str, times: int = 1) -> None:
        async def holds() -> bool:
            return self.said.count(text) >= times

        self.until(holds)

    def until_status(self, key: str, status: int) -> None:
        """Wait until a key is answered in this way."""
        port = port_of(self.running.url)

        async def holds() -> bool:
            return (await talk(port, get("/v1/models", key))).status == status

        self.until(holds)


@contextlib.contextmanager
def reloadable(folder: Path) -> Iterator[House]:
    """Run a gateway between two zones."""
    with upstreams(2) as (beside, (own, far)):
        config = TWO_ZONES.format(own=own.url, far=far.url)
        with douane_up(folder, config) as running:
            yield House(folder, running, beside, own, far)


def as_at_first(house: House) -> House:
    """Return the house under its first configuration, with upstreams that answer and have seen nothing."""
    for server in (house.own, house.far):
        server.received.clear()
        server.choose(CHAT, lambda request: answer(request, house.release))
    house.beside.call(house.release.clear)
    house.reload(TWO_ZONES)
    return house


def answer(request: Request, release: asyncio.Event) -> Behaviour:
    """Answer at once, or hold a request that says so: a whole answer entirely, a stream after its first event."""
    stream = b'"stream":true' in request.body
    if b"held" not in request.body:
        return played(good("chat", stream=stream))
    return held_stream(release) if stream else waits(release, played(good("chat", stream=False)))


def held_stream(release: asyncio.Event) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.write(stream_head() + framed(piece("chat", "first")))
        await release.wait()
        last = (piece("chat", "last", "stop"), b"data: [DONE]\n\n", b"")
        await exchange.write(b"".join(framed(part) for part in last))

    return behave


@contextlib.contextmanager
def in_flight(house: House) -> Iterator[list[Heard]]:
    """Have 30 requests held open while the block runs, then let them end; every one of them must end well."""
    heard: list[Heard] = []

    async def ask_all() -> list[asyncio.Task[Heard]]:
        port = port_of(house.running.url)
        texts = ["held", f"held {IBAN}"]
        requests = [post(chat(texts[n // 2 % 2], stream=n % 2 == 0), house.admin) for n in range(IN_FLIGHT)]
        begun = [asyncio.Event() for _ in requests]
        tasks = [
            asyncio.create_task(talk(port, request, news=once(event)))
            for request, event in zip(requests, begun, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in begun[::2]))
        for _ in range(MANY_LOOKS):  # both servers: waiting for the news of one would miss those of the other
            if len(house.own.received) + len(house.far.received) == IN_FLIGHT:
                return tasks
            await asyncio.sleep(0.01)
        raise AssertionError("not every request arrived")

    async def let_go(tasks: list[asyncio.Task[Heard]]) -> list[Heard]:
        assert not any(task.done() for task in tasks), "a request ended while it was held"
        house.release.set()
        return await asyncio.gather(*tasks)

    tasks = house.beside.run(ask_all())
    try:
        yield heard
    finally:
        heard += house.beside.run(let_go(tasks))
    for each in heard:
        assert (each.status, each.whole) == (200, True)
        assert not each.events or each.events[-1] == b"[DONE]"
    assert sum(bool(each.events) for each in heard) == IN_FLIGHT // 2

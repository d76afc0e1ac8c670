"""Clients that leave and clients that do not read, before a running gateway: upstreams learn of both (law 7, section 7).

How fast an upstream learns is printed here (`pytest -s`) and measured in `bench`; asserted is that it does, in order.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from leak_world import good, piece
from ledger_book import LedgerBook
from raw_client import CHAT, chat, get, port_of, post, talk
from running import TWO_ZONES, Beside, Running, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.core.receipt import Outcome
from douane.testing.hostile_server import ConnectionLog, Exchange, HostileServer, stalls

SECRET = "dn-two-at-once"
CONFIG = (
    TWO_ZONES
    + f"""
[keys.two-at-once]
secret_sha256 = "{sha256(SECRET.encode()).hexdigest()}"
routes = ["*"]
floor = "public"
limits = {{{{ concurrent = 2 }}}}
"""
)
FLOODS = 8
GROWTH_MB = 32
"""The budget of one such reader, held for all of them together."""
STILL = 25
"""So many looks in a row at a counter that stands: what could be sent is sent."""


@dataclass
class House:
    running: Running
    beside: Beside
    far: HostileServer

    def connect(self, request: bytes) -> socket.socket:
        """Send a request and read nothing."""
        client = socket.create_connection(("127.0.0.1", port_of(self.running.url)), timeout=30)
        client.sendall(request)
        return client

    def upstream_of(self, count: int) -> list[ConnectionLog]:
        """Wait until `count` requests have come, and return the connections that carry them."""
        self.beside.run(self.far.until(lambda: len(self.far.received) >= count))
        return [self.far.connections[request.connection] for request in self.far.received]

    def ended(self, count: int) -> Outcome:
        """Wait until so many attempts have an outcome, and return the last one."""

        async def until_they_have() -> Outcome:
            for _ in range(1000):
                outcomes = list(LedgerBook.read(self.running.data).outcomes.values())
                if len(outcomes) == count:
                    return outcomes[-1]
                await asyncio.sleep(0.01)
            raise AssertionError("an attempt got no outcome")

        return self.beside.run(until_they_have())


@pytest.fixture(scope="module")
def module_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with upstreams(2) as (beside, (own, far)):
        config = CONFIG.format(own=own.url, far=far.url)
        with douane_up(tmp_path_factory.mktemp("abort"), config) as running:
            yield House(running, beside, far)


@pytest.fixture
def house(module_house: House) -> House:
    module_house.far.received.clear()
    return module_house


def leave_by_reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


LEAVING = {
    "close": socket.socket.close,
    "reset": leave_by_reset,
    "end of input": lambda client: client.shutdown(socket.SHUT_WR),
}


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("begun", [True, False], ids=["stream", "whole"])
def test_a_client_that_leaves_closes_its_upstream(house: House, how: str, begun: bool) -> None:
    before = len(LedgerBook.read(house.running.data).outcomes)
    house.far.behave(CHAT, stalls(stream_head() + framed(piece("chat", "first")) if begun else b""))
    with closing(house.connect(post(chat("hello", stream=begun), SECRET))) as client:
        (log,) = house.upstream_of(1)
        if begun:
            assert b"first" in client.recv(65536)
        assert not log.closed.is_set()

        async def from_leaving_to_closed() -> float:
            LEAVING[how](client)
            left = time.monotonic()
            await asyncio.wait_for(log.closed.wait(), 20)
            return time.monotonic() - left

        print(f"{how}: upstream closed after {house.beside.run(from_leaving_to_closed()) * 1000:.1f} ms")
    ending = house.ended(before + 1)
    assert ending.state == ("partial" if begun else "failed")
    assert (ending.error_code, ending.status, ending.settles) == ("client_closed", 499, True)
    assert ending.token_source == ("counted" if begun else "estimate"), "who leaves early pays what was held"


def test_whoever_leaves_gives_back_its_place(house: House) -> None:
    """The key has two places: were those of the clients above not free again, this would be refused."""
    house.far.behave(CHAT, played(good("chat", stream=False)))
    request = post(chat("hello"), SECRET)
    assert [house.beside.run(talk(port_of(house.running.url), request)).status for _ in range(3)] == [200] * 3


# --- floods


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    tree = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    texts = [Path(f"/proc/{each}/status").read_text() for each in tree]
    return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in texts) * 1024 / 1e6


async def floods_numbered(exchange: Exchange) -> None:
    """Stream numbered pieces for as long as they are taken."""
    await exchange.write(stream_head())
    number = 0
    while True:
        parts = []
        for _ in range(64):
            parts.append(piece("chat", f"{number:08d}" + "x" * 1000))
            number += 1
        await exchange.write(framed(b"".join(parts)))


async def stands_still(logs: list[ConnectionLog]) -> int:
    """Wait until nothing more is sent; return how many bytes were."""
    seen, looks = -1, 0
    for _ in range(3000):
        now = sum(log.bytes_written for log in logs)
        looks = looks + 1 if now == seen and all(log.blocked for log in logs) else 0
        if looks == STILL:
            return now
        seen = now
        await asyncio.sleep(0.01)
    raise AssertionError("the upstreams are read without end")


def test_a_reader_that_does_not_read_stops_the_upstream_and_fills_no_memory(house: House) -> None:
    assert house.running.key is not None
    house.far.behave(CHAT, floods_numbered)
    before_mb = resident_mb(house.running.process.pid)
    request = post(chat("hello", stream=True), house.running.key)
    with ExitStack() as exits:
        clients = [exits.enter_context(closing(house.connect(request))) for _ in range(FLOODS)]
        logs = house.upstream_of(FLOODS)
        sent = house.beside.run(stands_still(logs))
        growth_mb = resident_mb(house.running.process.pid) - before_mb
        print(f"{FLOODS} floods of {sent / 1e6:.1f} MB in all: {growth_mb:.1f} MB")
        assert growth_mb <= GROWTH_MB
        assert house.beside.run(talk(port_of(house.running.url), get("/healthz"))).status == 200
        read_on(clients[0])
    for log in logs:
        house.beside.run(asyncio.wait_for(log.closed.wait(), 20))


def read_on(client: socket.socket) -> None:
    """Read eight megabytes that waited and that come now: every piece is there, in order."""
    text = b""
    while len(text) < 8_000_000:
        text += client.recv(1 << 20)
    numbers = [
        int(orjson.loads(line[6:])["choices"][0]["delta"]["content"][:8])
        for line in text.split(b"\n")
        if line.startswith(b"data: ") and line.endswith(b"}")
    ]
    assert len(numbers) > 5000
    assert numbers == list(range(len(numbers)))


def test_the_ledger_holds_all_of_them_as_partial(house: House) -> None:
    house.running.process.terminate()
    assert house.running.wait_gone() == 0
    book = LedgerBook.read(house.running.data)
    assert book.states == {"partial": len(LEAVING) + FLOODS, "failed": len(LEAVING), "complete": 3}
    left = sum(outcome.error_code == "client_closed" for outcome in book.outcomes.values())
    assert left == 2 * len(LEAVING) + FLOODS
    assert (book.open, book.not_settled_once, book.sums_apart()) == (0, 0, 0)

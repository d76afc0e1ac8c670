"""Whatever ends a gateway, or its disk: what a client was given is in the ledger, once, and the sums agree (law 4).

SIGKILL in mid-flight, a few rounds of what `python -m bench.crash_rounds` plays fifty times; a disk that takes nothing
more; a stop in order that has to cut what does not end.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_world import VICTIMS, CrashWorld, crash_world, triggers, writer_of
from leak_world import good, piece
from ledger_book import LedgerBook
from raw_client import CHAT, IBAN, Heard, chat, get, once, port_of, post, talk
from running import TWO_ZONES, Beside, Running, cli, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.testing.hostile_server import HostileServer, stalls


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashWorld]:
    with crash_world(tmp_path_factory.mktemp("crash")) as world:
        yield world


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_was_acknowledged_survives_a_kill_and_settles_once(world: CrashWorld, victim: str) -> None:
    found = world.play(victim, triggers(random.Random(victim)))
    assert found.ok, found.faults()
    assert found.in_flight >= 20
    assert found.acknowledged >= 12
    if victim in ("writer", "stopped writer"):
        assert found.unknown == 0, "the gateway lived to say how each of them ended"
        assert found.refused > 0
    else:
        assert found.unknown >= 12, "the streams that were held open end as unknown"


def test_a_folder_that_saw_many_deaths_still_verifies(world: CrashWorld, tmp_path: Path) -> None:
    rng = random.Random(7)
    for victim in ("gateway", "writer"):
        found = world.play(victim, triggers(rng))
        assert found.ok, found.faults()


# --- a disk that is full


def limit_files(pid: int, most_bytes: int) -> None:
    """Let a process write no file beyond this size: to its writes the disk is full."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def test_a_full_disk_refuses_every_request_until_there_is_room(tmp_path: Path) -> None:
    with upstreams(2) as (beside, (own, far)):
        for server in (own, far):
            server.choose(CHAT, lambda request: played(good("chat", stream=b'"stream":true' in request.body)))
        with douane_up(tmp_path, TWO_ZONES.format(own=own.url, far=far.url)) as running:
            while_full(running, beside, far)
            data = running.data
    book = LedgerBook.read(data)
    assert (book.open, book.not_settled_once, book.sums_apart()) == (0, 0, 0)
    assert "sound" in cli("ledger", "verify", data=data)


def while_full(running: Running, beside: Beside, far: HostileServer) -> None:
    port, writer = port_of(running.url), writer_of(running.process.pid)

    def ask(text: str, *, stream: bool = False) -> Heard:
        return beside.run(talk(port, post(chat(text, stream=stream), running.key)))

    assert ask("hello").status == 200
    limit_files(writer, 4096)
    for _ in range(3):
        for text in ("hello", IBAN):
            for stream in (False, True):
                heard = ask(text, stream=stream)
                assert (heard.status, heard.json["error"]["code"]) == (503, "overloaded")
    assert len(far.received) == 1, "nothing left the premises that could not be written"
    told = beside.run(talk(port, get("/readyz")))
    assert (told.status, told.json["error"]["code"]) == (503, "overloaded")
    limit_files(writer, resource.RLIM_INFINITY)

    async def until_it_serves() -> None:
        for _ in range(2000):
            if (await talk(port, get("/readyz"))).status == 200:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never serves again")

    beside.run(until_it_serves())
    assert ask("hello").status == ask(IBAN).status == 200


# --- a stop in order


def test_a_gateway_that_is_told_to_stop_settles_what_it_has_to_cut(tmp_path: Path) -> None:
    config = "[server]\ndrain_s = 0.2\n" + TWO_ZONES
    with upstreams(2) as (beside, (own, far)):
        for server in (own, far):
            server.behave(CHAT, stalls(stream_head() + framed(piece("chat", "first"))))
        with douane_up(tmp_path, config.format(own=own.url, far=far.url)) as running:

            async def stop_them() -> list[Heard]:
                tasks = []
                for stream in (True, False) * 10:
                    started = asyncio.Event()
                    text = IBAN if len(tasks) % 4 < 2 else "hello"
                    request = post(chat(text, stream=stream), running.key)
                    job = talk(port_of(running.url), request, news=once(started))
                    tasks.append(asyncio.create_task(job))
                    if stream:
                        await started.wait()
                await own.until(lambda: len(own.received) == 10)
                await far.until(lambda: len(far.received) == 10)
                running.process.terminate()
                return await asyncio.gather(*tasks)

            answers = beside.run(stop_them())
            assert running.wait_gone() == 0
            data = running.data
    for heard in answers:
        assert b"[DONE]" not in heard.raw
        assert b'"code":"overloaded"' in heard.raw, "who is still there is told, in a stream too"
    assert sorted(heard.status for heard in answers) == [200] * 10 + [503] * 10
    book = LedgerBook.read(data)
    assert (book.open, book.not_settled_once, book.sums_apart()) == (0, 0, 0)
    assert book.states == {"partial": 10, "failed": 10}

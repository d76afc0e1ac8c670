"""The SQLite ledger with its writer process: failing disks, dying writers, bounded queues, orderly ends."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import uvloop

from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.sqlite_ledger import SqliteLedger
from douane.adapters.store.sqlite_reads import SqliteReads
from douane.adapters.store.writer_link import frame
from douane.control.ledger_report import FOREVER_US
from douane.control.ledger_verify import verify
from douane.errors import StoreFailed
from douane.testing.clock import FrozenClock
from douane.testing.records import a_refusal, an_intent, an_outcome


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[SqliteLedger]:
    directory = DataDirectory.claim(folder)
    ledger = await SqliteLedger.open(directory, FrozenClock(), **options)
    try:
        yield ledger
    finally:
        await ledger.aclose()
        directory.release()


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "douane.db")) as connection:
        return connection.execute(query).fetchall()


def sound(folder: Path) -> bool:
    return bool(verify(SqliteReads(folder / "douane.db"))["verdict"] == "sound")


def states(data: Path) -> dict[str, str]:
    """Return the state of every request's last attempt, as an export gives it."""
    return {row["request_id"]: row["state"] for row in SqliteReads(data / "douane.db").attempts(0, FOREVER_US)}


async def failed(awaitable: Awaitable[None]) -> StoreFailed:
    with pytest.raises(StoreFailed) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_an_intent_is_on_the_disk_once_its_awaitable_ends(data: Path, run: Callable[[Any], None]) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            await asyncio.gather(*(ledger.intend(an_intent(f"r{n}")) for n in range(100)))
            assert rows(data, "select count(*) from open_requests") == [(100,)]
            for n in range(100):
                ledger.conclude(an_outcome(f"r{n}"))
            assert ledger.batches < 10

    run(story())
    assert rows(data, "select count(*) from requests") == [(100,)]
    assert sound(data)


def test_closing_writes_what_nobody_awaited(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            ledger.intend(an_intent("a"))
            ledger.conclude(an_outcome("a"))
            ledger.refuse(a_refusal("b"))

    asyncio.run(story())
    assert rows(data, "select request_id, state from requests order by 1") == [
        ("a", "complete"),
        ("b", "refused"),
    ]


def test_when_the_disk_refuses_nothing_is_acknowledged_until_it_takes_again(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            await ledger.intend(an_intent("before"))
            pid = ledger.writer_pid
            assert pid is not None
            unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
            outcome = ledger.conclude(an_outcome("before"))
            refused = await failed(ledger.intend(an_intent("during")))
            assert "SQLITE_" in refused.problem
            assert ledger.failure is not None
            later = await failed(ledger.intend(an_intent("later")))
            assert later.fix
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
            await outcome
            await asyncio.wait_for(ledger.taking(), 20)
            await ledger.intend(an_intent("after"))
            assert ledger.writer_pid == pid

    asyncio.run(story())
    assert states(data) == {"after": "open", "before": "complete"}
    assert sound(data)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_lost_its_name_takes_nothing_until_it_is_back(data: Path, replaced: bool) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            await ledger.intend(an_intent("before"))
            database, aside = data / "douane.db", data / "aside.db"
            database.rename(aside)
            if replaced:
                copyfile(aside, database)
            error = await failed(ledger.intend(an_intent("meanwhile")))
            assert "no longer where" in error.problem
            assert ledger.failure is not None
            aside.replace(database)
            ledger.conclude(an_outcome("before"))
            await asyncio.wait_for(ledger.taking(), 20)
            await ledger.intend(an_intent("after"))
            await ledger.conclude(an_outcome("after"))

    asyncio.run(story())
    assert states(data) == {"before": "complete", "after": "complete"}
    assert sound(data)


def test_when_the_writer_dies_waiting_intents_fail_outcomes_are_kept_and_it_comes_back(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            await ledger.intend(an_intent("before"))
            pid = ledger.writer_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            waiting = [ledger.intend(an_intent(f"waiting-{n}")) for n in range(30)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            queued = ledger.intend(an_intent("queued"))
            outcome = ledger.conclude(an_outcome("before"))
            os.kill(pid, signal.SIGKILL)
            for awaitable in (*waiting, queued):
                await failed(awaitable)
            assert ledger.failure is not None
            await outcome
            await asyncio.wait_for(ledger.taking(), 20)
            await ledger.intend(an_intent("after"))
            assert ledger.writer_pid != pid

    asyncio.run(story())
    found = rows(data, "select state, error_code, cost_micro, count(*) from attempts group by 1,2,3")
    assert sorted(found) == [("complete", "", 63, 1), ("failed", "not_recorded", 0, 30)]
    assert states(data)["after"] == "open"
    assert sound(data)


def test_an_intent_that_failed_is_concluded_by_its_caller_if_the_caller_does(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            pid = ledger.writer_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            waiting = ledger.intend(an_intent("a", premises=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            await failed(waiting)
            await ledger.conclude(an_outcome("a", state="failed", status=503, error_code="overloaded"))

    asyncio.run(story())
    assert rows(data, "select state, error_code from attempts") == [("failed", "overloaded")]
    assert sound(data)


def test_a_commit_that_takes_too_long_fails_what_waits_and_ends_well_later(data: Path) -> None:
    async def story() -> None:
        async with opened(data, stall_s=0.05) as ledger:
            pid = ledger.writer_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            stalled = await failed(ledger.intend(an_intent("a")))
            assert "longer than" in stalled.problem
            os.kill(pid, signal.SIGCONT)
            await asyncio.wait_for(ledger.taking(), 20)

    asyncio.run(story())
    assert rows(data, "select state, error_code from attempts") == [("failed", "not_recorded")]
    assert sound(data)


def test_the_queue_is_bounded_but_takes_the_outcomes_of_what_it_took(data: Path) -> None:
    async def story() -> None:
        async with opened(data, capacity=3) as ledger:
            taken = [ledger.intend(an_intent(f"r{n}")) for n in range(3)]
            full = await failed(ledger.intend(an_intent("r3")))
            assert "takes no more" in full.problem
            await asyncio.gather(*taken)
            outcomes = [ledger.conclude(an_outcome(f"r{n}")) for n in range(3)]
            await failed(ledger.refuse(a_refusal("r4")))
            await asyncio.gather(*outcomes)

    asyncio.run(story())
    assert rows(data, "select count(*) from requests") == [(3,)]


def test_a_record_without_a_form_on_the_wire_fails_alone(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            good, bad = ledger.intend(an_intent("good")), ledger.intend(an_intent("bad", reasons="\ud800"))
            await good
            await failed(bad)
            assert ledger.failure is None

    asyncio.run(story())


def test_a_cancelled_caller_does_not_disturb_the_others(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            first = asyncio.ensure_future(ledger.intend(an_intent("a")))
            second = ledger.intend(an_intent("b"))
            first.cancel()
            await second
            await ledger.conclude(an_outcome("a", state="failed"))

    asyncio.run(story())
    assert states(data) == {"a": "failed", "b": "open"}


def test_signals_to_the_whole_group_do_not_end_the_writer_before_the_gateway(data: Path) -> None:
    async def story() -> None:
        async with opened(data) as ledger:
            pid = ledger.writer_pid
            assert pid is not None
            assert os.getsid(pid) == pid
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
            await ledger.intend(an_intent("a"))
            assert ledger.writer_pid == pid

    asyncio.run(story())


def test_the_writer_never_outlives_the_gateway_and_keeps_the_directory_until_it_ends(data: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from douane.adapters.clock import SystemClock\n"
        "from douane.adapters.store.directory import DataDirectory\n"
        "from douane.adapters.store.sqlite_ledger import SqliteLedger\n"
        "async def story():\n"
        "    ledger = await SqliteLedger.open(DataDirectory.claim(Path(sys.argv[1])), SystemClock())\n"
        "    print(ledger.writer_pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(story())\n"
    )
    gateway = subprocess.Popen([sys.executable, "-c", program, str(data)], stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    writer = int(gateway.stdout.readline())
    os.kill(writer, signal.SIGSTOP)
    gateway.kill()
    gateway.wait()
    gateway.stdout.close()
    with pytest.raises(StoreFailed, match="Another process"):
        DataDirectory.claim(data, patience_s=0.0)
    os.kill(writer, signal.SIGCONT)
    DataDirectory.claim(data, patience_s=20.0).release()


def test_half_a_message_is_nothing(data: Path, fresh_database: Path) -> None:
    """The writer is fed by hand: one whole batch, then a batch cut at every eighth of it, then the end."""
    for eighth in range(8):
        directory = DataDirectory.claim(data)
        ours, its = socket.socketpair()
        command = [sys.executable, "-m", "douane.adapters.store.writer", str(directory.database), "session", "0"]
        with its:
            writer = subprocess.Popen(command, stdin=its.fileno())
        whole = frame(["batch", 1, ["intent"], [tuple(an_intent("whole"))]])
        half = frame(["batch", 2, ["intent"], [tuple(an_intent("half"))]])
        ours.sendall(whole + half[: len(half) * eighth // 8])
        ours.close()
        assert writer.wait(20) == 0
        directory.release()
        assert states(data) == {"whole": "open"}
        (data / "douane.db").unlink()
        copyfile(fresh_database, data / "douane.db")


def test_a_database_that_cannot_be_opened_is_told_at_the_start(data: Path) -> None:
    async def story() -> None:
        directory = DataDirectory.claim(data)
        with closing(sqlite3.connect(directory.database)) as connection:
            connection.execute("drop table chains")
        await failed(SqliteLedger.open(directory, FrozenClock()))  # type: ignore[arg-type]
        directory.release()

    asyncio.run(story())

"""Kill the ledger's writer, or the whole gateway, in mid-flight, and look what is left.

    python -m bench.ledger_crash [--rounds 50] [--seed 1] [--date 2026-11-23]

Each round runs a process that drives the ledger with 40 callers and says on its standard output what was acknowledged.
After some acknowledgements, with 20 or more intents under way, the writer or the gateway is killed (SIGKILL). Then:
every acknowledged intent and outcome is there, every request settled once, sums agree, the chain verifies.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench import crash
from douane.adapters.clock import SystemClock
from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.sqlite_ledger import SqliteLedger
from douane.adapters.store.sqlite_reads import SqliteReads
from douane.control.ledger_verify import verify
from douane.errors import StoreFailed
from douane.testing.records import an_intent, an_outcome

ROOT = Path(__file__).resolve().parent.parent
CALLERS = 40
COUNTS = ("in_flight", "intents", "outcomes", "lost", "recovered")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round found. `lost` is what was acknowledged and is not there."""

    victim: str
    in_flight: int
    intents: int
    outcomes: int
    lost: int
    recovered: int
    verdict: str

    @property
    def ok(self) -> bool:
        return self.lost == 0 and self.verdict == "sound"


# --- the process that drives the ledger ------------------------------------------------------------------------------


async def _drive(folder: Path) -> None:
    """Intend and conclude until the standard input ends; `i ID` and `o ID` on the output once acknowledged."""
    directory = DataDirectory.claim(folder)
    ledger = await SqliteLedger.open(directory, SystemClock())
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(0, over.set)
    flying = 0

    async def caller(number: int) -> None:
        nonlocal flying
        count = 0
        while not over.is_set():
            count += 1
            request_id = f"r{number:03d}-{count:06d}"
            flying += 1
            try:
                await ledger.intend(an_intent(request_id))
            except StoreFailed:
                await asyncio.sleep(0.01)
                continue
            finally:
                flying -= 1
            os.write(1, f"i {request_id} {flying} {ledger.writer_pid}\n".encode())
            if number % 2:
                await asyncio.sleep(0.003)  # an upstream that takes its time: some attempts are always open
            future = ledger.conclude(an_outcome(request_id))
            if count % 2:
                await future
                os.write(1, f"o {request_id} {flying} {ledger.writer_pid}\n".encode())

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    await ledger.aclose()
    directory.release()


# --- the one that kills -----------------------------------------------------------------------------------------------


def play(folder: Path, victim: str, acknowledgements: int) -> Round:
    """Run one round in an empty folder: kill `writer` or `gateway` after so many acknowledgements."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ledger_crash", "--drive", str(folder.absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    intents: set[str] = set()
    outcomes: set[str] = set()
    killed, in_flight = False, 0
    for line in process.stdout:
        kind, request_id, flying, writer = line.decode().split()
        (intents if kind == "i" else outcomes).add(request_id)
        if killed and len(intents) > 3 * acknowledgements:
            process.stdin.close()
            killed = False
        elif not in_flight and len(intents) >= acknowledgements and int(flying) >= 20:
            in_flight, killed = int(flying), victim == "writer"
            os.kill(int(writer) if victim == "writer" else process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    if not process.stdin.closed:
        process.stdin.close()
    recovered = asyncio.run(_reopen(folder))
    lost = _lost(folder, intents, outcomes)
    verdict = verify(SqliteReads(folder / "douane.db"))["verdict"]
    return Round(victim, in_flight, len(intents), len(outcomes), lost, recovered, verdict)


async def _reopen(folder: Path) -> int:
    directory = DataDirectory.claim(folder)
    ledger = await SqliteLedger.open(directory, SystemClock())
    await ledger.aclose()
    directory.release()
    return ledger.recovered


def _lost(folder: Path, intents: set[str], outcomes: set[str]) -> int:
    with closing(sqlite3.connect(folder / "douane.db")) as connection:
        recorded = dict(connection.execute("select request_id, state from attempts").fetchall())
        settled = {row[0] for row in connection.execute("select request_id from requests")}
    return (
        len(intents - recorded.keys())
        + sum(recorded.get(request_id) != "complete" for request_id in outcomes)
        + len(recorded.keys() ^ settled)
    )


def main(words: Sequence[str]) -> int:
    """Play the rounds, print each and the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", default="", help="the day to keep the table with, for RESULTS.md")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.drive is not None:
        asyncio.run(_drive(arguments.drive))
        return 0
    chance = random.Random(arguments.seed)
    rounds = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="douane-crash-") as folder:
            done = play(Path(folder), ("writer", "gateway")[number % 2], chance.randint(60, 1_500))
        print(number + 1, done, flush=True)
        rounds.append(done)
    repeat = f"python -m bench.ledger_crash --rounds {arguments.rounds} --seed {arguments.seed}"
    return crash.tell("Kill -9 of the ledger, or of its writer", repeat, arguments.date, rounds, COUNTS)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

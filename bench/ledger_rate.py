"""Settled requests per second and CPU per settled request of the SQLite ledger, gateway's side and writer's side.

    python bench/ledger_rate.py [--seconds 3] [--data DIR] [--json]

Closed loop: N callers each intend, wait for the acknowledgement, wait for an upstream that takes D ms, conclude. The
gateway's side is the CPU of this process less that of the same callers with a ledger that acknowledges at once and
keeps nothing; the writer's side is the whole CPU of the writer. Latency is that of `intend`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable
from contextlib import nullcontext
from pathlib import Path

import uvloop

from douane.adapters.clock import RandomIds, SystemClock
from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.sqlite_ledger import SqliteLedger
from douane.core.receipt import Intent, Outcome

CASES = ((1, 0), (8, 0), (32, 0), (64, 0), (128, 0), (256, 0), (8, 20), (128, 20))
CLOCK, IDS = SystemClock(), RandomIds()


def intent(request_id: str) -> Intent:
    return Intent(
        request_id, 1, CLOCK.now_us(), "support-team", "support", "chat", "chat", "llama-together", "eu-managed", False,
        "llama-3.1-8b-instruct", "a" * 64, "provider-asserted", 1, "pci", "cheapest", "3f9a1c2b7d5e", "8c1d2e3f4a5b",
        "patterns-3 views-2", "patterns,views", "d" * 64, 1024, 250, 500, 270, "USD", 0,
    )  # fmt: skip


def outcome(request_id: str, tokens: int) -> Outcome:
    return Outcome(
        request_id, 1, CLOCK.now_us(), "support-team", "support", "chat", "llama-together", "eu-managed", "complete",
        200, "", 250, tokens, "upstream", 63, "USD", 961, "192.0.2.4:443 " + "e" * 64, 20_000, 500_000, True,
    )  # fmt: skip


class Idle:
    """Acknowledges at once and keeps nothing: what the callers themselves cost."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def intend(self, _intent: Intent) -> Awaitable[None]:
        future = self._loop.create_future()
        self._loop.call_soon(future.set_result, None)
        return future

    def conclude(self, _outcome: Outcome) -> None:
        return None


async def drive(ledger: SqliteLedger | Idle, callers: int, delay_s: float, seconds: float) -> tuple[int, list[float]]:
    end_s = time.monotonic() + seconds
    took: list[float] = []

    async def caller(number: int) -> int:
        count = 0
        while True:
            begin_s = time.monotonic()
            if begin_s > end_s:
                return count
            request_id = IDS.request_id()
            await ledger.intend(intent(request_id))
            took.append(time.monotonic() - begin_s)
            if delay_s:
                await asyncio.sleep(delay_s)
            ledger.conclude(outcome(request_id, 50 + (number * 37 + count * 11) % 900))
            count += 1

    return sum(await asyncio.gather(*(caller(n) for n in range(callers)))), took


def cpu_us(pid: int) -> float:
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1000


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def measure(folder: Path, seconds: float) -> list[dict[str, float]]:
    loop = asyncio.get_running_loop()
    directory = DataDirectory.claim(folder)
    ledger = await SqliteLedger.open(directory, CLOCK)
    pid, own = ledger.writer_pid or 0, os.getpid()
    rows = []
    for callers, delay_ms in CASES:
        begin = cpu_us(own)
        count, _ = await drive(Idle(loop), callers, delay_ms / 1000, seconds / 3)
        bare = (cpu_us(own) - begin) / count
        batches, written = ledger.batches, ledger.written
        begin, begin_writer, begin_s = cpu_us(own), cpu_us(pid), time.monotonic()
        count, took = await drive(ledger, callers, delay_ms / 1000, seconds)
        wall_s = time.monotonic() - begin_s
        gateway, writer = (cpu_us(own) - begin) / count, (cpu_us(pid) - begin_writer) / count
        took.sort()
        rows.append(
            {
                "callers": callers,
                "upstream_ms": delay_ms,
                "settled_per_s": round(count / wall_s),
                "gateway_us": round(gateway - bare, 1),
                "writer_us": round(writer, 1),
                "records_per_batch": round((ledger.written - written) / max(1, ledger.batches - batches), 1),
                "intend_p50_ms": round(took[len(took) // 2] * 1000, 2),
                "intend_p99_ms": round(took[len(took) * 99 // 100] * 1000, 2),
                "writer_rss_mb": round(rss_mb(pid), 1),
            }
        )
    await ledger.aclose()
    directory.release()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    given = arguments.data
    with tempfile.TemporaryDirectory(prefix="douane-ledger-") if given is None else nullcontext(given) as folder:
        rows = uvloop.run(measure(Path(folder), arguments.seconds))
    if arguments.json:
        print(json.dumps(rows))
        return
    print(*(f"{name:>18}" for name in rows[0]), sep="")
    for row in rows:
        print(*(f"{value:>18}" for value in row.values()), sep="")


if __name__ == "__main__":
    main()

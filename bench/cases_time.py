"""What a caller waits for: the first byte, and the first answer after a start."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ground as grounds
from bench import proc
from bench.disk import durable_writes_ms
from bench.ground import Ground
from bench.measure import OUT, Target, percentile
from bench.row import Row

RATE_PER_S = 100


def first_byte(ground: Ground) -> Iterator[Row]:
    """Streams at 100/s whose upstream takes 20 ms: what is added to the first byte, on and off the premises."""
    ways = [
        ("nginx", ground.nginx, "mock-d20-c10"),
        ("bare", ground.bare, "mock-d20-c10"),
        ("on the premises", ground.subject, "mock-d20-c10"),
    ]
    if ground.data is not None:
        ways.append(("off the premises", ground.subject, "away-d20-c10"))
    waits, writes_ms = _first_bytes(ground, [("direct", ground.direct, "mock-d20-c10"), *ways])
    for name, _, _ in ways:
        for point, part, limit in (("p50", 0.5, 1.0), ("p99", 0.99, 3.0)):
            pairs = zip(waits[name], waits["direct"], strict=True)
            added_us = statistics.median(percentile(mine, part) - percentile(direct, part) for mine, direct in pairs)
            base_us = statistics.median(percentile(direct, part) for direct in waits["direct"])
            yield Row(
                f"added first byte, {name}, {point}",
                added_us / 1e3,
                "ms",
                limit if "premises" in name else None,
                note=f"direct {base_us / 1e3:.2f} ms, a durable write meanwhile {percentile(writes_ms, part):.2f} ms",
            )


def _first_bytes(
    ground: Ground, ways: list[tuple[str, Target, str]]
) -> tuple[dict[str, list[list[float]]], list[float]]:
    """Return for each way the first bytes of each round, and durable writes in ms, all within seconds of each other."""
    writes_ms: list[float] = []
    waits: dict[str, list[list[float]]] = {name: [] for name, _, _ in ways}
    for _, target, body in ways:  # connections and code are warm before anything is counted
        target.load(ground.body(body), connections=64, rate=RATE_PER_S, seconds=0.5)
    for _ in range(ground.several(7)):
        for name, target, body in ways:
            result = target.load(ground.body(body), connections=64, rate=RATE_PER_S, seconds=2, raw=True)
            waits[name].append(result.raw["first_byte_raw_us"])
        writes_ms += durable_writes_ms(OUT, 20)
    return waits, writes_ms


def begin(command: str, count: int) -> Iterator[Row]:
    """`douane up` to its first answer, and what it holds when idle; `douane --help`."""
    grounds.write_bodies()
    body, seconds, idle = OUT / "bodies" / "mock.json", [], []
    mock_port, away_port, port = proc.free_ports(3)
    with proc.running([str(grounds.MOCK), str(mock_port), str(away_port)], OUT / "logs" / "mock-begin.log"):
        for _ in range(count):
            launch = grounds.douane(command, port, grounds.fresh(OUT / "data-begin"), mock_port, away_port)
            with proc.running(launch.argv, OUT / "logs" / "begin.log", environ=launch.environ) as running:
                target = Target("douane", port, running)
                seconds.append(proc.wait_until(running, lambda: target.answers(body), launch.start_s))  # noqa: B023
                time.sleep(1.0)
                idle.append(running.pss_mb())
    yield Row(
        "`douane up` to its first answer",
        statistics.median(seconds),
        "s",
        3,
        note=f"median of {count}; no engine; new data folder each time",
    )
    yield Row(
        "memory, idle, after the first answer",
        statistics.median(idle),
        "MB",
        80,
        note="proportional set size of gateway and ledger writer",
    )
    yield Row(
        "`douane --help`", min(_help_cpu_s(command) for _ in range(count)), "s CPU", 0.3, note=f"least of {count}"
    )


def _help_cpu_s(command: str) -> float:
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen([*command.split(), "--help"], stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`{command} --help` ended with status {process.returncode}.")
    return usage.ru_utime + usage.ru_stime

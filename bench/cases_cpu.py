"""What a request and a chunk cost in CPU, against nginx and the bare reference in the same seconds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.ground import Ground
from bench.measure import Rounds, Sample, Target, least, ratio, rounds
from bench.row import Row

PER_REQUEST = Sample.per_request_us
PER_CHUNK = Sample.per_chunk_us
LEDGER_PER_SECOND = 2000


def _absolutes(samples: Rounds, cost: object = PER_REQUEST) -> str:
    parts = [f"{name} {least(samples, name, cost):.1f}" for name in samples]  # type: ignore[arg-type]
    return "us: " + ", ".join(parts)


def _bad(samples: Rounds, name: str) -> int:
    return sum(each.result.bad for each in samples[name])


def chat(ground: Ground) -> Iterator[Row]:
    """A 1 KB chat request, saturated, at 8 and at 32 connections; settled requests per second."""
    subject, best = ground.subject.name, 0.0
    for connections, limit in ((8, 14), (32, 10)):
        samples = rounds(ground.trio, ground.body("mock"), ground.several(6), connections=connections, seconds=0.6)
        best = max(best, *(each.result.per_second for each in samples[subject]))
        latency = statistics.median(each.result.time_us("latency", "p50") for each in samples[subject])
        over_bare = ratio(samples, subject, "bare", PER_REQUEST)
        note = f"{_absolutes(samples)}; {over_bare:.1f}x bare; p50 {latency / 1e3:.2f} ms"
        yield Row(
            f"CPU per 1 KB chat request, {connections} connections",
            ratio(samples, subject, "nginx", PER_REQUEST),
            "x nginx",
            limit,
            note=note,
        )
        yield Row(f"requests that did not end well, {connections} connections", _bad(samples, subject), "", 0)
    yield Row(
        "settled requests per second, ledger durable",
        best,
        "/s",
        LEDGER_PER_SECOND,
        at_least=True,
        note="generator, mock and gateway share the machine",
    )


def large(ground: Ground) -> Iterator[Row]:
    """A 16 KB request, clean and with 15 findings, against the bare reference.

    Judged where the gateway is saturated, as the budget says: at 32 connections. At 8 it waits for commits between
    requests, and each wake-up costs; that figure is told beside.
    """
    pair = [ground.bare, ground.subject]
    for name, budget, what in (("mock-16k", 4, "clean"), ("mock-16k-findings", 7, "with 15 findings")):
        for connections, limit in ((32, budget), (8, None)):
            samples = rounds(pair, ground.body(name), ground.several(4), connections=connections, seconds=0.6)
            yield Row(
                f"CPU per 16 KB chat request, {what}, {connections} connections",
                ratio(samples, ground.subject.name, "bare", PER_REQUEST),
                "x bare",
                limit,
                note=_absolutes(samples),
            )


def away(ground: Ground) -> Iterator[Row]:
    """The same 1 KB request where it leaves the premises: priced, committed before the first byte is sent."""
    if ground.data is None:
        return
    samples: Rounds = {}
    for body in ("mock", "away"):
        samples[body] = rounds([ground.subject], ground.body(body), ground.several(3), connections=8, seconds=0.6)[
            ground.subject.name
        ]
    yield Row(
        "CPU per 1 KB chat request off the premises",
        ratio(samples, "away", "mock", PER_REQUEST),
        "x on them",
        note=_absolutes(samples),
    )


def chunks(ground: Ground) -> Iterator[Row]:
    """A relayed chunk, 50 streams of one chunk each 20 ms; and what a stream costs once, from streams of 10 and 100."""
    count = ground.several(4)
    samples = rounds(ground.trio, ground.body("mock-p20"), count, connections=50, seconds=1.5)
    subject = ground.subject.name
    transit = statistics.median(each.result.time_us("transit", "p50") for each in samples[subject])
    yield Row(
        "CPU per relayed chunk, paced",
        ratio(samples, subject, "nginx", PER_CHUNK),
        "x nginx",
        2.5,
        note=f"{_absolutes(samples, PER_CHUNK)}; chunk transit p50 {transit / 1e3:.2f} ms",
    )
    short = rounds(ground.trio, ground.body("mock-p20-c10"), count, connections=50, seconds=1.0)
    once = {name: _once_us(short, samples, name) for name in samples}
    yield Row(
        "CPU once per stream, all but its chunks",
        once[subject],
        "us",
        None,
        note=f"the whole request at 250 streams a second; nginx {once['nginx']:.0f}, bare {once['bare']:.0f}",
    )
    if ground.data is not None:
        writer, gateway = _ledger_us(ground)
        yield Row(
            "CPU once per stream, for ledger and receipts",
            writer + gateway,
            "us",
            300,
            note=f"writer {writer:.0f}, measured beside the streams; gateway {gateway:.0f}, by ledger_rate.py",
        )
    yield Row("streams that did not end well", _bad(samples, subject) + _bad(short, subject), "", 0)


def _ledger_us(ground: Ground) -> tuple[float, float]:
    """Return what the ledger costs once per stream: its writer's process, and the gateway's share."""
    running = ground.subject.running
    assert running is not None
    before = running.cpu_of_each_us()
    result = ground.subject.load(ground.body("mock-p20-c10"), connections=50, seconds=2.0)
    after = running.cpu_of_each_us()
    writer = sum(after[pid] - before.get(pid, 0.0) for pid in after if pid != running.pid) / result.count("ok")
    command = [sys.executable, "-m", "bench.ledger_rate", "--seconds", "1", "--json"]
    rows = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    (row,) = [row for row in rows if (row["callers"], row["upstream_ms"]) == (8, 20)]
    return writer, float(row["gateway_us"])


def _once_us(short: Rounds, long: Rounds, name: str) -> float:
    """Solve cost = once + chunks * each, for streams of 10 and of 100 chunks at one and the same rate of chunks."""
    ten, hundred = (statistics.median(each.per_request_us() for each in samples[name]) for samples in (short, long))
    return ten - (hundred - ten) / 9


def peers(ground: Ground) -> Iterator[tuple[str, list[str]]]:
    """Every peer that is up beside the subject: request, large request, chunk; costs in us and against nginx."""
    everyone: list[Target] = [*ground.trio, *ground.others]
    plans: tuple[tuple[str, Path, dict[str, object]], ...] = (
        ("1 KB", ground.body("mock"), {"connections": 8, "seconds": 0.6}),
        ("16 KB", ground.body("mock-16k"), {"connections": 8, "seconds": 0.6}),
        ("chunk", ground.body("mock-p20"), {"connections": 10, "seconds": 1}),
    )
    cells: dict[str, list[str]] = {target.name: [] for target in everyone}
    for what, body, options in plans:
        cost = PER_CHUNK if what == "chunk" else PER_REQUEST
        samples = rounds(everyone, body, ground.several(3), **options)
        for target in everyone:
            bad = _bad(samples, target.name)
            text = f"{least(samples, target.name, cost):,.1f} us ({ratio(samples, target.name, 'nginx', cost):,.1f}x)"
            cells[target.name].append(text + (f", {bad} bad" if bad else ""))
    for target in everyone:
        yield target.name, [*cells[target.name], f"{target.pss_mb():.0f} MB"]

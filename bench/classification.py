"""Classification before meaning, alone: the pattern layer on parsed bodies without and with findings, one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from bench import bodies
from bench.row import Row
from douane.config import detector_rules
from douane.detect.scanner import Scanner

LIMITS_MS = ((1, 0.02), (16, 0.2), (128, 2.0))
ROUNDS = 15
ROUND_S = 0.02
BETWEEN_LOOKS = 5  # a look at the thread's clock is a system call


def cases() -> Iterator[Row]:
    """Measure 1, 16 and 128 KB."""
    scanner = Scanner(detector_rules())
    for kilobytes, limit_ms in LIMITS_MS:
        clean, hits = (
            orjson.loads(
                bodies.make(kilobytes * 1024, model="mock", leaf_bytes=300 if kilobytes == 1 else 1500, findings=n)
            )
            for n in (0, 1 if kilobytes == 1 else 5)
        )
        found = len(scanner.scan(hits).findings)
        if scanner.scan(clean).findings or not found:
            raise RuntimeError(
                "The clean body has findings, or the other one has none: the figures would mean nothing."
            )
        yield Row(
            f"patterns on {kilobytes} KB, no hit",
            _least_ms(scanner.scan, clean),
            "ms",
            limit_ms,
            note=f"with {found} findings {_least_ms(scanner.scan, hits):.3f} ms; engine {scanner.engine_name}",
        )


def _least_ms(scan: Callable[[Any], object], value: object) -> float:
    """Return the least mean of several rounds: what the scan costs when nothing disturbs it."""
    means = []
    for _ in range(ROUNDS):
        count, begin = 0, time.thread_time()
        while (spent := time.thread_time() - begin) < ROUND_S:
            for _ in range(BETWEEN_LOOKS):
                scan(value)
            count += BETWEEN_LOOKS
        means.append(spent / count)
    return min(means) * 1e3

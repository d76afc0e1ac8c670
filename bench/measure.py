"""Loads, rounds and ratios.

Machines are noisy: the same gateway costs twice as much a minute later. So every comparison is made of rounds in which
all targets are loaded one after the other within seconds, and what is reported is the median of the rounds' ratios. An
absolute figure is the least of the rounds: what the work costs when nothing else disturbs it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.proc import Running, exchange

OUT = Path(__file__).parent / "out"
GENERATOR = OUT / "load" / "load"
MOCK = OUT / "load" / "mock"
SETTLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """What the load generator counted and timed. Times in microseconds."""

    raw: Mapping[str, Any]

    def count(self, name: str) -> int:
        return int(self.raw[name])

    @property
    def bad(self) -> int:
        """Requests that did not end as they should."""
        return sum(self.count(name) for name in ("errors", "non200", "truncated", "unfinished"))

    @property
    def per_second(self) -> float:
        return float(self.raw["per_second"])

    def time_us(self, what: str, point: str) -> float:
        return float(self.raw[f"{what}_us"].get(point, float("nan")))


@dataclass(slots=True)
class Target:
    """A server under load. `sent` counts every request that the generator sent to it."""

    name: str
    port: int
    running: Running | None = None
    path: str = "/v1/chat/completions"
    key: str = "sk-bench"
    headers: tuple[str, ...] = ()
    sent: int = 0
    bad: int = 0
    complaints: list[str] = field(default_factory=list)

    def command(self, body: Path, options: Mapping[str, object]) -> list[str]:
        argv = [str(GENERATOR), "--port", str(self.port), "--body", str(body), "--path", self.path, "--key", self.key]
        for header in self.headers:
            argv += ["--header", header]
        for name, value in options.items():
            argv += [f"--{name.replace('_', '-')}"] if value is True else [f"--{name.replace('_', '-')}", str(value)]
        return argv

    def load(self, body: Path, **options: object) -> Result:
        """Run the generator against it to its end."""
        done = subprocess.run(self.command(body, options), capture_output=True, text=True, timeout=150, check=False)
        return self.count(done.stdout, done.stderr)

    def load_beside(self, body: Path, **options: object) -> subprocess.Popen[str]:
        """Start the generator; `finish` takes its result."""
        return subprocess.Popen(self.command(body, options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, beside: subprocess.Popen[str]) -> Result:
        """Wait for a generator that was started beside, and count what it did."""
        out, err = beside.communicate(timeout=150)
        return self.count(out, err)

    def count(self, out: str, err: str) -> Result:
        if not out:
            raise RuntimeError(f"The load generator failed against {self.name}: {err[:500]}")
        result = Result(json.loads(out))
        self.sent += result.count("sent")
        self.bad += result.bad
        if err and len(self.complaints) < 5:
            self.complaints.append(err[:900])
        return result

    def cpu_us(self) -> float:
        return self.running.cpu_us() if self.running else 0.0

    def pss_mb(self) -> float:
        return self.running.pss_mb() if self.running else 0.0

    def answers(self, body: Path) -> bool:
        """Tell whether it answers one chat request with 200."""
        payload = body.read_bytes()
        head = [
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            "Connection: close",
            f"Content-Length: {len(payload)}",
            *self.headers,
        ]
        answer = exchange(self.port, "\r\n".join([*head, "", ""]).encode() + payload)
        self.sent += answer != b"" and self.running is not None
        return answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one target: what it cost its process tree, and what the generator saw."""

    cpu_us: float
    result: Result

    def per_request_us(self) -> float:
        return self.cpu_us / max(1, self.result.count("ok"))

    def per_chunk_us(self) -> float:
        return self.cpu_us / max(1, self.result.count("chunks"))


Rounds = dict[str, list[Sample]]


def sample(target: Target, body: Path, **options: object) -> Sample:
    """Load a target once, and say what that cost it."""
    before = target.cpu_us()
    result = target.load(body, **options)
    time.sleep(SETTLE_S)  # what was recorded behind the last answer belongs to the load
    return Sample(target.cpu_us() - before, result)


def rounds(targets: Sequence[Target], body: Path, count: int, **options: object) -> Rounds:
    """Load the targets one after the other, `count` times; every other round in reverse order."""
    samples: Rounds = {target.name: [] for target in targets}
    for number in range(count):
        for target in targets if number % 2 == 0 else list(reversed(targets)):
            samples[target.name].append(sample(target, body, **options))
    return samples


def ratio(samples: Rounds, name: str, reference: str, cost: Callable[[Sample], float]) -> float:
    """Return the median over the rounds of one target's cost against another's in the same round."""
    pairs = zip(samples[name], samples[reference], strict=True)
    return statistics.median(cost(mine) / max(1e-9, cost(its)) for mine, its in pairs)


def least(samples: Rounds, name: str, cost: Callable[[Sample], float]) -> float:
    """Return the least cost of the rounds."""
    return min(cost(each) for each in samples[name])


def percentile(values: Sequence[float], part: float) -> float:
    """Return a percentile of values, NaN of none."""
    ordered = sorted(values)
    return ordered[int((len(ordered) - 1) * part)] if ordered else float("nan")


def mock_stats(port: int) -> dict[str, Any]:
    """Return what the mock upstream counted."""
    answer = exchange(port, b"GET /stats HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n")
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

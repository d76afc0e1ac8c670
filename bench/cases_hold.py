"""What the gateway holds: streams that nobody reads any more, floods, a thousand streams, memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

from bench.ground import Ground
from bench.measure import Result, Target, mock_stats, percentile
from bench.row import Row

STREAMS = 1000
ABORTS = 20


def abort(ground: Ground) -> Iterator[Row]:
    """Clients leave a paced stream after 10 chunks: how long until the upstream is closed?"""
    options = {"connections": 4, "requests": ABORTS, "abort_after": 10, "seconds": 20}
    left = ground.subject.load(ground.body("mock-p20"), **options).raw["aborts"]
    time.sleep(1.0)
    closed = dict(mock_stats(ground.mock_port)["aborts"])
    waits_ms = [(closed[stream] - at) / 1e6 for stream, at in left if stream in closed]
    yield Row(
        "upstream closed after the client leaves, slowest",
        max(waits_ms, default=float("nan")),
        "ms",
        100,
        note=f"{len(waits_ms)} streams, p50 {percentile(waits_ms, 0.5):.1f} ms",
    )
    yield Row("abandoned streams whose upstream stayed open after 1 s", ABORTS - len(waits_ms), "", 0)


def flood(ground: Ground) -> Iterator[Row]:
    """An upstream floods a reader that does not read for 3 s: how much does memory grow, how much is pulled?"""
    pulled, before = mock_stats(ground.mock_port)["flood_bytes"], ground.subject.pss_mb()
    options = {"connections": 1, "requests": 1, "read_bytes": 1, "read_every_ms": 60000, "seconds": 3, "drain_ms": 0}
    peak, result = _peak_mb(ground.subject, ground.subject.load_beside(ground.body("mock-flood"), **options))
    pulled = mock_stats(ground.mock_port)["flood_bytes"] - pulled
    ground.subject.bad -= result.count("unfinished")  # meant to be so
    yield Row("memory growth under a flood", peak - before, "MB", 32, note=f"{pulled / 1e6:.1f} MB left the upstream")
    yield Row("the flood did reach the gateway", pulled / 1e6, "MB", 0.1, at_least=True)


def open_streams(ground: Ground) -> Iterator[Row]:
    """A thousand open streams of 100 chunks, one chunk each 100 ms: are all served, in how much memory?"""
    options = {"connections": STREAMS, "requests": STREAMS, "ramp_ms": 1000, "seconds": 2, "drain_ms": 30000}
    cpu, began = ground.subject.cpu_us(), time.monotonic()
    peak, result = _peak_mb(ground.subject, ground.subject.load_beside(ground.body("mock-p100"), **options))
    cores = (ground.subject.cpu_us() - cpu) / 1e6 / (time.monotonic() - began)
    chunk = cores * (time.monotonic() - began) * 1e6 / max(1, result.count("chunks"))
    at_once = mock_stats(ground.mock_port)["peak_streams"]
    yield Row(
        "streams dropped of 1,000 open at once",
        STREAMS - result.count("ok"),
        "",
        0,
        note=f"first byte p99 {result.time_us('first_byte', 'p99') / 1e3:.0f} ms, "
        f"chunk transit p50 {result.time_us('transit', 'p50') / 1e3:.2f} and "
        f"p99 {result.time_us('transit', 'p99') / 1e3:.1f} ms",
    )
    yield Row("streams open at the upstream at once", at_once, "", STREAMS * 0.95, at_least=True)
    yield Row("memory with 1,000 open streams", peak, "MB", 120, note=f"{cores:.2f} cores, {chunk:.1f} us per chunk")


def _peak_mb(target: Target, beside: subprocess.Popen[str]) -> tuple[float, Result]:
    peak = target.pss_mb()
    while beside.poll() is None:
        peak = max(peak, target.pss_mb())
        time.sleep(0.25)
    return peak, target.finish(beside)

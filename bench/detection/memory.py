"""What classification keeps in memory, above a process that has everything else: in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from bench.detection.measure import Found, Measure
from bench.detection.world import World

WITHOUT_MB, WITH_MB = 60.0, 160.0

CHILD = """
import gc, json, sys
from pathlib import Path
import asyncio, httptools, orjson, pydantic, sqlalchemy, starlette.applications, uvloop

def pss():
    gc.collect()
    line = next(x for x in Path("/proc/self/smaps_rollup").read_text().splitlines() if x.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / 1e6

libraries = pss()
import douane.detect.scanner
detect = pss()
import douane.adapters.heap
import douane.config, douane.gateway.pipeline, douane.http.server, douane.adapters.store, douane.adapters.telemetry
gateway = pss()
scanner = douane.detect.scanner.Scanner(douane.config.detector_rules())
douane.adapters.heap.give_back()
sys.path.insert(0, sys.argv[1])
from bench.detection import texts
for size in (1, 16, 128):
    for make in (texts.mixed, texts.dense):
        tuple(scanner.scan(make(size * 1024, 3)).findings)
code, data = detect - libraries, pss() - gateway
print(json.dumps({"base": gateway - code, "code": code, "data": data}))
"""


def memory(world: World) -> Iterator[Found]:
    """Proportional set size: before there is a scanner, and once it has read six texts of up to 128 KB.

    What compiling took for a moment is given back as `douane serve` does it once it has started.
    """
    code, tables, base = patterns_mb()
    note = f"{code:.1f} MB of code, {tables:.1f} MB of tables; base {base:.1f} MB"
    its = f"{world.presidio.rss_mb:.0f} MB in all" if world.presidio is not None and world.presidio.rss_mb else ""
    what = "memory without meaning, above the base"
    yield Measure(what, code + tables, WITHOUT_MB, "MB", at_least=False, peer=its, note=note)


def patterns_mb() -> tuple[float, float, float]:
    """Return what the pattern layer's code and its compiled tables hold, and all else of a gateway without them."""
    root = __file__.rsplit("/bench/", 1)[0]
    done = subprocess.run([sys.executable, "-c", CHILD, root], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-800:])
    row = json.loads(done.stdout.splitlines()[-1])
    return row["code"], row["data"], row["base"]

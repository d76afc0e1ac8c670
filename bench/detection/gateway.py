"""What the whole gateway lets out: the tests of faults and of leaks, at the measure's numbers instead of a sample's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.detection.measure import Details, Found, Measure
from bench.detection.world import World

ROOT = Path(__file__).resolve().parents[2]
FAULTS = 10_000
LONGEST_S = 7200


def faults(world: World) -> Iterator[Found]:
    """Faults of reading, each kind as often as the others: how many restricted requests were released."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "faults.json"
        each = 20 if world.quick else int(FAULTS / _kinds()) + 10
        said = _tests("tests/e2e/test_faults.py", DOUANE_FAULT_CASES=str(each), DOUANE_FAULT_REPORT=str(report))
        if not report.exists():
            yield Measure("restricted requests released under injected faults", None, 0, at_least=False, note=said)
            return
        counts = json.loads(report.read_text(encoding="utf-8"))
    done, released = counts["done"], counts["released"]
    note = f"{sum(done.values()):,} faults of {len(done)} kinds; answers {counts['status']}"
    yield Measure(
        "restricted requests released under injected faults",
        sum(released.values()),
        0,
        "requests",
        at_least=False,
        note=note,
    )
    rows = tuple((kind, f"{count:,}", str(released.get(kind, 0))) for kind, count in done.items())
    yield Details("Injected faults", ("kind", "injected", "released"), rows)


def leaks(world: World) -> Iterator[Found]:
    """The leak matrix: faults by endpoints by sources, each text in every disguise."""
    cases = 27 if world.quick else 54
    said = _tests("tests/e2e/test_leak_matrix.py", DOUANE_MATRIX_CASES=str(cases))
    counted = re.search(r"leak matrix: (\d+) cases in (\d+) cells", said)
    passed = re.search(r"\b(\d+) failed", said) is None and counted is not None
    note = f"{int(counted[1]):,} cases in {counted[2]} cells" if counted else said[-300:]
    yield Measure("cells of the leak matrix with a leak", 0 if passed else None, 0, "cells", at_least=False, note=note)


def _kinds() -> float:
    """Return how many kinds there are; a slow one, which happens a tenth as often, is a tenth."""
    sys.path.insert(0, str(ROOT / "tests/e2e"))
    from fault_world import KINDS, SLOW

    return len(KINDS) - 0.9 * len(SLOW)


def _tests(path: str, **environ: str) -> str:
    argv = [sys.executable, "-m", "pytest", path, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=LONGEST_S
    )
    return done.stdout

"""Deletes each clearance check in turn from a copy of the source: the tests of the zone law must fail each time.

A check that can be deleted without a test noticing is a check that nobody would miss. Each run happens in a process of
its own, on the copy; the last case runs the same tests on an unchanged copy, which must pass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from douane.core.traffic.clearance import CHECKS

ROOT = Path(__file__).parents[2]
UNIT = ("tests/core/test_clearance.py", "tests/core/test_routing.py", "tests/core/test_zone.py")
WORLD = ("tests/e2e/test_leak_matrix.py", "tests/e2e/test_leak_machine.py", "tests/e2e/test_hop.py")
CLIENT = ("tests/adapters/test_http1_upstream.py",)


class Deletion(NamedTuple):
    """What is deleted: in `file`, the text `old` becomes `new`; one of `tests` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


CLEARANCE = "core/traffic/clearance.py"
DELETIONS = [
    *(Deletion(check.__name__, CLEARANCE, f"    {check.__name__},\n", "", UNIT) for check in CHECKS),
    Deletion("zone check, seen from outside", CLEARANCE, "    _zone_takes_the_label,\n", "", WORLD),
    Deletion("revocation, seen from outside", CLEARANCE, "    _key_is_not_revoked,\n", "", WORLD),
    Deletion("block, seen from outside", CLEARANCE, "    _deployment_is_not_blocked,\n", "", WORLD),
    Deletion("the seal", CLEARANCE, "if self.seal is not _SEAL:", "if False:", UNIT),
    Deletion("version at the hop", CLEARANCE, "if cleared.snapshot_version != current.version:", "if False:", UNIT),
    Deletion("payload at the hop", CLEARANCE, "if cleared.payload_digest != digest(payload):", "if False:", UNIT),
    Deletion("checks at the hop", CLEARANCE, "    reason = refusal(\n        Passage(cleared.label", "    reason = None and refusal(\n        Passage(cleared.label", UNIT),
    Deletion("checks when clearing", CLEARANCE, "    reason = refusal(passage)\n    if reason is not None:\n        return reason\n    deployment", "    deployment", UNIT),
    Deletion("checks when routing", "core/traffic/routing.py", "reason = refusal(passage)", "reason = None", UNIT),
    Deletion("confirmation at the hop", "gateway/dispatch.py", "        confirm(\n            departure", "        (lambda *_: None)(\n            departure", WORLD),
    Deletion("durability before leaving", "gateway/dispatch.py", "            await durable\n", "            pass\n", WORLD),
    Deletion("a zone's networks", "core/zone.py", "        if self.networks:\n", "        if self.networks and not self.premises:\n", UNIT),
    Deletion("public addresses only", "core/zone.py", "not self.premises and is_public(address)", "not self.premises", UNIT),
    Deletion("a premises zone without networks", "core/zone.py", "not self.premises and is_public(address)", "is_public(address)", UNIT),
    Deletion("payload at the client", "adapters/http1/upstream.py", "if digest(call.payload) != cleared.payload_digest:", "if False:", CLIENT),
    Deletion("resolved address", "adapters/http1/resolve.py", "each is not None and zone.admits(each)", "each is not None", CLIENT),
    Deletion("pooled connection's address", "adapters/http1/pool.py", "connection.usable and is_within(connection, zone)", "connection.usable", CLIENT),
    Deletion("confirmation before writing", "adapters/http1/upstream.py", "        confirm()\n    except DouaneError", "        pass\n    except DouaneError", CLIENT),
]  # fmt: skip


def run_on_copy(folder: Path, deletion: Deletion | None, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    if deletion is not None:
        file = source / "douane" / deletion.file
        text = file.read_text(encoding="utf-8")
        assert text.count(deletion.old) == 1, f"{deletion.name}: the text to delete is not there exactly once"
        file.write_text(text.replace(deletion.old, deletion.new), encoding="utf-8")
    environment = {
        **os.environ,
        "DOUANE_MATRIX_CASES": "4",
        "DOUANE_MACHINE_EXAMPLES": "25",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={source} tests/e2e", *tests],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda d: d.name)
def test_a_deleted_check_is_noticed(deletion: Deletion, tmp_path: Path) -> None:
    done = run_on_copy(tmp_path, deletion, deletion.tests)
    assert done.returncode == 1, (
        f"deleting `{deletion.name}` went unnoticed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    )


def test_the_unchanged_source_passes(tmp_path: Path) -> None:
    done = run_on_copy(tmp_path, None, (*UNIT, *WORLD, *CLIENT))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]

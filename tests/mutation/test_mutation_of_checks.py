"""Deletes each clearance check in turn from a copy of the source: the tests of the zone law must fail each time.

A check that can be deleted without a test noticing is a check that nobody would miss. Each run happens in a process of
its own, on the copy; the last case runs the same tests on an unchanged copy, which must pass.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ("tests/core/test_clearance.py", "tests/core/test_routing.py", "tests/core/test_zone.py")
WORLD = ("tests/e2e/test_leak_matrix.py", "tests/e2e/test_leak_machine.py", "tests/e2e/test_hop.py")
CLIENT = ("tests/adapters/test_http1_upstream.py", "tests/adapters/test_http1_addresses.py")
MASKED = ("tests/gateway/test_masked_requests.py",)
UNMASKED = ("tests/wire/test_unmasking.py",)
CONTRACT = ("tests/contract/test_upstream_contract.py",)


class Deletion(NamedTuple):
    """What is deleted: in `file`, the text `old` becomes `new`; one of `tests` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


CLEARANCE = "core/traffic/clearance.py"
ENFORCING = ("refusal", "clear", "confirm", "__post_init__")


def conditions() -> list[Deletion]:
    """Return the deletion of each `if` in the functions that enforce the law, found in the source: none is forgotten."""
    source = (ROOT / "src" / "douane" / CLEARANCE).read_text(encoding="utf-8")
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and function.name in ENFORCING:
            for statement in function.body:
                if isinstance(statement, ast.If):
                    test = ast.get_source_segment(source, statement.test) or ""
                    old = f"    if {test}:\n"
                    if source.count(old) > 1:
                        continue  # `reason is not None`: deleted as a whole further below
                    found.append(Deletion(f"{function.name}: {test}", CLEARANCE, old, "    if False:\n", UNIT))
    return found


def seen_from_outside(words: str) -> Deletion:
    """Return a deletion that the worlds of the leak tests must notice, not only the unit tests."""
    (deletion,) = [d for d in conditions() if words in d.name and d.name.startswith("refusal")]
    return deletion._replace(name=f"{deletion.name}, seen from outside", tests=WORLD)


HOP_CHECK = "    reason = refusal(cleared.passage("
CLEAR_CHECK = "    reason = refusal(passage)\n"
CONFIRM_CALL = "        confirm(\n            departure"
LAST_WORD = "        confirm()\n    except DouaneError"
DELETIONS = [
    *conditions(),
    seen_from_outside("clearance.permits"),
    seen_from_outside("revoked.keys"),
    seen_from_outside("revoked.deployments"),
    Deletion("checks at the hop", CLEARANCE, HOP_CHECK, HOP_CHECK.replace("refusal", "None and refusal"), UNIT),
    Deletion("checks when clearing", CLEARANCE, CLEAR_CHECK, "    reason = None\n", UNIT),
    Deletion("digest of the payload", CLEARANCE, " or digest(payload) == self.payload_digest", " or True", UNIT),
    Deletion("checks when routing", "core/traffic/routing.py", "reason = refusal(passage)", "reason = None", UNIT),
    Deletion("checks of the masked form when routing", "core/traffic/routing.py", "without = refusal(masked)", "without = None", UNIT),
    Deletion("restricted is not masked", "core/zone.py", " and (label.level < Level.RESTRICTED or self.mask_restricted)", "", UNIT),
    Deletion("the premises mask nothing", "core/zone.py", "bool(self.mask) and not self.premises", "bool(self.mask)", UNIT),
    Deletion("types that may be masked", "core/zone.py", "return types <= {", "return True or types <= {", UNIT),
    Deletion("the masked payload", "gateway/dispatch.py", "ask = exchange.ask if masked is None else masked.ask", "ask = exchange.ask", MASKED),
    Deletion("the scan of what was masked", "gateway/mask.py", "inspection = await self._inspector.inspect(masking.value, exchange.body_bytes, owner)", "inspection = inspection._replace(findings=())", MASKED),
    Deletion("the scan of what was masked of names", "gateway/mask.py", "again = await self._inspector.inspect(masking.value, exchange.body_bytes, owner)", "again = inspection._replace(findings=())", MASKED),
    Deletion("values over two messages", "detect/masking.py", "if any(_is_carried(found) for found in findings):", "if False:", MASKED),
    Deletion("no value in an address", "wire/unmasking/text.py", "known.value is None or self._surroundings.within_address()", "known.value is None", UNMASKED),
    Deletion("the number of a nonce", "core/pseudonym.py", "known is not None and known.number == number", "known is not None", UNMASKED),
    Deletion("confirmation at the hop", "gateway/dispatch.py", CONFIRM_CALL, "        (lambda *_: None)(\n            departure", WORLD),
    Deletion("durability before leaving", "gateway/dispatch.py", "            await durable\n", "            pass\n", WORLD),
    Deletion("a zone's networks", "core/zone.py", "if self.networks:", "if self.networks and not self.premises:", UNIT),
    Deletion("public addresses only", "core/zone.py", "self.premises and is_public(address)", "self.premises", UNIT),
    Deletion("networks of the premises", "core/zone.py", "not self.premises and is_public", "is_public", UNIT),
    Deletion("payload at the client", "adapters/http1/upstream.py", "if not cleared.covers(call.payload):", "if False:", CLIENT),
    Deletion("resolved address", "adapters/http1/resolve.py", "each is not None and zone.admits(each)", "each is not None", CLIENT),
    Deletion("pooled connection's address", "adapters/http1/pool.py", " and is_within(connection, zone)", "", CLIENT),
    Deletion("confirmation before writing", "adapters/http1/upstream.py", LAST_WORD, LAST_WORD.replace("confirm()", "pass"), CONTRACT),
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
    done = run_on_copy(tmp_path, None, (*UNIT, *WORLD, *CLIENT, *CONTRACT))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]

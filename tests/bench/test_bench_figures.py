"""What the benchmarks stand on: bodies that are what they claim, verdicts, medians of ratios, the walk of the chain."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from bench.measure import Result, Sample, percentile, ratio
from bench.row import Row
from bench.run import peers_of

from bench import bodies, crash, readback, report
from douane.config import detector_rules
from douane.detect.scanner import Scanner


@pytest.mark.parametrize("size_bytes", [1024, 16384, 131072])
def test_a_body_has_the_size_it_claims_and_the_same_bytes_each_time(size_bytes: int) -> None:
    body = bodies.make(size_bytes, model="mock")
    assert size_bytes * 0.95 <= len(body) <= size_bytes
    assert body == bodies.make(size_bytes, model="mock")
    assert orjson.loads(body)["model"] == "mock"


def test_clean_bodies_have_no_finding_and_the_others_have_fifteen() -> None:
    scanner = Scanner(detector_rules())
    clean, hits = (orjson.loads(bodies.make(16384, model="mock", findings=groups)) for groups in (0, 5))
    assert scanner.scan(clean).findings == ()
    assert len(scanner.scan(hits).findings) == 15


def test_a_reference_that_is_named_as_a_peer_is_not_started_twice() -> None:
    assert peers_of("nginx,bare") == peers_of("") == []


def test_findings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="hold"):
        bodies.make(300, model="mock", findings=5)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("a", 3.0, "us", 3.0), "pass"),
        (Row("a", 3.1, "us", 3.0), "FAIL"),
        (Row("a", 3.0, "/s", 3.1, at_least=True), "FAIL"),
        (Row("a", float("nan"), "ms", 100.0), "FAIL"),
        (Row("a", None, "ms", 100.0), "not measured"),
        (Row("a", 3.0, "us"), ""),
    ],
)
def test_a_figure_passes_only_within_its_budget(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


def test_a_ratio_is_the_median_of_the_rounds_and_one_disturbed_round_does_not_move_it() -> None:
    def round_of(cpu_us: float) -> Sample:
        return Sample(cpu_us, Result({"ok": 10}))

    samples = {
        "mine": [round_of(200), round_of(9000), round_of(220)],
        "its": [round_of(100), round_of(100), round_of(110)],
    }
    assert ratio(samples, "mine", "its", Sample.per_request_us) == 2.0


def test_percentiles_of_nothing_are_not_a_number() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.5) != percentile([], 0.5)


@pytest.mark.parametrize("fault", ["none", "body", "order", "gap", "tail"])
def test_the_walk_of_receipts_finds_a_changed_a_swapped_and_a_missing_one(fault: str) -> None:
    store = sqlite3.connect(":memory:")
    store.execute("create table receipts (chain, seq, hash, body)")
    store.execute("create table chains (id, last_hash)")
    before, rows = readback.GENESIS, []
    for seq in range(1, 6):
        body = orjson.dumps(["outcome", "chain", seq, before, "request"]).decode()
        before = sha256(body.encode()).hexdigest()
        rows.append([1, seq, before, body])
    store.execute("insert into chains values (1, ?)", (before,))
    if fault == "tail":
        del rows[4]
    if fault == "body":
        rows[2][3] = rows[2][3].replace('"request"', '"another"')
    if fault == "order":
        rows[1][1], rows[2][1] = rows[2][1], rows[1][1]
    if fault == "gap":
        del rows[2]
    store.executemany("insert into receipts values (?, ?, ?, ?)", rows)
    count, breaks = readback._walk(store)
    store.close()
    assert count == len(rows)
    assert (breaks == 0) is (fault == "none")


@dataclass(frozen=True)
class Death:
    victim: str
    lost: int
    ok: bool


DEATHS = [Death("writer", 0, True), Death("gateway", 1_200, False), Death("writer", 0, True)]


def test_rounds_of_crashes_add_up_by_victim_and_one_that_is_not_sound_fails(capsys: pytest.CaptureFixture[str]) -> None:
    columns, rows = crash.added_up(DEATHS, ("lost",))
    assert columns == ("killed", "rounds", "lost", "sound")
    assert rows == (
        ("writer", "2", "0", "2 of 2"), ("gateway", "1", "1,200", "0 of 1"), ("all", "3", "1,200", "2 of 3"),
    )  # fmt: skip
    assert crash.tell("Deaths", "again", "", DEATHS, ("lost",)) == 1
    assert crash.tell("Deaths", "again", "", DEATHS[:1], ("lost",)) == 0
    assert crash.tell("Deaths", "again", "", [], ("lost",)) == 1
    assert "| gateway | 1 | 1,200 | 0 of 1 |" in capsys.readouterr().out


def test_the_page_of_results_holds_the_last_crashes_of_each_kind(tmp_path: Path) -> None:
    file, page = tmp_path / "out" / "crash.json", tmp_path / "RESULTS.md"
    assert crash.kept(file) == []
    columns, rows = crash.added_up(DEATHS, ("lost",))
    first = crash.Crashes("Deaths", "again", "2026-11-22", columns, rows)
    other = crash.Crashes("Others", "again", "2026-11-22", columns, rows[:1])
    last = crash.Crashes("Deaths", "again", "2026-11-23", columns, rows[1:])
    for found in (first, other, last):
        crash.keep(found, file)
    assert crash.kept(file) == [last, other]
    report.write(
        page, date="2026-11-23", facts={}, sections=[("Start", [Row("a", 3.0, "us", 3.0)])], peers=[], repeat="make",
        notes=["quiet"], crashes=crash.kept(file),
    )  # fmt: skip
    text = page.read_text()
    assert text.index("## Start") < text.index(last.section()) < text.index(other.section()) < text.index("## Notes")
    assert first.section() not in text

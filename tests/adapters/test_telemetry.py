"""Metrics that Prometheus' own reader reads, and a log that holds no content."""

from __future__ import annotations

import orjson
from prometheus_client.parser import text_string_to_metric_families

from douane.adapters.telemetry import Counts
from douane.core.finding import Failure, Finding, Inspection
from douane.testing.clock import FrozenClock
from douane.testing.records import a_refusal, an_outcome


def counted() -> tuple[Counts, list[bytes]]:
    lines: list[bytes] = []
    counts = Counts(FrozenClock(), lines.append)
    for _ in range(3):
        counts.settled(an_outcome("req_1"), "chat")
    counts.settled(
        an_outcome("req_1")._replace(state="failed", error_code="upstream_failed", input_tokens=None), "chat"
    )
    counts.settled(an_outcome("req_1")._replace(route='quo"te\\d\n', first_byte_us=2_000_000), "chat")
    counts.refused(a_refusal("req_2"))
    counts.classified(3, Inspection((Finding("IBAN", "/messages/0/content", 0, 27, 1.0, "iban"),)), 0.001)
    counts.classified(3, Failure("patterns", "late"), 2.0)
    counts.flush()
    return counts, lines


def test_the_formats_own_reader_reads_every_family() -> None:
    counts, _ = counted()
    families = {f.name: f for f in text_string_to_metric_families(counts.render({"douane_ready": 1.0}).decode())}
    assert {"douane_attempts", "douane_tokens", "douane_refusals", "douane_attempt_seconds", "douane_ready"} <= set(
        families
    )
    assert sum(s.value for s in families["douane_attempts"].samples) == 5
    assert families["douane_ready"].samples[0].value == 1
    assert 'quo"te\\d\n' in {s.labels["route"] for s in families["douane_attempts"].samples}


def test_buckets_are_cumulative_and_end_in_the_count() -> None:
    counts, _ = counted()
    families = {f.name: f for f in text_string_to_metric_families(counts.render({}).decode())}
    samples = families["douane_inspection_seconds"].samples
    buckets = [s.value for s in samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == next(s.value for s in samples if s.name.endswith("_count")) == 2


def test_unknown_tokens_are_not_counted_as_none() -> None:
    counts, _ = counted()
    families = {f.name: f for f in text_string_to_metric_families(counts.render({}).decode())}
    outcome = an_outcome("req_1")
    tokens = sum(s.value for s in families["douane_tokens"].samples if s.labels["direction"] == "input")
    assert tokens == 4 * (outcome.input_tokens or 0)


def test_each_log_line_is_json_of_closed_fields() -> None:
    _, written = counted()
    lines = [orjson.loads(line) for chunk in written for line in chunk.splitlines()]
    assert [line["event"] for line in lines] == ["attempt"] * 5 + ["refusal"]
    assert all(isinstance(value, str | int | float | None) for line in lines for value in line.values())


def test_a_log_that_nobody_takes_does_not_grow() -> None:
    counts = Counts(FrozenClock(), lambda _lines: None)
    for _ in range(10_050):
        counts.note("tick")
    taken: list[bytes] = []
    counts._write = taken.append
    counts.flush()
    lines = taken[0].splitlines()
    assert len(lines) == 10_001
    assert orjson.loads(lines[-1]) == {"event": "log_lines_dropped", "count": 50}

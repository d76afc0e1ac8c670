"""What the ledger says to people: reports, exports, verification."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from douane.adapters.store.book import Book, open_book
from douane.adapters.store.directory import prepared
from douane.adapters.store.sqlite_reads import EXPORTED, SqliteReads
from douane.cli.ledger import ledger as command
from douane.control.ledger_export import Format, export
from douane.control.ledger_report import report, time_us
from douane.core.receipt import Record
from douane.errors import InvalidRequest, NotFound, StoreFailed
from douane.testing.records import AT_US, a_refusal, an_intent, an_outcome

KINDS = {"Intent": "intent", "Outcome": "outcome", "Refusal": "refusal"}
HOUR_US = 3_600_000_000


def filled(folder: Path, *records: Record) -> SqliteReads:
    connection = open_book(str(prepared(folder)))
    book = Book(connection, "session")
    book.recover(0)
    for number, record in enumerate(records, 1):
        assert book.apply(number, [KINDS[type(record).__name__]], [tuple(record)]) == []
    connection.close()
    return SqliteReads(folder / "douane.db")


def settled(request_id: str, **fields: Any) -> tuple[Record, Record]:
    return an_intent(request_id), an_outcome(request_id, **fields)


def test_a_report_has_the_promised_keys_and_sums(data: Path) -> None:
    reads = filled(data, *settled("a"), *settled("b", input_tokens=50, cost_micro=7), a_refusal("c"))
    found = report(reads)
    (row,) = found["rows"]
    assert row.items() >= {
        "route": "chat", "deployment": "llama-together", "zone": "eu-managed", "requests": 2, "attempts": 2,
        "input_tokens": 300, "output_tokens": 200, "cost_micro": 70, "currency": "USD",
    }.items()  # fmt: skip
    assert found["refusals"] == [{"route": "chat", "code": "label_not_cleared", "requests": 1}]


def test_what_is_not_known_is_null_or_counted_never_zero(data: Path) -> None:
    nothing = {"input_tokens": None, "output_tokens": None, "cost_micro": None, "token_source": "unknown"}
    reads = filled(
        data,
        *settled("a", deployment="mine", currency=None, **nothing),
        *settled("b"),
        *settled("c", **nothing),
    )
    theirs, mine = report(reads)["rows"]
    assert (mine["input_tokens"], mine["output_tokens"], mine["cost_micro"], mine["currency"]) == (None,) * 4
    assert (theirs["input_tokens"], theirs["cost_micro"]) == (250, 63)
    assert (theirs["unknown_token_attempts"], theirs["unpriced_attempts"]) == (1, 1)
    assert (theirs["unknown_cost_attempts"], theirs["own_hardware_attempts"]) == (1, 0)
    assert (mine["unknown_cost_attempts"], mine["own_hardware_attempts"]) == (0, 1)


def test_own_hardware_reads_unpriced_and_an_unknown_cost_reads_unknown(data: Path) -> None:
    nothing = {"input_tokens": None, "output_tokens": None, "cost_micro": None, "token_source": "unknown"}
    filled(data, *settled("a", deployment="mine", currency=None, cost_micro=None), *settled("b", **nothing))
    shown = CliRunner().invoke(command, ["report", "--by", "deployment", "--data", str(data)], env={"COLUMNS": "120"})
    theirs, mine = (line for line in shown.stdout.splitlines() if "mine" in line or "llama-together" in line)
    assert "unpriced (own hardware)" in mine
    assert "unknown" not in mine
    assert "costs" not in mine
    assert "unpriced" not in theirs
    assert "unknown" in theirs
    assert "1 costs" in theirs


def test_currencies_are_never_added(data: Path) -> None:
    reads = filled(data, *settled("a"), *settled("b", currency="EUR"))
    assert [(row["currency"], row["cost_micro"]) for row in report(reads)["rows"]] == [("EUR", 63), ("USD", 63)]


def test_a_report_is_cut_by_whole_hours_and_grouped_as_asked(data: Path) -> None:
    reads = filled(data, *settled("a", at_us=AT_US), *settled("b", at_us=AT_US + HOUR_US, key="other"))
    assert [row["requests"] for row in report(reads, since_us=AT_US + HOUR_US)["rows"]] == [1]
    assert [row["requests"] for row in report(reads, until_us=AT_US + 1)["rows"]] == [1]
    rows = report(reads, by=("key", "day"))["rows"]
    assert [(row["key"], row["day"], row["route"]) for row in rows] == [
        ("other", "2023-11-14", None),
        ("support-team", "2023-11-14", None),
    ]
    with pytest.raises(InvalidRequest):
        report(reads, by=("owner; drop table",))


def test_the_histogram_counts_each_attempt_in_one_cell(data: Path) -> None:
    reads = filled(data, *settled("a"), *settled("b"), *settled("c", input_tokens=None))
    cells = {(cell.input_bucket, cell.output_bucket): sums.attempts for cell, sums in reads.histogram(0, 2 * AT_US)}
    assert cells == {(8, 7): 2, (-1, 7): 1}


def test_an_export_gives_every_attempt_once_over_many_pages(data: Path) -> None:
    records = [an_intent(f"r{n:05d}", at_us=AT_US + n // 3) for n in range(2_500)]
    still_open = {f"r{n:05d}" for n in (0, 3, 7, 1_500, 2_499)}
    connection = open_book(str(prepared(data)))
    book = Book(connection, "session")
    book.apply(1, ["intent"] * len(records), [tuple(record) for record in records])
    ended = [an_outcome(record.request_id) for record in reversed(records) if record.request_id not in still_open]
    book.apply(2, ["outcome"] * len(ended), [tuple(record) for record in ended])
    connection.close()
    reads = SqliteReads(data / "douane.db")
    lines = [json.loads(line) for line in export(reads, Format.JSONL)]
    assert [line["request_id"] for line in lines] == [record.request_id for record in records]
    assert {line["request_id"] for line in lines if line["state"] == "open"} == still_open
    assert tuple(lines[0]) == EXPORTED
    part = list(export(reads, Format.JSONL, since_us=AT_US + 100, until_us=AT_US + 200))
    assert len(part) == 300


def test_an_export_names_the_level_and_leaves_the_compartments_as_they_are(data: Path) -> None:
    marks = ("", "pci", "health,pci", "")
    intents = [an_intent(str(level), level=level, compartments=marks[level]) for level in range(4)]
    reads = filled(data, *intents, *(an_outcome(str(level)) for level in range(3)))
    words = ("public", "internal", "confidential", "restricted")
    rows = list(csv.DictReader(io.StringIO("".join(export(reads, Format.CSV)))))
    assert {(row["level"], row["compartments"]) for row in rows} == set(zip(words, marks, strict=True))
    assert {json.loads(line)["level"] for line in export(reads, Format.JSONL)} == set(words)


def test_a_csv_keeps_unknown_empty_and_runs_no_formula(data: Path) -> None:
    reads = filled(data, *settled("a", upstream="=1+1", cost_micro=None), an_intent("b"))
    rows = list(csv.DictReader(io.StringIO("".join(export(reads, Format.CSV)))))
    assert [row["request_id"] for row in rows] == ["a", "b"]
    assert (rows[0]["upstream"], rows[0]["cost_micro"], rows[0]["settles"]) == ("'=1+1", "", "1")
    assert rows[1]["state"] == "open"


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "2026-11-23T25:00"])
def test_what_is_no_time_is_told_with_a_fix(text: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        time_us(text, "--from")
    assert told.value.param == "--from"


def test_a_time_without_a_zone_is_utc() -> None:
    assert time_us("2023-11-14T22:13:20", "--from") == AT_US
    assert time_us("2023-11-14T23:13:20+01:00", "--from") == AT_US


def test_the_commands_answer_on_a_terminal_and_in_json(data: Path) -> None:
    filled(data, *settled("a"), a_refusal("b"))
    run, place = CliRunner(), ["--data", str(data)]
    found = json.loads(run.invoke(command, ["report", "--json", *place]).stdout)
    assert found["rows"][0]["requests"] == 1
    shown = run.invoke(command, ["report", "--by", "key,day", *place])
    assert shown.exit_code == 0, shown.output
    assert "label_not_cleared" in shown.stdout
    assert len(run.invoke(command, ["export", "--format", "csv", *place]).stdout.splitlines()) == 2
    assert run.invoke(command, ["verify", *place]).exit_code == 0
    connection = open_book(str(data / "douane.db"))
    connection.execute("update usage_hours set cost_micro=0")
    connection.close()
    broken = run.invoke(command, ["verify", "--json", *place])
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["verdict"] == "broken"
    assert isinstance(run.invoke(command, ["report", "--data", str(data / "absent")]).exception, NotFound)


@pytest.mark.parametrize("verb", ["verify", "report", "export"])
def test_a_database_without_a_schema_is_no_empty_ledger(tmp_path: Path, verb: str) -> None:
    (tmp_path / "douane.db").touch()
    result = CliRunner().invoke(command, [verb, "--data", str(tmp_path)])
    assert isinstance(result.exception, StoreFailed)
    assert (result.stdout, (tmp_path / "douane.db").stat().st_size) == ("", 0)


def test_a_report_for_people_folds_no_word_and_says_where_there_is_nothing(data: Path) -> None:
    run, place = CliRunner(), ["--data", str(data)]
    assert "holds nothing" in run.invoke(command, ["report", *place]).stdout
    filled(data, *settled("a"), a_refusal("b"))
    lines = run.invoke(command, ["report", *place]).stdout.splitlines()
    heads = " ".join(lines[:2]).split()
    assert {"deployment", "requests", "attempts", "tokens", "out", "cost"} <= set(heads)
    assert "known" not in heads
    assert any("llama-together" in line for line in lines)

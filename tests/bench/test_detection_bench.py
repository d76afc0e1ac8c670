"""The measurement of detection: when a finding counts, what a disguise leaves, how its part of the page survives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from bench.detection import page, texts
from bench.detection.match import Span, Tally, fits
from bench.detection.measure import Details, Measure, as_dict, from_dict
from bench.detection.worst import DRAWN, UNITS, WORST_BYTES, Piece, text_of
from hypothesis import given
from hypothesis import strategies as st

from bench import disguises, report

spans = st.builds(
    lambda start, size, label: Span(start, start + size, label),
    st.integers(0, 40),
    st.integers(1, 30),
    st.sampled_from(["IBAN", "CARD"]),
)


@given(spans, spans)
def test_fitting_is_mutual_and_never_across_labels(one: Span, other: Span) -> None:
    assert fits(one, other) == fits(other, one)
    assert not fits(one, other._replace(label="NIR"))


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=8))
def test_no_finding_answers_for_two_places(true: list[Span], found: list[Span]) -> None:
    tally = Tally()
    missed, alarms = tally.add(true, found)
    assert sum(tally.right.values()) == len(true) - len(missed) == len(set(found)) - len(alarms)


def test_what_was_not_told_costs_no_precision_and_what_is_not_there_no_recall() -> None:
    tally = Tally()
    tally.add([Span(0, 10, "CARD")], [])
    assert (tally.recall(["CARD"]), tally.precision(["CARD"])) == (0.0, 1.0)


def test_there_are_24_disguises_and_each_but_the_plain_one_changes_some_value() -> None:
    assert len(disguises.TRANSFORMS) == 24
    values = disguises.values(random.Random(1)).values()
    for name, change in disguises.TRANSFORMS.items():
        assert any(change(value) != value for value in values) == (name != "plain"), name


def test_a_disguised_value_stands_where_its_cell_says() -> None:
    for row in disguises.cells(2):
        assert row["text"][: row["start"]] + row["text"][row["end"] :] == row["text"].replace(
            row["text"][row["start"] : row["end"]], "", 1
        )


@pytest.mark.parametrize("what", [*UNITS, *DRAWN])
def test_a_piece_is_repeated_to_just_the_size_searched_and_the_same_each_time(what: str) -> None:
    text = text_of((Piece(what, 3),), seed=1)
    assert WORST_BYTES - 4 < len(text.encode("utf-8", "surrogatepass")) <= WORST_BYTES
    assert text == text_of((Piece(what, 3),), seed=1)


def test_texts_have_the_size_they_claim() -> None:
    for make in (texts.mixed, texts.dense):
        assert 16380 <= len(make(16384, 1).encode()) <= 16384


def test_a_figure_survives_being_kept() -> None:
    for found in (Measure("a", 0.5, 0.4, note="n"), Measure("b", None), Details("t", ("a", "b"), (("1", "2"),))):
        assert from_dict(as_dict(found)) == found


def test_a_demand_that_nothing_was_measured_for_is_not_met() -> None:
    assert Measure("meaning", None, 0.98).verdict == "not there yet"
    assert Measure("recall", 0.979, 0.98).verdict == "NOT MET"
    assert Measure("raised", 0.08, 0.08, at_least=False).verdict == "met"


def test_the_part_on_detection_survives_every_other_run_and_is_replaced_by_its_own(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    facts = {"machine": "one"}

    def whole_run() -> None:
        report.write(path, date="2026-01-01", facts=facts, sections=[], peers=[], repeat="make bench", notes=["busy"])

    def part(value: float) -> str:
        runs = [("Numbers", [Measure("recall", value, 0.9)])]
        return page.section(runs, repeat="python -m bench.detection", date="2026-01-02", facts=facts, held_out=True)

    whole_run()
    page.put_into(path, part(0.91))
    whole_run()
    assert "0.91" in path.read_text()
    page.put_into(path, part(0.95))
    text = path.read_text()
    assert "0.95" in text
    assert "0.91" not in text
    assert text.count("## Detection") == text.count("## Notes of the run") == 1

"""The ledger's pure part: sums, chain, recovery, group commit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.core.reason import Reason
from douane.core.receipt import Outcome, Record, read_body, record_body, record_hash
from douane.core.traffic.ledger import (
    LARGE,
    LAZY_S,
    MOST,
    STEP_S,
    STEPS,
    ChainHead,
    HourSums,
    OpenAttempt,
    advance,
    difference,
    ends,
    hour_s,
    interrupted,
    never_sent,
    pause_s,
    recover,
    roll_up,
    slot_s,
    token_bucket,
)
from douane.testing.records import a_refusal, an_intent, an_outcome

COUNTS = st.none() | st.integers(0, 5_000)
OUTCOMES = st.builds(
    lambda number, at_us, tin, tout, cost, state, source, settles, deployment: an_outcome(
        f"r{number}", at_us=at_us, input_tokens=tin, output_tokens=tout, cost_micro=cost, state=state,
        token_source=source, settles=settles, deployment=deployment,
    ),
    st.integers(0, 99), st.integers(0, 4 * 3_600_000_000), COUNTS, COUNTS, COUNTS,
    st.sampled_from(["complete", "partial", "failed", "unknown"]),
    st.sampled_from(["upstream", "counted", "estimate", "unknown"]), st.booleans(), st.sampled_from(["a", "b"]),
)  # fmt: skip
RECORDS = st.lists(
    OUTCOMES
    | st.builds(lambda n, at: a_refusal(f"r{n}", at_us=at), st.integers(0, 99), st.integers(0, 4 * 3_600_000_000))
    | st.builds(lambda n: an_intent(f"r{n}"), st.integers(0, 99)),
    max_size=30,
)


@given(RECORDS)
def test_sums_over_all_groups_are_sums_over_all_records(records: list[Record]) -> None:
    outcomes = [record for record in records if isinstance(record, Outcome)]
    sums = roll_up(records)
    total = HourSums._make(map(sum, zip(*sums.hours.values(), strict=True))) if sums.hours else HourSums()
    assert total.attempts == len(outcomes)
    assert total.requests == sum(outcome.settles for outcome in outcomes)
    assert total.input_tokens == sum(outcome.input_tokens or 0 for outcome in outcomes)
    assert total.cost_micro == sum(outcome.cost_micro or 0 for outcome in outcomes)
    assert total.unpriced_attempts == sum(outcome.cost_micro is None for outcome in outcomes)
    assert total.unknown_token_attempts == sum(None in (o.input_tokens, o.output_tokens) for o in outcomes)
    assert sum(cell[0] for cell in sums.slots.values()) == len(outcomes)
    assert sum(count[0] for count in sums.refusals.values()) == sum(hasattr(r, "body_bytes") for r in records)


@given(RECORDS, RECORDS)
def test_sums_do_not_depend_on_how_records_are_cut_into_batches(first: list[Record], second: list[Record]) -> None:
    together, one, two = roll_up(first + second), roll_up(first), roll_up(second)
    for whole, left, right in zip(together, one, two, strict=True):
        for group, counts in whole.items():
            parts = [part[group] for part in (left, right) if group in part]
            assert counts == [sum(column) for column in zip(*parts, strict=True)]


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "cost_micro"])
@pytest.mark.parametrize("count", [-1, MOST + 1])
def test_a_count_that_could_spoil_the_sums_is_an_error(field: str, count: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        roll_up([an_outcome("r", **{field: count})])


@given(st.integers(0, MOST))
def test_a_bucket_holds_the_counts_between_two_powers_of_two(tokens: int) -> None:
    bucket = token_bucket(tokens)
    assert bucket == 0 if tokens == 0 else 1 << (bucket - 1) <= tokens < 1 << bucket


@given(st.integers(0, 1 << 52))
def test_hours_and_slots_contain_their_time(at_us: int) -> None:
    assert 0 <= at_us - hour_s(at_us) * 1_000_000 < 3_600_000_000
    assert 0 <= at_us - slot_s(at_us) * 1_000_000 < 600_000_000


def test_a_difference_names_the_group_and_both_sums() -> None:
    reason = difference(roll_up([an_outcome("r")]), roll_up([]), "the rows")
    assert reason is not None
    assert "None" in reason.fact
    assert "the rows" in reason.fact
    assert difference(roll_up([an_outcome("r")]), roll_up([an_outcome("s")]), "the rows") is None


# --- the chain ---------------------------------------------------------------------------------------------------


def chain_of(records: list[Record]) -> list[tuple[int, str, bytes]]:
    kinds = {"Intent": "intent", "Outcome": "outcome", "Refusal": "refusal"}
    rows, before = [], ChainHead("c").hash
    for seq, record in enumerate(records, 1):
        body = record_body(kinds[type(record).__name__], "c", seq, before, record)
        before = record_hash(body)
        rows.append((seq, before, body))
    return rows


def walk(rows: list[tuple[int, str, bytes]], stored: ChainHead) -> Reason | None:
    head = ChainHead("c")
    for row in rows:
        step = advance(head, *row)
        if isinstance(step, Reason):
            return step
        head = step[0]
    return ends(head, stored)


@given(RECORDS)
def test_a_chain_verifies_and_gives_back_its_records(records: list[Record]) -> None:
    rows = chain_of(records)
    assert [read_body(body)[4] for _, _, body in rows] == records
    assert walk(rows, ChainHead("c", len(rows), rows[-1][1] if rows else ChainHead("c").hash)) is None


@given(RECORDS.filter(lambda records: len(records) >= 2), st.data())
def test_whatever_is_changed_in_a_chain_breaks_it(records: list[Record], data: st.DataObject) -> None:
    rows = chain_of(records)
    stored = ChainHead("c", len(rows), rows[-1][1])
    at = data.draw(st.integers(0, len(rows) - 1))
    seq, hashed, body = rows[at]
    what = data.draw(st.sampled_from(["byte", "byte and hash", "hash", "drop", "repeat", "swap"]))
    changed = list(rows)
    flip = data.draw(st.integers(0, len(body) - 1))
    other = body[:flip] + bytes([body[flip] ^ 1]) + body[flip + 1 :]
    if what == "byte":
        changed[at] = (seq, hashed, other)
    elif what == "byte and hash":
        changed[at] = (seq, record_hash(other), other)
    elif what == "hash":
        changed[at] = (seq, "0" * 64, body)
    elif what == "drop":
        del changed[at]
    elif what == "repeat":
        changed.insert(at, rows[at])
    else:
        changed[at - 1], changed[at] = changed[at], changed[at - 1]
    reason = walk(changed, stored)
    assert reason is not None
    assert reason.code == "chain_broken"


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"\xff", b'["none","c",1,""]', b'[[],"c",1,""]', b'["intent","c",1,""]']
)
def test_what_is_no_record_does_not_advance_a_chain(body: bytes) -> None:
    assert isinstance(advance(ChainHead("c"), 1, record_hash(body), body), Reason)


# --- recovery ----------------------------------------------------------------------------------------------------

OPEN = st.builds(
    lambda n, attempt, premises: OpenAttempt(
        f"r{n}", attempt, 5, "k", "o", "chat", "d", "z", premises, 250, 500, 270, "USD"
    ),
    st.integers(0, 5), st.integers(1, 4), st.booleans(),
)  # fmt: skip


@given(st.lists(OPEN, unique_by=lambda a: (a.request_id, a.attempt)))
def test_recovery_ends_every_open_attempt_and_settles_each_request_once(attempts: list[OpenAttempt]) -> None:
    outcomes = recover(attempts, 9)
    assert {(o.request_id, o.attempt) for o in outcomes} == {(a.request_id, a.attempt) for a in attempts}
    assert len(outcomes) == len(attempts)
    settled = [o.request_id for o in outcomes if o.settles]
    assert sorted(settled) == sorted({a.request_id for a in attempts})


@pytest.mark.parametrize(
    ("premises", "expected"),
    [(False, (250, 500, "estimate", 270)), (True, (None, None, "unknown", None))],
)
def test_an_interrupted_attempt_is_charged_its_reservation_only_where_it_left_the_premises(
    premises: bool, expected: tuple[Any, ...]
) -> None:
    attempt = OpenAttempt("r", 1, 5, "k", "o", "chat", "d", "z", premises, 250, 500, 270, "USD")
    o = interrupted(attempt, 9, settles=True)
    assert (o.input_tokens, o.output_tokens, o.token_source, o.cost_micro) == expected
    assert (o.state, o.duration_us, o.currency) == ("unknown", 4, "USD")


def test_an_attempt_that_was_never_sent_costs_nothing() -> None:
    attempt = OpenAttempt("r", 1, 5, "k", "o", "chat", "d", "z", False, 250, 500, 270, "USD")
    o = never_sent(attempt, 9)
    assert (o.state, o.status, o.input_tokens, o.cost_micro, o.settles) == ("failed", 503, 0, 0, True)


# --- group commit ------------------------------------------------------------------------------------------------


def test_a_lone_intent_is_committed_at_once_and_a_lone_outcome_waits_for_company() -> None:
    assert pause_s(1, 1, 2, 0, 0) == 0
    assert pause_s(1, 0, 2, 0, 0) == LAZY_S
    assert pause_s(1, 0, 2, 0, 1) == 0


def test_under_load_a_batch_waits_only_while_others_arrive() -> None:
    assert 0 < pause_s(20, 10, 60, 0, 0) <= STEP_S
    assert pause_s(30, 10, 60, 10, 1) == STEP_S
    assert pause_s(30, 10, 60, 0, 2) == 0
    assert pause_s(LARGE, 10, 60, 10, 1) == 0


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_an_intent_never_waits_for_company_longer_than_some_milliseconds(
    waiting: int, urgent: int, last: int, arrived: int
) -> None:
    waits = [pause_s(waiting, min(1 + urgent, waiting), last, arrived, step) for step in range(STEPS + 1)]
    assert sum(waits) <= 0.005
    assert waits[-1] == 0

"""What the ledger computes: roll-ups, the hash chain's rules, what becomes of interrupted requests (law 4).

Rules kept here:
1. Roll-ups are a fold over outcomes, refusals and settlements alone, at the time each was recorded: whoever folds the
   chain again gets the same sums. Tokens or money that are unknown are counted as unknown, never added as 0 (law 8).
2. A request counts once, where it settles. A refused request counts among refusals and in no deployment's row.
3. A chain advances by one record at a time: next number, same chain, the hash before, the hash of the very bytes.
4. An intent without outcome, found after its process died, becomes an outcome of state `unknown`. Had it a deployment
   off the premises, its reservation is charged, as an estimate; on the premises, its use is unknown.

Where rows are kept and when they are written is left to the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from douane.core.reason import Reason
from douane.core.receipt import GENESIS, Outcome, Record, Refusal, Settlement, read_body, record_hash

INTERRUPTED: Final = "interrupted"
"""The error code of an attempt or a request whose process died before it ended."""

NOT_RECORDED: Final = "not_recorded"
"""The error code of an attempt that was given up because its intent could not be made durable in time."""

UNKNOWN_BUCKET: Final = -1
MOST: Final = 1 << 40
"""The largest count of tokens or micro-units that one attempt may have: sums of a million of them fit 64 bits."""


def hour_s(at_us: int) -> int:
    """Return the Unix second at which the hour of a time begins."""
    return at_us // 3_600_000_000 * 3_600


def slot_s(at_us: int) -> int:
    """Return the Unix second at which the ten minutes of a time begin."""
    return at_us // 600_000_000 * 600


def token_bucket(tokens: int | None) -> int:
    """Return the log2 bucket of a count: 0 for none, n for 2**(n-1) up to 2**n - 1, -1 for unknown.

    >>> [token_bucket(n) for n in (None, 0, 1, 2, 3, 4, 1024)]
    [-1, 0, 1, 2, 2, 3, 11]
    """
    return UNKNOWN_BUCKET if tokens is None else tokens.bit_length()


class HourKey(NamedTuple):
    """What hourly roll-ups are kept by. `currency` is "" where the attempt has none."""

    key: str
    hour_s: int
    route: str
    deployment: str
    zone: str
    currency: str


class HourSums(NamedTuple):
    """Sums of an hour. `cost_micro` covers all attempts but the `unpriced_attempts`; tokens likewise."""

    requests: int = 0
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unknown_token_attempts: int = 0
    cost_micro: int = 0
    unpriced_attempts: int = 0
    partial_attempts: int = 0
    failed_attempts: int = 0
    unknown_attempts: int = 0
    estimated_attempts: int = 0


class SlotKey(NamedTuple):
    """One cell of the ten-minute histogram: log2 bucket of input tokens by log2 bucket of output tokens."""

    slot_s: int
    key: str
    route: str
    deployment: str
    input_bucket: int
    output_bucket: int


class SlotSums(NamedTuple):
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class RefusalKey(NamedTuple):
    hour_s: int
    key: str
    route: str
    code: str


class RollUps(NamedTuple):
    """All sums over some records. The lists hold the fields of HourSums and SlotSums, in their order."""

    hours: Mapping[tuple[str, int, str, str, str, str], list[int]]
    slots: Mapping[tuple[int, str, str, str, int, int], list[int]]
    refusals: Mapping[tuple[int, str, str, str], list[int]]


def roll_up(records: Iterable[Record]) -> RollUps:
    """Fold records into their sums. Raises ValueError for a count below 0 or beyond `MOST`."""
    hours: dict[tuple[str, int, str, str, str, str], list[int]] = {}
    slots: dict[tuple[int, str, str, str, int, int], list[int]] = {}
    refusals: dict[tuple[int, str, str, str], list[int]] = {}
    for record in records:
        if isinstance(record, Outcome):
            _add_outcome(record, hours, slots)
        elif isinstance(record, Refusal):
            refused = (hour_s(record.at_us), record.key, record.route, record.code)
            refusals.setdefault(refused, [0])[0] += 1
        elif isinstance(record, Settlement):
            sums = hours.setdefault(_hour_key(record), [0] * len(HourSums._fields))
            sums[0] += 1
    return RollUps(hours, slots, refusals)


def _hour_key(r: Outcome | Settlement) -> tuple[str, int, str, str, str, str]:
    return r.key, r.at_us // 3_600_000_000 * 3_600, r.route, r.deployment, r.zone, r.currency or ""


def _add_outcome(
    outcome: Outcome,
    hours: dict[tuple[str, int, str, str, str, str], list[int]],
    slots: dict[tuple[int, str, str, str, int, int], list[int]],
) -> None:
    tokens_in, tokens_out, cost, state = outcome.input_tokens, outcome.output_tokens, outcome.cost_micro, outcome.state
    known_in, known_out, known_cost = tokens_in or 0, tokens_out or 0, cost or 0
    if not (0 <= known_in <= MOST and 0 <= known_out <= MOST and 0 <= known_cost <= MOST):
        raise ValueError("a count is out of bounds")
    hour = _hour_key(outcome)
    sums = hours.get(hour)
    if sums is None:
        sums = hours[hour] = [0] * len(HourSums._fields)
    sums[0] += outcome.settles
    sums[1] += 1
    sums[2] += known_in
    sums[3] += known_out
    sums[4] += tokens_in is None or tokens_out is None
    sums[5] += known_cost
    sums[6] += cost is None
    if state != "complete":
        sums[7] += state == "partial"
        sums[8] += state == "failed"
        sums[9] += state == "unknown"
    sums[10] += outcome.token_source == "estimate"  # noqa: S105 - a word, not a secret
    cell = (
        outcome.at_us // 600_000_000 * 600,
        outcome.key,
        outcome.route,
        outcome.deployment,
        UNKNOWN_BUCKET if tokens_in is None else tokens_in.bit_length(),
        UNKNOWN_BUCKET if tokens_out is None else tokens_out.bit_length(),
    )
    counts = slots.get(cell)
    if counts is None:
        slots[cell] = [1, known_in, known_out]
    else:
        counts[0] += 1
        counts[1] += known_in
        counts[2] += known_out


def difference(expected: RollUps, stored: RollUps, source: str) -> Reason | None:
    """Return the first disagreement of stored roll-ups with what `source` (the chain, the rows) adds up to."""
    for name in RollUps._fields:
        should, is_ = getattr(expected, name), getattr(stored, name)
        if should == is_:
            continue
        group = min(group for group in should.keys() | is_.keys() if should.get(group) != is_.get(group))
        return Reason(
            "sums_differ",
            "The sum of rows is the roll-ups.",
            f"Roll-up `{name}` {tuple(group)}: {source} add up to {should.get(group)}, stored is {is_.get(group)}.",
            "Restore the data folder from a backup; find what wrote to it besides Douane.",
        )
    return None


class ChainHead(NamedTuple):
    """How far a chain has come: its last record's number and hash."""

    chain: str
    seq: int = 0
    hash: str = GENESIS


def advance(head: ChainHead, seq: int, stored_hash: str, body: bytes) -> tuple[ChainHead, Record] | Reason:
    """Take the next record of a chain: return the new head and the record, or why it does not continue the chain."""
    if seq != head.seq + 1:
        return _broken(head.chain, head.seq + 1, "the record is missing")
    if record_hash(body) != stored_hash:
        return _broken(head.chain, seq, "the record's bytes do not have the hash that was stored")
    try:
        _, chain, inner, before, record = read_body(body)
    except ValueError:
        return _broken(head.chain, seq, "the record is not one of ours")
    if (chain, inner) != (head.chain, seq):
        return _broken(head.chain, seq, "the record was written for another place")
    if before != head.hash:
        return _broken(head.chain, seq, "the record does not name the hash before it")
    return ChainHead(head.chain, seq, stored_hash), record


def ends(walked: ChainHead, stored: ChainHead) -> Reason | None:
    """Return why a chain, walked to its last record, is not the one whose head was stored."""
    if walked == stored:
        return None
    return _broken(stored.chain, min(walked.seq, stored.seq) + 1, "the chain ends elsewhere than its stored head")


def _broken(chain: str, seq: int, what: str) -> Reason:
    return Reason(
        "chain_broken",
        "Each record of the ledger names the hash of the one before it.",
        f"Chain `{chain}`, record {seq}: {what}.",
        "Keep this data folder as evidence and restore the last backup that verifies.",
    )


class OpenAttempt(NamedTuple):
    """An intent that has no outcome."""

    request_id: str
    attempt: int
    at_us: int
    key: str
    owner: str
    route: str
    deployment: str
    zone: str
    premises: bool
    reserved_input_tokens: int
    reserved_output_tokens: int
    reserved_micro: int | None
    currency: str | None


def interrupted(attempt: OpenAttempt, now_us: int, *, settles: bool) -> Outcome:
    """Return the outcome of an attempt whose process died. `duration_us` is the time until it was found: a bound."""
    left = not attempt.premises
    return Outcome(
        attempt.request_id,
        attempt.attempt,
        now_us,
        attempt.key,
        attempt.owner,
        attempt.route,
        attempt.deployment,
        attempt.zone,
        "unknown",
        0,
        INTERRUPTED,
        attempt.reserved_input_tokens if left else None,
        attempt.reserved_output_tokens if left else None,
        "estimate" if left else "unknown",
        attempt.reserved_micro if left else None,
        attempt.currency,
        0,
        "",
        None,
        max(0, now_us - attempt.at_us),
        settles,
    )


def never_sent(attempt: OpenAttempt, now_us: int) -> Outcome:
    """Return the outcome of an attempt that was given up because its intent was not durable in time.

    Off the premises nothing was sent: no token, no cost. On the premises the engine may have begun: unknown.
    """
    left = not attempt.premises
    return interrupted(attempt, now_us, settles=True)._replace(
        state="failed",
        status=503,
        error_code=NOT_RECORDED,
        input_tokens=0 if left else None,
        output_tokens=0 if left else None,
        token_source="counted" if left else "unknown",
        cost_micro=0 if left else None,
    )


def recover(open_attempts: Iterable[OpenAttempt], now_us: int) -> tuple[Outcome, ...]:
    """Return an outcome for each open attempt of dead processes; the last attempt of each request settles it."""
    ordered = sorted(open_attempts, key=lambda a: (a.request_id, a.attempt))
    last = {a.request_id: a.attempt for a in ordered}
    return tuple(interrupted(a, now_us, settles=a.attempt == last[a.request_id]) for a in ordered)


SMALL: Final = 8
LARGE: Final = 128
FIRST_STEP_S: Final = 0.0002
STEP_S: Final = 0.0005
STEPS: Final = 8
LAZY_S: Final = 0.008


def pause_s(waiting: int, urgent: int, last: int, arrived: int, step: int) -> float:
    """Return how long a group commit waits for company before it starts; 0 is at once.

    `waiting` records, `urgent` of them intents that somebody awaits; `last` is the size of the batch before, `arrived`
    how many came during the last step of waiting, `step` how many steps were waited. Measured: batches of 1, 12 and 64
    requests cost 99, 27 and 14 us a request, and a fixed timer adds its own length to every answer.
    """
    if waiting >= LARGE:
        return 0.0
    if not urgent:
        return LAZY_S if step == 0 else 0.0
    if (waiting <= SMALL and last <= SMALL) or step >= STEPS or (step and not arrived):
        return 0.0
    return STEP_S if step else FIRST_STEP_S

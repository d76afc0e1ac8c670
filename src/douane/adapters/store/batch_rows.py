"""What a batch of records writes, table by table, with its records chained. Pure: the statements are `book`'s.

Rules kept here:
1. An attempt has one row, written when it has ended. Until then it is its chained intent, which is kept here beside.
2. Tables are filled one after the other, so that order within a batch is looked at here: what comes after its own end,
   or ends without having begun, is a `Surprise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from douane.core.receipt import Intent, Outcome, Record, Refusal, Settlement, record_body, record_hash

_LARGEST: Final = (1 << 63) - 1
"""The largest number that a column holds."""


class Surprise(Exception):
    """A record of the batch does not apply as it stands."""


def _has_a_row(i: Intent) -> bool:
    """Say whether an intent can be written as an attempt once it has ended: no later than that it is acknowledged."""
    unknown = (i.model_digest is None) + (i.reserved_micro is None) + (i.currency is None)
    largest = max(
        i.attempt, i.at_us, i.level, i.payload_bytes, i.reserved_input_tokens, i.reserved_output_tokens,
        i.reserved_micro or 0, i.client_retry,
    )  # fmt: skip
    return largest <= _LARGEST and i.count(None) == unknown


class OpenRequests:
    """Requests that are not over: their intents, with the numbers of these in the chain, by request and attempt."""

    __slots__ = ("ended", "running")

    def __init__(self) -> None:
        self.running: dict[tuple[str, int], tuple[int, Intent]] = {}
        """Attempts without outcome."""
        self.ended: dict[str, dict[int, tuple[int, Intent]]] = {}
        """Attempts that have ended, of requests that none of their attempts has settled."""

    def end(self, request_id: str, attempt: int, seq: int, intent: Intent) -> None:
        self.ended.setdefault(request_id, {})[attempt] = seq, intent


class Rows:
    """The rows that records make, placed one after the other in the chain's order. Moves `begun` along."""

    __slots__ = ("attempts", "begun", "closed", "counted", "left", "opened", "over", "settled")

    def __init__(self, begun: OpenRequests) -> None:
        self.begun = begun
        self.opened: list[tuple[int, str]] = []
        self.attempts: list[tuple[object, ...]] = []
        self.settled: list[tuple[object, ...]] = []
        self.closed: list[tuple[int]] = []
        self.left: list[tuple[int, str]] = []
        """Attempts that ended without settling their request: number of the intent, request."""
        self.counted: list[Outcome | Refusal | Settlement] = []
        """The records that roll-ups are made of."""
        self.over: set[str] = set()

    def place(self, record: Record, seq: int) -> str:
        """Take the next record, number `seq` of the chain; return its kind. Raises Surprise."""
        if isinstance(record, Intent):
            self._begin(record, seq)
            return "intent"
        self.counted.append(record)
        if isinstance(record, Outcome):
            self._end(record, seq)
            return "outcome"
        if isinstance(record, Refusal):
            self._refuse(record, seq)
            return "refusal"
        ended = self.begun.ended.get(record.request_id)
        if ended is None or record.attempt not in ended:
            raise Surprise
        self._settle(record, ended[record.attempt][1], seq)
        return "settlement"

    def _begin(self, intent: Intent, seq: int) -> None:
        begun, place = self.begun, intent[:2]
        if place in begun.running or intent.request_id in self.over or not _has_a_row(intent):
            raise Surprise
        if begun.ended and intent.attempt in begun.ended.get(intent.request_id, ()):
            raise Surprise
        begun.running[place] = seq, intent
        self.opened.append((seq, intent.request_id))

    def _end(self, outcome: Outcome, seq: int) -> None:
        entry = self.begun.running.pop(outcome[:2], None)
        if entry is None:
            raise Surprise
        intent_seq, intent = entry
        self.attempts.append(
            (
                *intent[:15],  # up to its compartments; then what was reserved, in the currency that it ended in
                *intent[21:25],
                outcome.currency,
                intent.client_retry,
                1,
                intent_seq,
                outcome.state,
                outcome.at_us,
                *outcome[9:15],  # status to cost
                *outcome[16:21],
                seq,
            )
        )
        if outcome.settles:
            self._settle(outcome, intent, seq)
            self.closed.append((intent_seq,))
        else:
            self.begun.end(outcome.request_id, outcome.attempt, intent_seq, intent)
            self.left.append((intent_seq, outcome.request_id))

    def _settle(self, record: Outcome | Settlement, intent: Intent, seq: int) -> None:
        i = intent
        self.settled.append(
            (
                i.request_id, record.at_us, i.key, i.owner, i.route, i.endpoint, i.level, i.compartments, record.state,
                record.status, record.error_code, i.client_retry, seq,
            )
        )  # fmt: skip
        self._close(i.request_id)

    def _refuse(self, r: Refusal, seq: int) -> None:
        self.settled.append((*r[:8], "refused", r.status, r.code, r.client_retry, seq))
        self._close(r.request_id)

    def _close(self, request_id: str) -> None:
        self.over.add(request_id)
        if self.begun.ended:
            for intent_seq, _ in self.begun.ended.pop(request_id, {}).values():
                self.closed.append((intent_seq,))


class BatchRows(Rows):
    """The rows of a batch, and its receipts. Read `begun` again after a `Surprise`, and where it is rolled back."""

    __slots__ = ("hash", "receipts", "seq")

    def __init__(self, records: Sequence[Record], chain: str, seq: int, before: str, begun: OpenRequests) -> None:
        super().__init__(begun)
        self.receipts: list[tuple[int, str, str]] = []
        for record in records:
            seq += 1
            kind = self.place(record, seq)
            body = record_body(kind, chain, seq, before, record)
            before = record_hash(body)
            self.receipts.append((seq, before, body.decode()))
        self.seq, self.hash = seq, before

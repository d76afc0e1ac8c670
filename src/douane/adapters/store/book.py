"""The ledger's book: one SQLite database, one transaction a batch (law 4). Runs in the writer's process.

Rules kept here:
1. A batch is applied whole, with its number, in one durable transaction; a number that was applied is not applied
   again. A record that cannot be applied is left out and named, the others stand.
2. Each record is idempotent by its request and attempt: an outcome counts once, a request settles once. A second
   settlement of a request is kept as an attempt that does not settle.
3. The chain of a data directory goes on across restarts: one chain a database, its head in the same transaction.
4. What a dead process left open is settled when a new session opens the book (`recover`).

Speaks to the driver in prepared statements over whole batches: SQLAlchemy would cost 15 to 160 us a record here.
The common case is tried at once for the whole batch; a batch with a surprise is rolled back and walked by record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from douane.core.receipt import (
    GENESIS,
    SHAPES,
    Intent,
    Outcome,
    Record,
    Refusal,
    Settlement,
    record_body,
    record_hash,
)
from douane.core.traffic.ledger import (
    INTERRUPTED,
    HourSums,
    OpenAttempt,
    SlotSums,
    hour_s,
    recover,
    roll_up,
)
from douane.errors import StoreFailed

CHAIN: Final = 1
"""The number of a SQLite ledger's only chain."""

_ATTEMPT = (
    "insert into attempts (request_id, attempt, at_us, key, owner, route, endpoint, deployment, zone, premises, model,"
    " model_digest, assurance, level, compartments, payload_bytes, reserved_input_tokens, reserved_output_tokens,"
    " reserved_micro, currency, client_retry, chain, intent_seq, state)"
    " select ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,1,?22,'open'"
    " where not exists (select 1 from requests where request_id=?1)"
)
_OPEN = "insert or ignore into open_requests values (?)"
_RECEIPT = "insert into receipts values (1,?,?,?,?)"
_CONCLUDE = (
    "update attempts set state=?, ended_us=?, status=?, error_code=?, input_tokens=?, output_tokens=?, token_source=?,"
    " cost_micro=?, currency=?, answer_bytes=?, upstream=?, first_byte_us=?, duration_us=?, settles=?, outcome_seq=?"
    " where request_id=? and attempt=? and state='open'"
)
_SETTLE = (
    "insert into requests select request_id, ?, key, owner, route, endpoint, level, compartments, ?, ?, ?,"
    " client_retry, 1, ? from attempts where request_id=? and attempt=?"
)
_REFUSE = "insert into requests values (?,?,?,?,?,?,?,?,'refused',?,?,?,1,?)"
_CLOSE = (
    "delete from open_requests where request_id=?1"
    " and not exists (select 1 from attempts where request_id=?1 and state='open')"
)
_CLOSE_LATE = f"{_CLOSE} and exists (select 1 from requests where request_id=?1)"
_SWEEP = "delete from open_requests where exists (select 1 from requests r where r.request_id=open_requests.request_id)"
_HEAD = "update chains set session=?, last_batch=?, last_seq=?, last_hash=? where id=1 and last_seq=? and last_hash=?"


def _upsert(table: str, group: str, sums: Sequence[str]) -> str:
    columns = f"{group}, {', '.join(sums)}"
    marks = ",".join("?" * len(columns.split(",")))
    added = ", ".join(f"{name}={name}+excluded.{name}" for name in sums)
    return f"insert into {table} ({columns}) values ({marks}) on conflict do update set {added}"


_HOURS = _upsert("usage_hours", "key, hour_s, route, deployment, zone, currency", HourSums._fields)
_SLOTS = _upsert("usage_slots", "slot_s, key, route, deployment, input_bucket, output_bucket", SlotSums._fields)
_REFUSALS = _upsert("refusal_hours", "hour_s, key, route, code", ("requests",))


class _Surprise(Exception):
    """A record of the batch does not apply as it stands."""


_UNFIT = (
    _Surprise,
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a single record may be at fault for; every other error of the driver is the disk's."""


def open_book(database: str) -> sqlite3.Connection:
    """Open the database for its one writer: WAL kept small, every commit synced."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=5.0, cached_statements=64)
    for pragma in (
        "journal_mode=wal",
        "synchronous=full",
        "wal_autocheckpoint=1000",
        "journal_size_limit=8388608",
        "cache_size=-4096",
        "temp_store=memory",
        "trusted_schema=off",
    ):
        connection.execute(f"pragma {pragma}")
    return connection


class _Rows:
    """What a batch inserts, table by table, with its records chained. Raises _Surprise for an intent that comes after
    its own end: tables are filled one after the other, so that order within a batch has to be looked at here."""

    __slots__ = ("attempts", "closed", "closed_late", "concluded", "hash", "receipts", "refused", "seq", "settled")

    def __init__(self, records: Sequence[Record], chain: str, seq: int, before: str) -> None:
        self.receipts: list[tuple[int, str, str, str]] = []
        self.attempts: list[tuple[object, ...]] = []
        self.concluded: list[tuple[object, ...]] = []
        self.settled: list[tuple[object, ...]] = []
        self.refused: list[tuple[object, ...]] = []
        self.closed: list[tuple[str]] = []
        self.closed_late: list[tuple[str]] = []
        over: set[object] = set()
        for record in records:
            seq += 1
            kind = self._place(record, seq, over)
            body = record_body(kind, chain, seq, before, record)
            before = record_hash(body)
            self.receipts.append((seq, kind, before, body.decode()))
        self.seq, self.hash = seq, before

    def _place(self, r: Record, seq: int, over: set[object]) -> str:
        if isinstance(r, Outcome):
            self.concluded.append((r[8], r[2], *r[9:16], *r[16:21], seq, r[0], r[1]))
            over.add(r[:2])
            if r.settles:
                self._settle(r, seq, over)
            else:
                self.closed_late.append((r.request_id,))
            return "outcome"
        if isinstance(r, Intent):
            if over and (r[:2] in over or r.request_id in over):
                raise _Surprise
            self.attempts.append((*r[:15], *r[21:27], seq))
            return "intent"
        if isinstance(r, Refusal):
            self.refused.append((*r[:8], r.status, r.code, r.client_retry, seq))
            self.closed.append((r.request_id,))
            over.add(r.request_id)
            return "refusal"
        self._settle(r, seq, over)
        return "settlement"

    def _settle(self, r: Outcome | Settlement, seq: int, over: set[object]) -> None:
        self.settled.append((r.at_us, r.state, r.status, r.error_code, seq, r.request_id, r.attempt))
        self.closed.append((r.request_id,))
        over.add(r.request_id)


class Book:
    """Applies batches. `session` is the gateway process that sends them: numbers count within it."""

    def __init__(self, connection: sqlite3.Connection, session: str) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._many = connection.executemany
        self._session = session
        self._read_head()

    def _read_head(self) -> None:
        row = self._execute("select name, session, last_batch, last_seq, last_hash from chains where id=1").fetchone()
        if row is None:
            self._execute("insert into chains values (1, ?, '', 0, 0, ?)", (self._session, GENESIS))
            row = (self._session, "", 0, 0, GENESIS)
        self.chain: str = row[0]
        self._known_session: str = row[1]
        self._last_batch: int = row[2]
        self._seq: int = row[3]
        self._hash: str = row[4]

    def apply(self, number: int, kinds: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Apply a batch durably and return the positions of records that were left out.

        Raises sqlite3.Error where nothing of it was applied, StoreFailed where another process wrote to the chain.
        """
        if self._known_session == self._session and number <= self._last_batch:
            return []
        records: list[Record] = []
        for kind, row in zip(kinds, rows, strict=True):
            records.append(SHAPES[kind]._make(row))
        return self._transact(number, records)

    def recover(self, now_us: int) -> int:
        """Settle what dead processes left open; return how many records that took. Nothing in one's own session."""
        if self._known_session == self._session:
            return 0
        unsettled = self._execute(
            "select a.request_id, a.attempt, a.at_us, a.key, a.owner, a.route, a.deployment, a.zone, a.premises,"
            " a.reserved_input_tokens, a.reserved_output_tokens, a.reserved_micro, a.currency, a.state"
            " from open_requests o join attempts a using (request_id)"
        ).fetchall()
        open_attempts = [OpenAttempt._make(row[:13]) for row in unsettled if row[13] == "open"]
        records: list[Record] = list(recover(open_attempts, now_us))
        ending = {attempt.request_id for attempt in open_attempts}
        last: dict[str, OpenAttempt] = {}
        for row in unsettled:
            if row[0] not in ending:
                last[row[0]] = max(OpenAttempt._make(row[:13]), last.get(row[0], OpenAttempt._make(row[:13])))
        records += [_settlement(attempt, now_us) for attempt in last.values()]
        self._transact(0, records, sweep=True)
        return len(records)

    def spent_micro(self, key: str, since_us: int) -> dict[str, int]:
        """Return what a key spent since the hour of a time, by currency."""
        rows = self._execute(
            "select currency, sum(cost_micro) from usage_hours where key=? and hour_s>=? and currency<>''"
            " group by currency",
            (key, hour_s(since_us)),
        )
        return dict(rows.fetchall())

    def _transact(self, number: int, records: list[Record], *, sweep: bool = False) -> list[int]:
        before = self._seq, self._hash
        committed = False
        try:
            left_out = self._insert_or_walk(records)
            if sweep:
                self._execute(_SWEEP)
            moved = self._execute(_HEAD, (self._session, number, self._seq, self._hash, *before)).rowcount
            if moved != 1:
                raise StoreFailed(
                    "Another process wrote to the ledger's chain.",
                    "Stop every other process that writes to this data folder, then restart the gateway.",
                    rule="One chain has one writer.",
                )
            self._execute("commit")
            committed = True
        finally:
            if not committed:
                self._seq, self._hash = before
                if self._connection.in_transaction:
                    self._execute("rollback")
        self._known_session, self._last_batch = self._session, number
        return left_out

    def _insert_or_walk(self, records: list[Record]) -> list[int]:
        before = self._seq, self._hash
        self._execute("begin immediate")
        try:
            self._insert(records)
        except _UNFIT:
            self._execute("rollback")
            self._seq, self._hash = before
            self._execute("begin immediate")
            return self._walk(records)
        return []

    def _insert(self, records: Sequence[Record]) -> None:
        """Insert records that are all as the common case has them; raise one of `_UNFIT` otherwise."""
        rows = _Rows(records, self.chain, self._seq, self._hash)
        many = self._many
        many(_RECEIPT, rows.receipts)
        if rows.attempts:
            if many(_ATTEMPT, rows.attempts).rowcount != len(rows.attempts):
                raise _Surprise
            many(_OPEN, [row[:1] for row in rows.attempts])
        if rows.concluded and many(_CONCLUDE, rows.concluded).rowcount != len(rows.concluded):
            raise _Surprise
        if rows.settled and many(_SETTLE, rows.settled).rowcount != len(rows.settled):
            raise _Surprise
        if rows.refused:
            many(_REFUSE, rows.refused)
        if rows.closed:
            many(_CLOSE, rows.closed)
        if rows.closed_late:
            many(_CLOSE_LATE, rows.closed_late)
        self._add_up(records)
        self._seq, self._hash = rows.seq, rows.hash

    def _add_up(self, records: Sequence[Record]) -> None:
        sums = roll_up(records)
        if sums.hours:
            self._many(_HOURS, [(*group, *counts) for group, counts in sums.hours.items()])
            self._many(_SLOTS, [(*cell, *counts) for cell, counts in sums.slots.items()])
        if sums.refusals:
            self._many(_REFUSALS, [(*group, *counts) for group, counts in sums.refusals.items()])

    def _walk(self, records: Sequence[Record]) -> list[int]:
        """Apply records one by one; return the positions of those that do not apply."""
        left_out: list[int] = []
        for position, record in enumerate(records):
            self._execute("savepoint record")
            try:
                fresh = self._as_it_applies(record)
                if fresh is not None:
                    self._insert((fresh,))
            except _UNFIT:
                self._execute("rollback to record")
                left_out.append(position)
            self._execute("release record")
        return left_out

    def _as_it_applies(self, record: Record) -> Record | None:
        """Return what is to be recorded, None for what was recorded before; raise _Surprise for what can't be."""
        settled = self._execute("select 1 from requests where request_id=?", record[:1]).fetchone() is not None
        if isinstance(record, Outcome):
            row = self._execute("select state from attempts where request_id=? and attempt=?", record[:2]).fetchone()
            if row is None:
                raise _Surprise
            if row[0] != "open":
                return None
            return record._replace(settles=False) if settled and record.settles else record
        if isinstance(record, Intent):
            if settled:
                raise _Surprise
            return record
        return None if settled else record


def _settlement(attempt: OpenAttempt, now_us: int) -> Settlement:
    return Settlement(
        attempt.request_id,
        attempt.attempt,
        now_us,
        attempt.key,
        attempt.owner,
        attempt.route,
        attempt.deployment,
        attempt.zone,
        attempt.currency,
        "unknown",
        0,
        INTERRUPTED,
    )

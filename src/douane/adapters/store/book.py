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
Open intents are kept in memory beside `open_requests`, and read from there wherever a transaction was rolled back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from douane.adapters.store.batch_rows import BatchRows, OpenRequests, Surprise
from douane.core.receipt import GENESIS, SHAPES, Intent, Outcome, Record, Settlement, read_body
from douane.core.traffic.ledger import INTERRUPTED, HourSums, OpenAttempt, SlotSums, hour_s, recover, roll_up
from douane.errors import StoreFailed

CHAIN: Final = 1
"""The number of a SQLite ledger's only chain."""

_RECEIPT = "insert into receipts values (?,1,?,?)"
_OPEN = "insert into open_requests select ?1, 0 where not exists (select 1 from requests where request_id=?2)"
_ATTEMPT = f"insert into attempts values ({','.join('?' * 37)})"
_SETTLE = "insert into requests values (?,?,?,?,?,?,?,?,?,?,?,?,1,?)"
_CLOSE = "delete from open_requests where intent_seq=?"
_END = "update open_requests set ended=1 where intent_seq=?"
_SETTLED = "select seq from requests where request_id=?"
_BEGUN = "select o.intent_seq, o.ended, r.body from open_requests o join receipts r on r.seq=o.intent_seq"
_HEAD = "update chains set session=?, last_batch=?, last_seq=?, last_hash=? where id=1 and last_seq=? and last_hash=?"


def _upsert(table: str, group: str, sums: Sequence[str]) -> str:
    columns = f"{group}, {', '.join(sums)}"
    marks = ",".join("?" * len(columns.split(",")))
    added = ", ".join(f"{name}={name}+excluded.{name}" for name in sums)
    return f"insert into {table} ({columns}) values ({marks}) on conflict do update set {added}"


_HOURS = _upsert("usage_hours", "key, hour_s, route, deployment, zone, currency", HourSums._fields)
_SLOTS = _upsert("usage_slots", "slot_s, key, route, deployment, input_bucket, output_bucket", SlotSums._fields)
_REFUSALS = _upsert("refusal_hours", "hour_s, key, route, code", ("requests",))


_UNFIT = (
    Surprise,
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


class Book:
    """Applies batches. `session` is the gateway process that sends them: numbers count within it."""

    def __init__(self, connection: sqlite3.Connection, session: str) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._many = connection.executemany
        self._session = session
        self._read_head()
        self._begun = self._read_begun()
        self._rolled_back = False

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

    def _read_begun(self) -> OpenRequests:
        begun = OpenRequests()
        for seq, ended, body in self._execute(_BEGUN).fetchall():
            intent = _intent(seq, body)
            if ended:
                begun.end(intent.request_id, intent.attempt, seq, intent)
            else:
                begun.running[intent.request_id, intent.attempt] = seq, intent
        return begun

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
        running = [_open_attempt(intent) for _, intent in self._begun.running.values()]
        ending = {attempt.request_id for attempt in running}
        records: list[Record] = list(recover(running, now_us))
        for request_id, ended in self._begun.ended.items():
            if request_id not in ending:
                records.append(_settlement(ended[max(ended)][1], now_us))
        self._transact(0, records)
        return len(records)

    def spent_micro(self, key: str, since_us: int) -> dict[str, int]:
        """Return what a key spent since the hour of a time, by currency."""
        rows = self._execute(
            "select currency, sum(cost_micro) from usage_hours where key=? and hour_s>=? and currency<>''"
            " group by currency",
            (key, hour_s(since_us)),
        )
        return dict(rows.fetchall())

    def _transact(self, number: int, records: list[Record]) -> list[int]:
        before = self._seq, self._hash
        if self._rolled_back:
            self._begun = self._read_begun()
            self._rolled_back = False
        committed = False
        try:
            left_out = self._insert_or_walk(records)
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
                self._rolled_back = True
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
            self._begun = self._read_begun()
            return self._walk(records)
        return []

    def _insert(self, records: Sequence[Record]) -> None:
        """Insert records that are all as the common case has them; raise one of `_UNFIT` otherwise."""
        rows = BatchRows(records, self.chain, self._seq, self._hash, self._begun)
        many = self._many
        many(_RECEIPT, rows.receipts)
        if rows.opened and many(_OPEN, rows.opened).rowcount != len(rows.opened):
            raise Surprise
        if rows.attempts:
            many(_ATTEMPT, rows.attempts)
        if rows.settled:
            many(_SETTLE, rows.settled)
        for intent_seq, request_id in rows.left:
            self._leave(intent_seq, request_id)
        if rows.closed:
            many(_CLOSE, rows.closed)
        self._add_up(rows.counted)
        self._seq, self._hash = rows.seq, rows.hash

    def _leave(self, intent_seq: int, request_id: str) -> None:
        """Keep an attempt that ended until its request is settled; let go of it where the request is settled."""
        if self._execute(_SETTLED, (request_id,)).fetchone() is None:
            self._execute(_END, (intent_seq,))
        else:
            self._execute(_CLOSE, (intent_seq,))
            self._begun.ended.pop(request_id, None)

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
                self._begun = self._read_begun()
                left_out.append(position)
            self._execute("release record")
        return left_out

    def _as_it_applies(self, record: Record) -> Record | None:
        """Return what is to be recorded, None for what was recorded before; raise Surprise for what can't be."""
        settled = self._execute(_SETTLED, record[:1]).fetchone()
        if isinstance(record, Outcome):
            if record[:2] in self._begun.running:
                return record._replace(settles=record.settles and settled is None)
            if not self._has_ended(record, settled):
                raise Surprise
            return None
        if isinstance(record, Intent):
            if settled is not None:
                raise Surprise
            return record
        return record if settled is None else None

    def _has_ended(self, outcome: Outcome, settled: tuple[int] | None) -> bool:
        """Say whether an attempt without running intent has its outcome: no later one than its request settled by."""
        if settled is None:
            return outcome.attempt in self._begun.ended.get(outcome.request_id, ())
        last = self._execute("select attempt from attempts where outcome_seq=?", settled).fetchone()
        return last is not None and 1 <= outcome.attempt <= last[0]


def _intent(seq: int, body: str) -> Intent:
    try:
        record = read_body(body.encode())[4]
    except ValueError:
        record = None
    if not isinstance(record, Intent):
        raise StoreFailed(
            f"The ledger's record {seq} is not the intent of an open request.",
            "Run `douane ledger verify`, keep this data folder as evidence and restore the last backup that verifies.",
            rule="What is open is settled by what was recorded of it.",
        )
    return record


def _open_attempt(i: Intent) -> OpenAttempt:
    return OpenAttempt(
        i.request_id, i.attempt, i.at_us, i.key, i.owner, i.route, i.deployment, i.zone, i.premises,
        i.reserved_input_tokens, i.reserved_output_tokens, i.reserved_micro, i.currency,
    )  # fmt: skip


def _settlement(i: Intent, now_us: int) -> Settlement:
    return Settlement(
        i.request_id, i.attempt, now_us, i.key, i.owner, i.route, i.deployment, i.zone, i.currency, "unknown", 0,
        INTERRUPTED,
    )  # fmt: skip

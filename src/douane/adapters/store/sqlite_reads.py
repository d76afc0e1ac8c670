"""The `LedgerReader` port: reports, exports and audits, through SQLAlchemy Core, beside a running gateway.

Reports read roll-ups alone. An export reads attempts page by page, each page a statement of its own, so that neither
memory nor the writer's log grows with it. An audit reads everything in one transaction: one consistent view.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, ColumnElement, Connection, Engine, Table, create_engine, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from douane.adapters.store import schema
from douane.core.receipt import Outcome, Record, Refusal, Settlement, read_body
from douane.core.traffic.ledger import (
    ChainHead,
    HourKey,
    HourSums,
    RefusalKey,
    RollUps,
    SlotKey,
    SlotSums,
    hour_s,
    roll_up,
    slot_s,
)
from douane.errors import StoreFailed

_PAGE: Final = 1_000

EXPORTED: Final[tuple[str, ...]] = tuple(str(column.name) for column in schema.attempts.columns)
"""The names in a row of `attempts()`, in order."""


class SqliteReads:
    """Reads one database. Build it with the file that `directory.prepared` returns."""

    def __init__(self, database: Path) -> None:
        self._engine = create_engine(URL.create("sqlite", database=str(database)), poolclass=NullPool)

    def usage(self, since_us: int, until_us: int) -> Iterator[tuple[HourKey, HourSums]]:
        table = schema.usage_hours
        for row in self._between(table, table.c.hour_s, hour_s(since_us), until_us):
            yield HourKey._make(row[:6]), HourSums._make(row[6:])

    def refusals(self, since_us: int, until_us: int) -> Iterator[tuple[RefusalKey, int]]:
        table = schema.refusal_hours
        for row in self._between(table, table.c.hour_s, hour_s(since_us), until_us):
            hour, key, route, code, count = row
            yield RefusalKey(hour, key, route, code), count

    def histogram(self, since_us: int, until_us: int) -> Iterator[tuple[SlotKey, SlotSums]]:
        table = schema.usage_slots
        for row in self._between(table, table.c.slot_s, slot_s(since_us), until_us):
            yield SlotKey._make(row[:6]), SlotSums._make(row[6:])

    def attempts(self, since_us: int, until_us: int) -> Iterator[Mapping[str, Any]]:
        running = deque(sorted(self._running(since_us, until_us), key=_place))
        for row in self._ended(since_us, until_us):
            while running and _place(running[0]) <= _place(row):
                earlier = running.popleft()
                if _place(earlier) != _place(row):  # it ended meanwhile
                    yield earlier
            yield row
        yield from running

    def _ended(self, since_us: int, until_us: int) -> Iterator[dict[str, Any]]:
        c = schema.attempts.c
        after = since_us, -1
        while True:
            page = (
                select(schema.attempts)
                .where(c.at_us >= after[0], c.at_us < until_us, tuple_(c.at_us, c.intent_seq) > after)
                .order_by(c.at_us, c.intent_seq)
                .limit(_PAGE)
            )
            with _reading(self._engine) as connection:
                rows = connection.execute(page).mappings().all()
            yield from ({str(name): value for name, value in row.items()} for row in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1]["at_us"], rows[-1]["intent_seq"]

    def _running(self, since_us: int, until_us: int) -> Iterator[dict[str, Any]]:
        """Yield attempts without outcome, as many as are in flight."""
        r, o = schema.receipts.c, schema.open_requests.c
        query = select(r.seq, r.body).join(schema.open_requests, o.intent_seq == r.seq).where(~o.ended)
        with _reading(self._engine) as connection:
            rows = connection.execute(query).all()
        for seq, body in rows:
            intent = read_body(body.encode())[4]._asdict()
            if since_us <= intent["at_us"] < until_us:
                row = dict.fromkeys(EXPORTED) | {name: intent[name] for name in intent.keys() & set(EXPORTED)}
                yield row | {"chain": 1, "intent_seq": seq, "state": "open"}

    @contextmanager
    def audit(self) -> Iterator[SqliteAudit]:
        with _reading(self._engine) as connection:
            connection.exec_driver_sql("begin")
            yield SqliteAudit(connection)

    def _between(self, table: Table, column: ColumnElement[int], since_s: int, until_us: int) -> list[tuple[Any, ...]]:
        until_s = -(-until_us // 1_000_000)
        with _reading(self._engine) as connection:
            query = select(table).where(column >= since_s, column < until_s)
            return [tuple(row) for row in connection.execute(query.order_by(*table.primary_key.columns))]


def _place(attempt: Mapping[str, Any]) -> tuple[int, int]:
    return attempt["at_us"], attempt["intent_seq"]


class SqliteAudit:
    """The `Audit` port, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self) -> tuple[ChainHead, ...]:
        c = schema.chains.c
        rows = self._connection.execute(select(c.name, c.last_seq, c.last_hash).order_by(c.id))
        return tuple(ChainHead(*row) for row in rows)

    def receipts(self, chain: str) -> Iterator[tuple[int, str, bytes]]:
        r, c = schema.receipts.c, schema.chains.c
        query = (
            select(r.seq, r.hash, r.body)
            .join(schema.chains, c.id == r.chain)
            .where(c.name == chain)
            .order_by(r.seq)
            .execution_options(yield_per=_PAGE)
        )
        for seq, stored_hash, body in self._connection.execute(query):
            yield seq, stored_hash, body.encode()

    def roll_ups(self) -> RollUps:
        return RollUps(
            {tuple(row[:6]): list(row[6:]) for row in self._connection.execute(select(schema.usage_hours))},
            {tuple(row[:6]): list(row[6:]) for row in self._connection.execute(select(schema.usage_slots))},
            {tuple(row[:4]): list(row[4:]) for row in self._connection.execute(select(schema.refusal_hours))},
        )

    def rows(self) -> RollUps:
        return roll_up(self._records())

    def strays(self) -> Mapping[str, int]:
        a, r, o = schema.attempts.c, schema.requests.c, schema.open_requests.c
        settling = select(a.request_id).where(a.settles).group_by(a.request_id).having(func.count() > 1)
        unsettled = (
            select(a.request_id)
            .where(a.request_id.not_in(select(r.request_id)), a.intent_seq.not_in(select(o.intent_seq)))
            .distinct()
        )
        both = select(a.request_id).where(
            a.intent_seq.in_(select(o.intent_seq)), a.request_id.in_(select(r.request_id))
        )
        records = select(func.count()).select_from(schema.receipts)
        return {
            "requests that settled twice": self._count(settling.subquery()),
            "requests that are neither open nor settled": self._count(unsettled.subquery()),
            "requests that are both open and settled": self._count(both.subquery()),
            "receipts beyond those that rows name": (
                int(self._connection.execute(records).scalar_one()) - self._receipts_of_rows()
            ),
        }

    def _receipts_of_rows(self) -> int:
        """Count two for each attempt that ended, one for each that runs, one for whatever else settled a request."""
        a, r, o = schema.attempts.c, schema.requests.c, schema.open_requests.c
        running = select(o.intent_seq).where(o.intent_seq.not_in(select(a.intent_seq)))
        others = select(r.seq).where(r.seq.not_in(select(a.outcome_seq)))
        return 2 * self._count(schema.attempts) + self._count(running.subquery()) + self._count(others.subquery())

    def _count(self, rows: Any) -> int:
        return int(self._connection.execute(select(func.count()).select_from(rows)).scalar_one())

    def _records(self) -> Iterator[Record]:
        a, r = schema.attempts.c, schema.requests.c
        columns = [
            a.request_id, a.attempt, a.ended_us, a.key, a.owner, a.route, a.deployment, a.zone, a.state, a.status,
            a.error_code, a.input_tokens, a.output_tokens, a.token_source, a.cost_micro, a.currency, a.answer_bytes,
            a.upstream, a.first_byte_us, a.duration_us, a.settles,
        ]  # fmt: skip
        query = select(*columns).execution_options(yield_per=_PAGE)
        for row in self._connection.execute(query):
            yield Outcome._make(row)
        query = select(schema.requests).where(r.state == "refused").execution_options(yield_per=_PAGE)
        for refused in self._connection.execute(query).mappings():
            yield _refusal(dict(refused))
        last = select(a.request_id, func.max(a.attempt).label("attempt")).group_by(a.request_id)
        settled = last.having(~func.max(a.settles)).subquery()
        query = (
            select(a.attempt, a.deployment, a.zone, a.currency, schema.requests)
            .join(settled, (settled.c.request_id == a.request_id) & (settled.c.attempt == a.attempt))
            .join(schema.requests, r.request_id == a.request_id)
            .where(r.state != "refused")
            .execution_options(yield_per=_PAGE)
        )
        for ended in self._connection.execute(query).mappings():
            yield _settlement(dict(ended))


def _refusal(row: Mapping[str, Any]) -> Refusal:
    """Return what roll-ups need of a refusal; the rest is in its receipt."""
    return Refusal(
        row["request_id"], row["settled_us"], row["key"], row["owner"], row["route"], row["endpoint"], row["level"],
        row["compartments"], "", "", "", "", "", 0, row["code"], row["status"], row["client_retry"],
    )  # fmt: skip


def _settlement(row: Mapping[str, Any]) -> Settlement:
    return Settlement(
        row["request_id"], row["attempt"], row["settled_us"], row["key"], row["owner"], row["route"],
        row["deployment"], row["zone"], row["currency"], row["state"], row["status"], row["code"],
    )  # fmt: skip


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as cause:
        raise StoreFailed(
            f"The store could not be read: {type(cause).__name__}.",
            "Check the disk of the data folder: free space, rights, health.",
            rule="What cannot be read is not reported.",
        ) from cause

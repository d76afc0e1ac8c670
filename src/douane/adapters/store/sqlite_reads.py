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

from sqlalchemy import URL, ColumnElement, Connection, Engine, Table, create_engine, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from douane.adapters.store import schema
from douane.adapters.store.row_audit import SqliteRowAudit
from douane.core.receipt import read_body
from douane.core.traffic.ledger import (
    ChainHead,
    HourKey,
    HourSums,
    RefusalKey,
    RollUps,
    SlotKey,
    SlotSums,
    hour_s,
    slot_s,
)
from douane.errors import StoreFailed

_PAGE: Final = 1_000

EXPORTED: Final[tuple[str, ...]] = tuple(str(column.name) for column in schema.attempts.columns)
"""The names in a row of `attempts()`, in order."""


class SqliteReads:
    """Reads one database, so many rows at a time. Build it with the file that `directory.prepared` returns."""

    def __init__(self, database: Path, *, page: int = _PAGE) -> None:
        self._page = page
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
                .limit(self._page)
            )
            with _reading(self._engine) as connection:
                rows = connection.execute(page).mappings().all()
            yield from ({str(name): value for name, value in row.items()} for row in rows)
            if len(rows) < self._page:
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
            yield SqliteAudit(connection, self._page)

    def _between(self, table: Table, column: ColumnElement[int], since_s: int, until_us: int) -> list[tuple[Any, ...]]:
        until_s = -(-until_us // 1_000_000)
        with _reading(self._engine) as connection:
            query = select(table).where(column >= since_s, column < until_s)
            return [tuple(row) for row in connection.execute(query.order_by(*table.primary_key.columns))]


def _place(attempt: Mapping[str, Any]) -> tuple[int, int]:
    return attempt["at_us"], attempt["intent_seq"]


class SqliteAudit:
    """The `Audit` port, inside one transaction."""

    def __init__(self, connection: Connection, page: int) -> None:
        self._connection = connection
        self._page = page

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
            .execution_options(yield_per=self._page)
        )
        for seq, stored_hash, body in self._connection.execute(query):
            yield seq, stored_hash, body.encode()

    def roll_ups(self) -> RollUps:
        return RollUps(
            {tuple(row[:6]): list(row[6:]) for row in self._connection.execute(select(schema.usage_hours))},
            {tuple(row[:6]): list(row[6:]) for row in self._connection.execute(select(schema.usage_slots))},
            {tuple(row[:4]): list(row[4:]) for row in self._connection.execute(select(schema.refusal_hours))},
        )

    def rows(self) -> SqliteRowAudit:
        return SqliteRowAudit(self._connection, self._page)


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

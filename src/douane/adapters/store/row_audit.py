"""Are the rows what the chained records say? Made again from the records, and compared column by column (law 4).

Rules kept here:
1. Every row of attempts, requests and open_requests has the record that made it, every such record its row, and each
   column holds what the record does. A receipt that is in no chain is as much astray as a row without one.
2. Memory is bounded by what is open at once: attempts are numbered as the chain is and read beside it, requests are
   looked up some hundred at a time.
3. Values are compared as the database has them: no type of SQLAlchemy's rounds a 2 to `true`.

That the records themselves are sound is checked before they come here, how rows are made from them is `batch_rows`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table

from douane.adapters.store import schema
from douane.adapters.store.batch_rows import OpenRequests, Rows, Surprise
from douane.adapters.store.book import CHAIN
from douane.core.receipt import Record


def _names(table: Table) -> tuple[str, ...]:
    return tuple(str(column.name) for column in table.columns)


_ATTEMPT_COLUMNS: Final = _names(schema.attempts)
_REQUEST_COLUMNS: Final = _names(schema.requests)
_ATTEMPTS: Final = f"select {', '.join(_ATTEMPT_COLUMNS)} from attempts order by outcome_seq"
_REQUESTS: Final = (
    f"select {', '.join(_REQUEST_COLUMNS)} from requests where request_id in (select value from json_each(?))"
)


class SqliteRowAudit:
    """The `RowAudit` port, inside the transaction of one audit."""

    def __init__(self, connection: Connection, page: int) -> None:
        self._connection = connection
        self._page = page
        self._begun = OpenRequests()
        self._rows = Rows(self._begun)
        self._records = 0
        self._requests = 0
        self._last = 0
        self._stored = self._read(_ATTEMPTS)
        self._next = next(self._stored, None)
        self._count = 0
        self._first = ""

    def take(self, seq: int, record: Record) -> None:
        self._records += 1
        self._last = seq
        try:
            self._rows.place(record, seq)
        except Surprise:
            self._note(f"record {seq} does not follow from those before it")
        if self._records % self._page == 0:
            self._compare()

    def astray(self) -> tuple[int, str]:
        self._compare()
        while self._next is not None:
            self._beyond()
        self._compare_open()
        for table, known in (("requests", self._requests), ("receipts", self._records)):
            ((count,),) = self._read(f"select count(*) from {table}")
            if count > known:
                self._note(f"`{table}` has rows that are in no chain", count - known)
        return self._count, self._first

    def _read(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        found = self._connection.exec_driver_sql(statement, values, execution_options={"yield_per": self._page})
        for page in found.partitions():
            yield from map(tuple, page)

    def _note(self, what: str, rows: int = 1) -> None:
        self._count += rows
        self._first = self._first or what

    def _compare(self) -> None:
        rows, self._rows = self._rows, Rows(self._begun)
        for row in rows.attempts:
            self._compare_attempt(row)
        if rows.settled:
            self._compare_requests([(*row[:-1], CHAIN, row[-1]) for row in rows.settled])
        for _, request_id in rows.left:
            self._let_go(request_id)

    def _compare_attempt(self, expected: tuple[Any, ...]) -> None:
        seq = expected[-1]
        while self._next is not None and self._next[-1] < seq:
            self._beyond()
        if self._next is None or self._next[-1] != seq:
            self._note(f"`attempts` lacks the row of record {seq}")
            return
        if self._next != expected:
            self._differ("attempts", _ATTEMPT_COLUMNS, self._next, expected)
        self._next = next(self._stored, None)

    def _beyond(self) -> None:
        """Pass over a row that no record made."""
        self._note("`attempts` has a row that no record made")
        self._next = next(self._stored, None)

    def _compare_requests(self, expected: list[tuple[Any, ...]]) -> None:
        ids = orjson.dumps([row[0] for row in expected]).decode()
        stored = {row[0]: row for row in self._read(_REQUESTS, ids)}
        self._requests += len(stored)
        for row in expected:
            found = stored.get(row[0])
            if found is None:
                self._note(f"`requests` lacks the row of record {row[-1]}")
            elif found != row:
                self._differ("requests", _REQUEST_COLUMNS, found, row)

    def _differ(self, table: str, columns: tuple[str, ...], stored: tuple[Any, ...], made: tuple[Any, ...]) -> None:
        wrong = [name for name, is_, should in zip(columns, stored, made, strict=True) if is_ != should]
        self._note(f"`{table}` holds another `{wrong[0]}` than record {made[-1]}")

    def _let_go(self, request_id: str) -> None:
        """Forget attempts that ended without settling their request where it was settled by then, as the book does."""
        if request_id in self._begun.ended:
            for (seq,) in self._read("select seq from requests where request_id=?", request_id):
                if seq <= self._last:
                    del self._begun.ended[request_id]

    def _compare_open(self) -> None:
        """Compare what is open: as many rows as there are attempts in flight, but for what was put there."""
        expected = {seq: 0 for seq, _ in self._begun.running.values()}
        for attempts in self._begun.ended.values():
            expected |= {seq: 1 for seq, _ in attempts.values()}
        for seq, ended in self._read("select intent_seq, ended from open_requests order by intent_seq"):
            should = expected.pop(seq, None)
            if should is None:
                self._note(f"`open_requests` has a row for record {seq}, which is not open")
            elif should != ended:
                self._note(f"`open_requests` holds another `ended` than the records for record {seq}")
        if expected:
            self._note(f"`open_requests` lacks the row of record {min(expected)}", len(expected))

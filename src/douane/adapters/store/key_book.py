"""The keys and the blocks that the control plane keeps in the store, and who hears of a change.

Each change raises a counter in its own transaction: a running gateway looks at that one number each second. Speaks to
the driver, not to SQLAlchemy: it lives in the gateway's process too, where SQLAlchemy would take 20 MB.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from douane.adapters.store.directory import connect
from douane.adapters.store.failing import store_failed
from douane.core.label import Label, Level
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.keys import KeyEntry
from douane.core.traffic.snapshot import Budget, Key, Limits
from douane.errors import InvalidRequest

T = TypeVar("T")

_KEYS = (
    "select name, digest, owner, routes, zones, level, compartments, requests_per_minute, tokens_per_minute,"
    " concurrent, budget_micro, budget_currency, budget_per, expires_at_s, admin, created_us, revoked_us"
    " from keys order by name"
)
_ADD = f"insert into keys values ({','.join('?' * 17)})"


class KeyBook:
    """The `KeyStore` port over SQLite. Each call is one short transaction on a connection of its own."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def add(self, entry: KeyEntry) -> None:
        """Keep a new key. InvalidRequest where its name was ever used: names stay in the ledger for good."""

        def insert(connection: sqlite3.Connection) -> None:
            if connection.execute("select 1 from keys where name=?", (entry.key.name,)).fetchone() is not None:
                raise InvalidRequest(
                    f"There is a key `{entry.key.name}` already, or there was one.",
                    "Choose another name; `douane keys list` shows those in use.",
                    rule="A key's name is used once: the ledger accounts by it.",
                    param="name",
                )
            connection.execute(_ADD, _row(entry))

        self._change(insert)

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return every key, revoked ones included, by name."""
        with self._open() as connection:
            return read_entries(connection)

    def revoke(self, name: str, at_us: int) -> bool:
        """Withdraw a key for good; False where no such key is in force."""

        def update(connection: sqlite3.Connection) -> bool:
            row = connection.execute("select digest from keys where name=? and revoked_us is null", (name,)).fetchone()
            if row is None:
                return False
            connection.execute("update keys set revoked_us=? where name=?", (at_us, name))
            connection.execute("insert or ignore into revocations values ('key', ?, ?, '')", (row[0], at_us))
            return True

        return self._change(update)

    def block(self, deployment: str, at_us: int, why: str) -> None:
        """Let a deployment receive nothing more, over restarts and reloads, until `unblock`."""
        self._change(
            lambda connection: connection.execute(
                "insert into revocations values ('deployment', ?, ?, ?)"
                " on conflict do update set at_us=excluded.at_us, why=excluded.why",
                (deployment, at_us, why),
            )
        )

    def unblock(self, deployment: str) -> bool:
        """Take a block back; False where there was none."""
        return self._change(
            lambda connection: (
                connection.execute(
                    "delete from revocations where kind='deployment' and subject=?", (deployment,)
                ).rowcount
                == 1
            )
        )

    def blocked(self) -> dict[str, str]:
        """Return why each blocked deployment is, by name."""
        with self._open() as connection:
            rows = connection.execute("select subject, why from revocations where kind='deployment' order by subject")
            return dict(rows.fetchall())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(connect(self._database)) as connection:
                yield connection
        except sqlite3.Error as cause:
            raise store_failed("used", cause) from cause

    def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        with self._open() as connection:
            connection.execute("begin immediate")
            result = change(connection)
            connection.execute("update key_changes set changes=changes+1 where id=1")
            connection.execute("commit")
            return result


def read_changes(connection: sqlite3.Connection) -> int:
    """Return how often keys or revocations have changed."""
    return int(connection.execute("select changes from key_changes where id=1").fetchone()[0])


def read_entries(connection: sqlite3.Connection) -> tuple[KeyEntry, ...]:
    """Return every key of the store, by name."""
    return tuple(_entry(row) for row in connection.execute(_KEYS).fetchall())


def read_revocations(connection: sqlite3.Connection) -> Revocations:
    """Return what is withdrawn."""
    rows = connection.execute("select kind, subject from revocations").fetchall()
    return Revocations(
        frozenset(subject for kind, subject in rows if kind == "key"),
        frozenset(subject for kind, subject in rows if kind == "deployment"),
    )


def _names(names: frozenset[str] | None) -> str | None:
    return None if names is None else json.dumps(sorted(names))


def _row(entry: KeyEntry) -> tuple[Any, ...]:
    key, limits, budget = entry.key, entry.key.limits, entry.key.budget
    return (
        key.name,
        key.digest,
        key.owner,
        _names(key.routes),
        _names(key.zones),
        int(key.floor.level),
        json.dumps(sorted(key.floor.compartments)),
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.concurrent,
        None if budget is None else budget.amount_micro,
        None if budget is None else budget.currency,
        None if budget is None else budget.per,
        key.expires_at,
        key.admin,
        entry.created_us,
        entry.revoked_us,
    )


def _entry(row: tuple[Any, ...]) -> KeyEntry:
    key = Key(
        row[0],
        row[1],
        row[2],
        None if row[3] is None else frozenset(json.loads(row[3])),
        None if row[4] is None else frozenset(json.loads(row[4])),
        Label(Level(row[5]), frozenset(json.loads(row[6]))),
        Limits(row[7], row[8], row[9]),
        None if row[10] is None else Budget(row[10], row[11], row[12]),
        row[13],
        bool(row[14]),
    )
    return KeyEntry(key, row[15], row[16])

"""The `Keys` port: keys of configuration and store together, in memory (law 7's and law 11's owner of each request).

Rules kept here:
1. `find` looks nothing up outside memory. What the store changed is seen by the next `refresh`, a second later.
2. Where configuration and store name or open the same key, the configuration's counts.
3. A store that cannot be read leaves the last known keys in force and raises: the caller shows it, nothing is guessed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from hmac import compare_digest
from pathlib import Path

from douane.adapters.store.directory import connect
from douane.adapters.store.failing import store_failed
from douane.adapters.store.key_book import read_changes, read_entries, read_revocations
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.snapshot import Key, Snapshot
from douane.ports import Snapshots


class SqliteKeys:
    """Answers from memory; `refresh`, called each second, keeps that memory fresh. `refresh` may run in a thread."""

    def __init__(self, connection: sqlite3.Connection, snapshots: Snapshots) -> None:
        self._connection = connection
        self._snapshots = snapshots
        self._changes = -1
        self._stored: tuple[Key, ...] = ()
        self._revocations = Revocations()
        self._index: tuple[Snapshot, tuple[Key, ...], Mapping[str, Key]] | None = None

    @classmethod
    def open(cls, database: Path, snapshots: Snapshots) -> SqliteKeys:
        """Read the store's keys. Raises StoreFailed."""
        keys = cls(connect(database), snapshots)
        keys.refresh()
        return keys

    def find(self, digest: str) -> Key | None:
        key = self._by_digest().get(digest)
        return key if key is not None and compare_digest(key.digest, digest) else None

    def all(self) -> Iterator[Key]:
        """Return every key that `find` may find."""
        return iter(self._by_digest().values())

    def revocations(self) -> Revocations:
        return self._revocations

    def refresh(self) -> bool:
        """Look whether the store changed, and read it where it did; tell whether it did. Raises StoreFailed."""
        try:
            if read_changes(self._connection) == self._changes:
                return False
            self._connection.execute("begin")
            try:
                changes = read_changes(self._connection)
                stored = tuple(entry.key for entry in read_entries(self._connection))
                revocations = read_revocations(self._connection)
            finally:
                self._connection.execute("rollback")
        except sqlite3.Error as cause:
            raise store_failed("read", cause) from cause
        self._revocations = revocations
        self._stored = stored
        self._changes = changes
        return True

    def close(self) -> None:
        """Close the connection; what is in memory stays."""
        self._connection.close()

    def _by_digest(self) -> Mapping[str, Key]:
        snapshot, stored, index = self._snapshots.current(), self._stored, self._index
        if index is not None and index[0] is snapshot and index[1] is stored:
            return index[2]
        configured = {key.name: key for key in snapshot.keys.values()}
        merged = {key.digest: key for key in stored if key.name not in configured}
        merged |= {key.digest: key for key in configured.values()}
        self._index = (snapshot, stored, merged)
        return merged

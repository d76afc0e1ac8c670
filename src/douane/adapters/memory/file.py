"""The file behind the book: `memory.db`, and the key `memory.key` without which its names mean nothing.

Rules enforced:
1. Both are their owner's alone (0600). They are made together: a file of names without its key is refused at the start,
   since every conversation would have lost its label.
2. A commit that returns is on the disk.
3. What can't be read is an error that says so, never an empty memory. Deleting both files forgets everything.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from douane.adapters.memory.book import SHARED, Changes, Conversation
from douane.core.label import Label, Level
from douane.core.traffic.conversation import Mark
from douane.errors import StoreFailed

KEY_BYTES: Final = 32
SCHEMA: Final = 2
_TABLES: Final = (
    "create table conversations (number integer primary key, owner text not null, rank integer not null,"
    " label text not null, layers text not null, masked text not null, masked_layers text not null,"
    " seen_s integer not null, masked_types text not null default '')",
    "create table names (name blob primary key, conversation integer not null) without rowid",
    f"pragma user_version={SCHEMA}",
)
_RULE: Final = "A label that was once given is not forgotten by a restart."


def open_key(folder: Path) -> bytes:
    """Return the folder's key, made where there is none yet. Raises StoreFailed."""
    path, database = folder / "memory.key", folder / "memory.db"
    try:
        if not path.exists():
            if database.exists():
                raise StoreFailed(
                    f"The file `{path}` is gone: what `{database}` remembers of conversations can't be read.",
                    f"Restore it from a backup. To forget every conversation, delete `{database}` too.",
                    rule=_RULE,
                )
            _write_durably(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as cause:
        raise StoreFailed(
            f"The file `{path}` can't be used: {cause.strerror}.", "Give its owner the right to use it.", rule=_RULE
        ) from cause
    if len(key) != KEY_BYTES:
        raise StoreFailed(
            f"The file `{path}` holds no key.",
            f"Restore it from a backup. To forget every conversation, delete it and `{database}`.",
            rule=_RULE,
        )
    return key


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    draft = path.with_suffix(".new")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class MemoryFile:
    """One connection. Its calls may come from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where there is none. Raises StoreFailed."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._connection.execute("pragma journal_mode=wal")
            self._connection.execute("pragma synchronous=full")
            self._prepare()
        except (OSError, sqlite3.Error) as cause:
            raise failed("opened", cause) from cause

    def _prepare(self) -> None:
        version = self._connection.execute("pragma user_version").fetchone()[0]
        if version == SCHEMA:
            return
        if version == 1:
            self._connection.execute("begin immediate")
            self._connection.execute("alter table conversations add column masked_types text not null default ''")
            self._connection.execute(f"pragma user_version={SCHEMA}")
            self._connection.execute("commit")
            return
        if version != 0:
            raise StoreFailed(
                f"The file `memory.db` has schema {version}; this version knows {SCHEMA}.",
                "Run the newer version that wrote it. To forget every conversation, delete it and `memory.key`.",
                rule=_RULE,
            )
        self._connection.execute("begin immediate")
        for statement in _TABLES:
            self._connection.execute(statement)
        self._connection.execute("commit")

    def read(self, oldest_s: int) -> Iterator[Conversation]:
        """Yield what is stored and not older, oldest first, and delete the rest. Raises StoreFailed."""
        try:
            self._delete_old(oldest_s)
            names: dict[int, list[bytes]] = {}
            with closing(self._connection.execute("select name, conversation from names")) as rows:
                for name, number in rows:
                    names.setdefault(number, []).append(name)
            columns = "number, owner, rank, label, layers, masked, masked_layers, seen_s, masked_types"
            query = f"select {columns} from conversations order by seen_s, number"
            marks: dict[Mark, Mark] = {}
            with closing(self._connection.execute(query)) as rows:
                for number, owner, rank, label, layers, masked, masked_layers, seen_s, masked_types in rows:
                    if number not in names:
                        continue
                    of_masked = _label(masked), _words(masked_layers), _words(masked_types)
                    mark = Mark(_label(label), _words(layers), *of_masked)
                    found = Conversation(number, owner, marks.setdefault(mark, mark), rank, seen_s)
                    found.names = names[number]
                    yield found
        except (sqlite3.Error, ValueError) as cause:
            raise failed("read", cause) from cause

    def _delete_old(self, oldest_s: int) -> None:
        self._connection.execute("begin immediate")
        self._connection.execute("delete from conversations where seen_s < ? and rank > ?", (oldest_s, SHARED))
        self._connection.execute("delete from names where conversation not in (select number from conversations)")
        self._connection.execute("commit")

    def write(self, rows: Rows) -> None:
        """Make changes durable, all or none. Raises StoreFailed."""
        connection = self._connection
        try:
            connection.execute("begin immediate")
            try:
                if rows.everything:
                    connection.execute("delete from conversations")
                    connection.execute("delete from names")
                connection.executemany("delete from names where name=?", rows.lost_names)
                connection.executemany("delete from conversations where number=?", rows.lost_conversations)
                connection.executemany(
                    "insert or replace into conversations values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.conversations
                )
                connection.executemany("insert or replace into names values (?, ?)", rows.names)
                connection.execute("commit")
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        except sqlite3.Error as cause:
            raise failed("written", cause) from cause

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Rows:
    """Changes as they are written: values of now, so that the book may go on meanwhile."""

    __slots__ = ("conversations", "everything", "lost_conversations", "lost_names", "names")

    def __init__(self, changes: Changes) -> None:
        self.everything = changes.everything
        self.conversations = [
            (
                one.number,
                one.owner,
                one.rank,
                _written(one.mark.label),
                ",".join(sorted(one.mark.layers)),
                _written(one.mark.masked),
                ",".join(sorted(one.mark.masked_layers)),
                one.seen_s,
                ",".join(sorted(one.mark.masked_types)),
            )
            for one in changes.conversations.values()
            if one is not None
        ]
        self.lost_conversations = [(number,) for number, one in changes.conversations.items() if one is None]
        self.names = [(name, number) for name, number in changes.names.items() if number is not None]
        self.lost_names = [(name,) for name, number in changes.names.items() if number is None]


def _written(label: Label) -> str:
    return ",".join((label.level.word, *sorted(label.compartments)))


def _label(text: str) -> Label:
    word, *compartments = text.split(",")
    level = Level.parse(word)
    if level is None:
        raise ValueError("no level")
    return Label(level, frozenset(compartments))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def failed(what: str, cause: Exception) -> StoreFailed:
    """Translate a driver's error: its name, never its text."""
    name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return StoreFailed(
        f"The memory of conversations could not be {what}: {name}.",
        "Check the disk of the data folder: free space, rights, health. It is tried again by itself.",
        rule=_RULE,
    )

"""The vault's SQLite file: which rows it has, and the statements on them. All that tells of content in it is sealed.

Rules enforced:
1. What was erased is overwritten (`secure_delete`), and the journal with it; so is what has expired.
2. An owner has at most `MOST_VALUES`; the oldest go first.
3. What was sealed with a data key that was erased meanwhile is never kept.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

import orjson

from douane.adapters.vault.cipher import OwnerKey, load_master, make_owner_key
from douane.core.pseudonym import Pseudonym, Pseudonyms, normal_form
from douane.errors import StoreFailed

MOST_VALUES: Final = 200_000
_SCHEMA: Final = """
create table if not exists owners (owner text primary key, wrapped blob not null) without rowid;
create table if not exists entries (
  owner text not null, conversation blob not null, nonce text not null, sealed blob not null,
  subject blob, value blob, until_us integer not null, primary key (owner, conversation, nonce)
) without rowid;
create index if not exists entries_until on entries (owner, until_us);
create index if not exists entries_subject on entries (owner, subject);
create index if not exists entries_value on entries (owner, value);
"""
_FORMS: Final = ("EMAIL", "PERSON", "IBAN", "SECRET")
"""Types whose normal forms differ: a subject is looked for in each."""


class Rows:
    """The open file. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._master = load_master(folder / "vault.key")
        path = folder / "vault.db"
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._db.execute("pragma journal_mode=truncate")
            self._db.execute("pragma synchronous=full")
            self._db.execute("pragma secure_delete=on")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as cause:
            raise _failed("opened", cause) from cause

    def close(self) -> None:
        self._db.close()

    def recall(self, owner: str, conversation: str, now_us: int) -> Pseudonyms:
        """Return a conversation's pseudonyms; make the owner's data key where there is none."""
        try:
            key = self._key(owner) or self._new_key(owner)
            talk = key.digest(conversation, b"conversation")
            rows = self._db.execute(
                "select nonce, sealed from entries where owner = ? and conversation = ? and until_us > ?",
                (owner, talk, now_us),
            ).fetchall()
        except sqlite3.Error as cause:
            raise _failed("read", cause) from cause
        known = [_pseudonym(nonce, key.open(sealed, _place(owner, talk, nonce))) for nonce, sealed in rows]
        return Pseudonyms(key.pseudonym_key(talk), sorted(known, key=lambda each: each.number))

    def keep(
        self, owner: str, conversation: str, pseudonyms: Pseudonyms, subject: str | None, now_us: int, until_us: int
    ) -> None:
        """Keep the fresh ones, and the conversation's others as long as these."""
        try:
            with _Transaction(self._db):
                key = self._key(owner)
                talk = key.digest(conversation, b"conversation") if key is not None else b""
                if key is None or key.pseudonym_key(talk) != pseudonyms.key:
                    return
                whom = key.digest(subject, b"subject") if subject is not None else None
                self._db.execute("delete from entries where owner = ? and until_us <= ?", (owner, now_us))
                self._db.execute(
                    "update entries set until_us = ? where owner = ? and conversation = ?", (until_us, owner, talk)
                )
                self._db.executemany(
                    "insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)",
                    [self._row(key, owner, talk, each, whom, until_us) for each in pseudonyms.fresh],
                )
                self._bound(owner)
        except sqlite3.Error as cause:
            raise _failed("written", cause) from cause

    def erase(self, owner: str | None, subject: str | None) -> int:
        """Erase an owner's values or everybody's; with a subject, those alone that it is the subject of."""
        try:
            with _Transaction(self._db):
                named = self._db.execute("select owner from owners order by owner").fetchall()
                whose = [name for (name,) in named if owner is None or name == owner]
                return sum([self._erase(name, subject) for name in whose])
        except sqlite3.Error as cause:
            raise _failed("erased from", cause) from cause

    def _erase(self, owner: str, subject: str | None) -> int:
        if subject is None:
            self._db.execute("delete from owners where owner = ?", (owner,))
            return self._db.execute("delete from entries where owner = ?", (owner,)).rowcount
        key = self._key(owner)
        if key is None:
            return 0
        values = {key.digest(normal_form(kind, subject), b"value") for kind in _FORMS}
        whom = key.digest(subject, b"subject")
        marks = ", ".join("?" * len(values))
        return self._db.execute(
            f"delete from entries where owner = ? and (subject = ? or value in ({marks}))", (owner, whom, *values)
        ).rowcount

    def _key(self, owner: str) -> OwnerKey | None:
        row = self._db.execute("select wrapped from owners where owner = ?", (owner,)).fetchone()
        return OwnerKey(self._master.open(row[0], b"owner\0" + owner.encode())) if row is not None else None

    def _new_key(self, owner: str) -> OwnerKey:
        wrapped = self._master.seal(make_owner_key(), b"owner\0" + owner.encode())
        self._db.execute("insert or ignore into owners values (?, ?)", (owner, wrapped))
        key = self._key(owner)  # another process may have been first
        if key is None:
            raise sqlite3.OperationalError("the owner's key is gone again")
        return key

    @staticmethod
    def _row(
        key: OwnerKey, owner: str, talk: bytes, each: Pseudonym, whom: bytes | None, until_us: int
    ) -> tuple[Any, ...]:
        plain = orjson.dumps((each.type, each.number, _hex(each.value)))
        sealed = key.seal(plain, _place(owner, talk, each.nonce))
        value = key.digest(normal_form(each.type, each.value), b"value") if each.value is not None else None
        return owner, talk, each.nonce, sealed, whom, value, until_us

    def _bound(self, owner: str) -> None:
        (count,) = self._db.execute("select count(*) from entries where owner = ?", (owner,)).fetchone()
        if count > MOST_VALUES:
            self._db.execute(
                "delete from entries where (owner, conversation, nonce) in (select owner, conversation, nonce "
                "from entries where owner = ? order by until_us limit ?)",
                (owner, count - MOST_VALUES),
            )


class _Transaction:
    """Everything in it, or nothing."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("commit" if kind is None else "rollback")


def _place(owner: str, talk: bytes, nonce: str) -> bytes:
    return b"\0".join((b"value", owner.encode(), talk.hex().encode(), nonce.encode()))


def _hex(value: str | None) -> str | None:
    return value.encode("utf-8", "surrogatepass").hex() if value is not None else None


def _pseudonym(nonce: str, plain: bytes) -> Pseudonym:
    kind, number, value = orjson.loads(plain)
    told = bytes.fromhex(value).decode("utf-8", "surrogatepass") if value is not None else None
    return Pseudonym(kind, number, nonce, told)


def _failed(what: str, cause: Exception) -> StoreFailed:
    return StoreFailed(
        f"The vault of masked values could not be {what}: {type(cause).__name__}.",
        "Look at the disk of the data folder; nothing is sent masked meanwhile.",
        rule="A masked value that can't be kept is not sent.",
    )

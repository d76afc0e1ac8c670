"""The data directory: who holds it, where its database is, and that the schema is the one this version knows.

Rules kept here:
1. One process tree writes the ledger: `claim` takes an advisory lock that the writer inherits. It ends with the last
   process of the tree, so that a new gateway never overtakes an old writer that still commits.
2. The directory is its owner's alone (0700, the database 0600).
3. A database of another schema is migrated only by the one who holds the directory; a newer one is refused.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from douane.adapters.store.failing import store_failed
from douane.errors import NotFound, StoreFailed

REVISION: Final = "0001"
"""The schema that this version reads and writes: `schema.HEAD`, said here since the gateway loads no SQLAlchemy."""

_MIGRATION_S: Final = 600.0


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules with this interpreter, never with what lies in the folder."""
    return [sys.executable, "-P", "-m", module, *arguments]


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A data directory that this process holds until `release`, or until it and its children are gone."""

    path: Path
    lock_fd: int

    @classmethod
    def claim(cls, path: Path, *, patience_s: float = 5.0) -> DataDirectory:
        """Make the directory where there is none, lock it, bring its database up to date.

        Waits up to `patience_s` for a writer that is about to end. Raises StoreFailed.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as cause:
            raise _unusable(path, cause) from cause
        with ExitStack() as undo:
            undo.callback(os.close, lock_fd)
            _lock(lock_fd, path, patience_s)
            _bring_up_to_date(database_of(path))
            undo.pop_all()
        return cls(path, lock_fd)

    @property
    def database(self) -> Path:
        return database_of(self.path)

    def release(self) -> None:
        """Let go. A child that inherited the lock keeps it."""
        os.close(self.lock_fd)


def database_of(path: Path) -> Path:
    """Return where a data directory has its database."""
    return path / "douane.db"


def prepared(path: Path) -> Path:
    """Return the database of a data directory for reading or for keys, beside a running gateway or without one.

    Makes or migrates it where nobody holds the directory. Raises StoreFailed.
    """
    database = database_of(path)
    if _revision(database) != REVISION:
        DataDirectory.claim(path, patience_s=0.0).release()
    return database


def existing(path: Path) -> Path:
    """Return the database of a data directory that has one, for reading. Raises NotFound, StoreFailed."""
    database = database_of(path)
    if not database.exists():
        raise NotFound(
            f"The folder `{path}` holds no ledger.",
            "Name the data folder of the gateway with `--data`.",
            rule="A report reads a ledger that is there.",
            param="--data",
        )
    if _revision(database) is None:
        raise StoreFailed(
            f"The file `{database}` is no ledger: it has no schema.",
            "Restore the data folder from a backup; where a gateway is making it just now, try again.",
            rule="A ledger that was lost is not an empty one.",
        )
    return prepared(path)


def connect(database: Path) -> sqlite3.Connection:
    """Open the database, in autocommit mode, for short statements beside the ledger's writer."""
    try:
        connection = sqlite3.connect(database, isolation_level=None, timeout=5.0, check_same_thread=False)
        connection.execute("pragma synchronous=full")
    except sqlite3.Error as cause:
        raise store_failed("opened", cause) from cause
    return connection


def _unusable(path: Path, cause: OSError) -> StoreFailed:
    return StoreFailed(
        f"The data folder `{path}` cannot be used: {cause.strerror}.",
        "Give its owner the right to write there, or choose another with `--data`.",
        rule="The ledger needs a folder of its own.",
    )


def _lock(lock_fd: int, path: Path, patience_s: float) -> None:
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise StoreFailed(
                    f"Another process holds the data folder `{path}`.",
                    "Stop the other gateway, or choose another folder with `--data`.",
                    rule="One gateway writes one ledger.",
                ) from None
            time.sleep(0.02)
        else:
            return


def _revision(database: Path) -> str | None:
    """Return the schema's revision; None where there is no database, or none of ours."""
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            row = connection.execute("select version_num from alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    except sqlite3.Error as cause:
        raise store_failed("read", cause) from cause
    return None if row is None else str(row[0])


def _bring_up_to_date(database: Path) -> None:
    found = _revision(database)
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise StoreFailed(
            f"The database has schema {found}; this version knows {REVISION}.",
            "Run the newer version that wrote it, or restore an older backup.",
            rule="A ledger does not go back.",
        )
    os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    command = module_command("douane.adapters.store.migrate", str(database.absolute()))
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_MIGRATION_S, check=False)  # noqa: S603 - our own module
    if ended.returncode != 0 or _revision(database) != REVISION:
        raise StoreFailed(
            f"The database could not be migrated from schema {found} to {REVISION}.",
            f"Run `python -m douane.adapters.store.migrate {database}` to see why; the data is as it was.",
            rule="A schema is migrated whole or not at all.",
        )

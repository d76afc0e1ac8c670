"""What is said of the driver's errors."""

from __future__ import annotations

import sqlite3

from douane.errors import StoreFailed


def store_failed(what: str, cause: sqlite3.Error) -> StoreFailed:
    """Translate a driver's error: its name, never its text."""
    name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return StoreFailed(
        f"The store could not be {what}: {name}.",
        "Check the disk of the data folder: free space, rights, health. It is tried again by itself.",
        rule="Nothing is acknowledged that is not durable.",
    )

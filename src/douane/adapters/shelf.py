"""Keeps compiled patterns between processes: compiling takes nearly two seconds, reading what was compiled, none.

Rules enforced:
1. A file is named by the digest of all that it was compiled from and for; it is never changed, only replaced whole.
2. Only what this user wrote is read, and only where nobody else may write: what is loaded here runs in the scanner.
3. A shelf that can't be read or written costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from douane.core.digest import digest

_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_KEPT: Final = 8
"""A new version or other settings leave their forerunners behind; the oldest go."""


class FolderShelf:
    """The `Shelf` of `douane.detect.engine`, in a folder of the user's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: str) -> tuple[bytes, ...]:
        """Return what was put under a name; empty where nothing is there, or it is not what was written."""
        try:
            if not _is_private(self._folder):
                return ()
            with (self._folder / f"{name}.patterns").open("rb") as file:
                if not _is_ours(os.fstat(file.fileno())):
                    return ()
                data = file.read(_MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                return ()
            head, _, body = data.partition(b"\n")
            told = orjson.loads(head)
            if told["digest"] != digest(body) or sum(told["sizes"]) != len(body):
                return ()
            return _cut(body, told["sizes"])
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def put(self, name: str, compiled: Sequence[bytes]) -> None:
        """Keep it, where the folder lets us."""
        body = b"".join(compiled)
        head = orjson.dumps({"digest": digest(body), "sizes": [len(part) for part in compiled]})
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._folder):
                return
            handle, made = tempfile.mkstemp(dir=self._folder, suffix=".new")
            try:
                with open(handle, "wb") as file:
                    file.write(head + b"\n" + body)
                Path(made).replace(self._folder / f"{name}.patterns")
            except OSError:
                Path(made).unlink(missing_ok=True)
            self._tidy()

    def _tidy(self) -> None:
        kept = sorted(self._folder.glob("*.patterns"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for old in kept[_MOST_KEPT:]:
            old.unlink(missing_ok=True)


def _cut(body: bytes, sizes: Sequence[int]) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    at = 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return tuple(parts)


def _is_private(folder: Path) -> bool:
    return _is_ours(folder.stat(follow_symlinks=False))


def _is_ours(facts: os.stat_result) -> bool:
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

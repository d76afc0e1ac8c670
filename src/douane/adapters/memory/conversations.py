"""The `Conversations` port: answers from memory, writes behind, and tells when what was recorded is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Generator, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from douane.adapters.memory.book import AGE_S, MOST_NAMES, Book
from douane.adapters.memory.file import MemoryFile, Rows, open_key
from douane.core.traffic.conversation import Mark, NameKind, Recalled
from douane.errors import StoreFailed
from douane.ports import Clock

_NAME_BYTES: Final = 15
"""120 bits: no two conversations meet by chance."""


class ConversationMemory:
    """One per data folder and process."""

    def __init__(self, book: Book, file: MemoryFile, key: bytes, clock: Clock) -> None:
        self._book = book
        self._file = file
        self._key = key
        self._clock = clock
        self._waiting: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, folder: Path, clock: Clock, *, most_names: int = MOST_NAMES) -> ConversationMemory:
        """Read what the folder remembers. Raises StoreFailed."""
        return await asyncio.to_thread(cls._opened, folder, clock, most_names)

    @classmethod
    def _opened(cls, folder: Path, clock: Clock, most_names: int) -> ConversationMemory:
        key = open_key(folder)
        file = MemoryFile(folder / "memory.db")
        book = Book(most_names)
        try:
            book.load(file.read(clock.now_us() // 1_000_000 - AGE_S))
        except StoreFailed:
            file.close()
            raise
        return cls(book, file, key, clock)

    def name(self, owner: str, kind: NameKind, word: str) -> bytes:
        data = f"{len(owner)}:{owner}{word}".encode("utf-8", "surrogatepass")
        return kind.value + blake2b(data, digest_size=_NAME_BYTES, key=self._key, person=kind.value).digest()

    def kinds(self, owner: str) -> Collection[NameKind]:
        return self._book.kinds(owner)

    def recall(self, owner: str, names: Iterable[bytes]) -> Recalled | None:
        recalled = self._book.recall(owner, names, self._now_s())
        if self._book.has_changes:
            self._soon()
        return recalled

    def record(
        self, owner: str, names: Sequence[bytes], mark: Mark, served: Sequence[bytes] = ()
    ) -> Awaitable[None] | None:
        unsaved = self._book.record(owner, names, mark, served, self._now_s())
        if not unsaved and not self._book.has_changes:
            return None
        durable = self._soon()
        return _Durable(durable) if unsaved else None

    async def forget(self, owner: str) -> int:
        count = self._book.forget(owner)
        await _Durable(self._soon())
        return count

    async def aclose(self) -> None:
        """Write what waits, then close the file."""
        if self._book.has_changes:
            self._soon()
        if self._writing is not None:
            await asyncio.wait({self._writing})
        self._file.close()

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000

    def _soon(self) -> asyncio.Future[None]:
        """Return the future of the next commit: of all that has changed until now."""
        loop = asyncio.get_running_loop()
        if self._waiting is None:
            self._waiting = loop.create_future()
            self._waiting.add_done_callback(_consume)
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return self._waiting

    async def _write(self) -> None:
        """Commit what has changed, in one transaction for all that waits, until nothing does."""
        try:
            while (waiting := self._waiting) is not None:
                self._waiting = None
                await self._commit(waiting)
        finally:
            self._writing = None

    async def _commit(self, waiting: asyncio.Future[None]) -> None:
        rows = Rows(self._book.take_changes())
        try:
            await asyncio.to_thread(self._file.write, rows)
        except StoreFailed as failure:
            self._book.not_written()
            waiting.set_exception(failure)
        else:
            self._book.written()
            waiting.set_result(None)


class _Durable:
    """Ends with a commit that several may await: whoever is cancelled while it does leaves it to the others."""

    __slots__ = ("_commit",)

    def __init__(self, commit: asyncio.Future[None]) -> None:
        self._commit = commit

    def __await__(self) -> Generator[Any, Any, None]:
        return asyncio.shield(self._commit).__await__()


def _consume(future: asyncio.Future[None]) -> None:
    """Whoever awaits it learns of a failure; where nobody does, the next commit tries again."""
    if not future.cancelled():
        future.exception()

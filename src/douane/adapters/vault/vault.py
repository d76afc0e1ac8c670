"""The `Vault` port on files of the data folder, opened by the first request that is masked, read in a thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from douane.core.pseudonym import Pseudonyms
from douane.ports import Clock

if TYPE_CHECKING:
    from douane.adapters.vault.rows import Rows

Result = TypeVar("Result")


class FileVault:
    """`kept_s` tells how long values are kept, by the configuration of the moment."""

    def __init__(self, folder: Path, clock: Clock, kept_s: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._kept_s = kept_s
        self._rows: Rows | None = None
        self._one_by_one = Lock()

    async def recall(self, owner: str, conversation: str | None) -> Pseudonyms:
        """Return a conversation's pseudonyms; see the port."""
        if conversation is None:
            return Pseudonyms(os.urandom(32))
        now_us = self._clock.now_us()
        return await self._do(lambda rows: rows.recall(owner, conversation, now_us))

    async def keep(self, owner: str, conversation: str, pseudonyms: Pseudonyms, subject: str | None) -> None:
        """Keep the fresh ones; see the port."""
        now_us = self._clock.now_us()
        until_us = now_us + int(self._kept_s() * 1_000_000)
        await self._do(lambda rows: rows.keep(owner, conversation, pseudonyms, subject, now_us, until_us))

    async def erase(self, owner: str | None, subject: str | None) -> int:
        """Erase values, durably; see the port."""
        return await self._do(lambda rows: rows.erase(owner, subject))

    async def ready(self) -> None:
        """Open the files now, so that what is wrong with them is told at once. Raises StoreFailed."""
        await self._do(lambda _rows: None)

    def close(self) -> None:
        """Close the files, if they are open."""
        with self._one_by_one:
            if self._rows is not None:
                self._rows.close()
                self._rows = None

    async def _do(self, act: Callable[[Rows], Result]) -> Result:
        return await asyncio.to_thread(self._locked, act)

    def _locked(self, act: Callable[[Rows], Result]) -> Result:
        from douane.adapters.vault.rows import Rows  # noqa: PLC0415  only here: a gateway that masks nothing loads no cryptography

        with self._one_by_one:
            if self._rows is None:
                self._rows = Rows(self._folder)
            return act(self._rows)

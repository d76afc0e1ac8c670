"""Decides where a body is scanned, and turns whatever goes wrong into a Failure."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from douane.adapters.inspector.child import Child, ChildFailed, worker_command
from douane.core.finding import Failure, Inspection
from douane.detect.engine import Shelf
from douane.detect.scanner import LAYER, Scanner
from douane.detect.settings import DetectorSettings

INLINE_BYTES = 32 * 1024
INLINE_HITS = 500
"""What the event loop is held for then: 4 ms at most, measured on 32 KB of the worst there is; 31 without the bound."""
DEADLINE_S = 2.0
QUEUE = 64


class ScanningInspector:
    """Bodies up to `inline_bytes` are scanned in the caller's thread, others one by one in the child.

    So are those of them that look like more than `inline_hits` findings.

    `command` starts the child; a test gives one that hangs or dies.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        *,
        deadline_s: float = DEADLINE_S,
        inline_bytes: int = INLINE_BYTES,
        inline_hits: int = INLINE_HITS,
        queue: int = QUEUE,
        command: Sequence[str] | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._shelf = shelf
        self._scanner = Scanner.of(settings, shelf=shelf)
        self._command = tuple(command or worker_command())
        self._settings = settings
        self._child = self._child_of(settings, self._scanner)
        self._deadline_s = deadline_s
        self._inline_bytes = inline_bytes
        self._inline_hits = inline_hits
        self._queue = queue
        self._turns: set[asyncio.Task[Inspection | Failure]] = set()
        self._one_by_one = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()
        self.detectors = self._scanner.detectors

    async def inspect(self, value: Mapping[str, Any], size_bytes: int, owner: str = "") -> Inspection | Failure:
        """Inspect every leaf of a parsed body; see the port."""
        if size_bytes <= self._inline_bytes:
            try:
                inspection = self._scanner.scan_if_brief(value, self._inline_hits, owner)
            except Exception as error:  # noqa: BLE001 - a detector that errs makes its text unread, not the gateway dead
                return self._failure(_cause(error))
            if inspection is not None:
                return inspection
        if len(self._turns) >= self._queue:
            return self._failure("queue full")
        try:
            payload = orjson.dumps(value)
        except TypeError:  # lone surrogates, numbers beyond 64 bits: the strict parser lets none through
            return self._failure("not serialisable")
        loop = asyncio.get_running_loop()
        turn = loop.create_task(self._turn(payload, owner, loop.time() + self._deadline_s))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        return await asyncio.shield(turn)

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:  # noqa: ARG002
        """Say that no layer of meaning is here to read it; see the port."""
        return inspection._replace(failed=(*inspection.failed, Failure("meaning", "not installed", self.detectors)))

    async def prepare(self, settings: DetectorSettings) -> Scanner:
        """Compile other settings beside the event loop, for `take`. Raises ConfigurationError; nothing changes."""
        if settings == self._settings:
            return self._scanner
        return await asyncio.to_thread(Scanner.of, settings, (), self._shelf)

    def take(self, settings: DetectorSettings, scanner: Scanner) -> None:
        """Put settings that were prepared in force, for every inspection that begins after this; others end as begun.

        The child at work, if any, is let go when it has answered.
        """
        if settings == self._settings:
            return
        former, self._child = self._child, self._child_of(settings, scanner)
        self._settings, self._scanner, self.detectors = settings, scanner, scanner.detectors
        task = asyncio.get_running_loop().create_task(self._retire(former))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def aclose(self) -> None:
        """End the child; whatever still waits fails."""
        for turn in (*self._turns, *self._retired):
            turn.cancel()
        await asyncio.gather(*self._turns, *self._retired, return_exceptions=True)
        await self._child.kill()

    def _child_of(self, settings: DetectorSettings, scanner: Scanner) -> Child:
        """Return a child that need not compile what is compiled here: it starts within a body's deadline."""

        def greeting() -> bytes:
            compiled = [b64encode(part).decode() for part in scanner.compiled]
            return orjson.dumps({**settings.as_fields(), "compiled": compiled})

        return Child(self._command, greeting)

    async def _retire(self, child: Child) -> None:
        try:
            async with self._one_by_one:
                await child.kill()
        except asyncio.CancelledError:
            await child.kill()
            raise

    async def _turn(self, payload: bytes, owner: str, deadline_s: float) -> Inspection | Failure:
        """Scan in the child when it is free. It goes on when its caller leaves: the next one needs a child at rest."""
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._one_by_one.acquire()
        except TimeoutError:
            return self._failure("late, waiting")
        child = self._child
        try:
            if asyncio.get_running_loop().time() >= deadline_s:
                return self._failure("late, waiting")
            async with asyncio.timeout_at(deadline_s):
                return await child.scan(payload, owner)
        except BaseException as error:
            await child.kill()
            if not isinstance(error, Exception):
                raise
            return self._failure(_cause(error))
        finally:
            self._one_by_one.release()

    def _failure(self, cause: str) -> Failure:
        return Failure(LAYER, cause, self.detectors)


def _cause(error: Exception) -> str:
    """Return a word without content for what ended a scan."""
    if isinstance(error, ChildFailed):
        return error.cause
    return "late" if isinstance(error, TimeoutError) else type(error).__name__

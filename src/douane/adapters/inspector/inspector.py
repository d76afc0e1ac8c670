"""Decides where a body is scanned, has it read for its meaning, and turns whatever goes wrong into a Failure."""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from douane.adapters.inspector.cache import UnitCache
from douane.adapters.inspector.child import Child, ChildFailed
from douane.adapters.inspector.name_readers import NameReaders, Names
from douane.adapters.inspector.pool import QUEUE, Pool
from douane.adapters.inspector.readers import Readers
from douane.core.finding import Failure, Finding, Inspection
from douane.detect.engine import Shelf
from douane.detect.scanner import LAYER, Scanner
from douane.detect.settings import DetectorSettings
from douane.detect.units import Unit, UnitInspection, units
from douane.detect.work import Work

INLINE_BYTES = 32 * 1024
CACHED_FROM_BYTES = 16 * 1024
"""Below that, scanning the whole costs about what telling what is new does."""
INLINE_HITS = 500
"""What the event loop is held for then: 4 ms at most, measured on 32 KB of the worst there is; 31 without the bound."""
LEAST_UNITS = 6
"""What has fewer is hardly a chat: little of it comes back, and each unit has a price."""
MOST_NEW = 12
"""With more that is new, a scan of the whole costs less than one of each: a unit's costs 60 us at least, measured."""
MOST_AHEAD = 8
_FINDING_BYTES = 400
DEADLINE_S = 2.0
WORKER: Final = (sys.executable, "-P", "-m", "douane.adapters.inspector.worker")
"""The command line of the real child. It imports nothing that lies in the current folder (`-P`)."""


class Prepared(NamedTuple):
    """What settings come to: compiled, and the readers for meaning and for names where other ones are needed."""

    scanner: Scanner
    readers: Readers | None
    names: NameReaders | None


class ScanningInspector:
    """Of a long chat, only the messages are scanned that it has not sent before, and what they stand beside.

    Bodies up to `inline_bytes`, or with no more than that new, are scanned in the caller's thread, others one by one in
    the child. So are those of them that look like more than `inline_hits` findings. What is read for its meaning, or
    for names, is read by children of their own, which `start` starts.

    `command` starts the child, `reader_command` and `names_command` those; a test gives some that hang or die.
    `scanner` is one that was made of these settings already: compiling takes seconds.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        *,
        deadline_s: float = DEADLINE_S,
        inline_bytes: int = INLINE_BYTES,
        inline_hits: int = INLINE_HITS,
        cached_from_bytes: int = CACHED_FROM_BYTES,
        queue: int = QUEUE,
        command: Sequence[str] | None = None,
        reader_command: Sequence[str] | None = None,
        names_command: Sequence[str] | None = None,
        shelf: Shelf | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        self._shelf = shelf
        self._scanner = scanner or Scanner.of(settings, shelf=shelf)
        self._command = tuple(command or WORKER)
        self._reader_command = reader_command
        self._names_command = names_command
        self._settings = settings
        self._deadline_s = deadline_s
        self._inline_bytes = inline_bytes
        self._inline_hits = inline_hits
        self._cached_from_bytes = cached_from_bytes
        self._cache: UnitCache[UnitInspection] = UnitCache()
        self._queue = queue
        self._pool = self._pool_of(settings, self._scanner)
        self._readers = self._readers_of(settings)
        self._names = self._names_of(settings)
        self._retired: set[asyncio.Task[None]] = set()
        self.detectors = self._scanner.detectors

    async def start(self) -> None:
        """Start what reads for meaning and for names, where settings ask for it, one after the other.

        Raises EngineFailed; without it they start late.
        """
        for readers in (self._readers, self._names):
            if readers is not None:
                await readers.start()

    async def inspect(self, value: Mapping[str, Any], size_bytes: int, owner: str = "") -> Inspection | Failure:
        """Inspect every leaf of a parsed body; see the port."""
        try:
            inspection = self._at_once(value, size_bytes, owner)
        except Exception as error:  # noqa: BLE001 - a detector that errs makes its text unread, not the gateway dead
            return self._failure(type(error).__name__)
        if inspection is not None:
            return inspection
        try:
            payload = orjson.dumps(value)
        except TypeError:  # lone surrogates, numbers beyond 64 bits: the strict parser lets none through
            return self._failure("not serialisable")
        try:
            return await self._pool.ask(payload, owner)
        except ChildFailed as failed:
            return self._failure(failed.cause)

    def _at_once(self, value: Mapping[str, Any], size_bytes: int, owner: str) -> Inspection | None:
        """Inspect in the caller's thread, or return None where that would take it too long."""
        if size_bytes >= self._cached_from_bytes:
            cut = units(value)
            if len(cut) >= LEAST_UNITS:
                inspection = self._by_units(cut, owner)
                if inspection is not None:
                    return inspection
        if size_bytes > self._inline_bytes:
            return None
        return self._scanner.scan_if_brief(value, self._inline_hits, owner)

    def _by_units(self, cut: Sequence[Unit], owner: str) -> Inspection | None:
        """Inspect what is new in a body, and join what is known; None where there is too much new.

        Some of that is inspected all the same, so that there is less of it next time.
        """
        cache, detectors = self._cache, self._scanner.detectors
        keys = [cache.key(owner, detectors, unit) for unit in cut]
        seen = [cache.get(key) for key in keys]
        new = [number for number, known in enumerate(seen) if known is None]
        left_bytes, left_hits, work = self._inline_bytes, self._inline_hits, Work.of_units()
        for number in new if len(new) <= MOST_NEW else new[:MOST_AHEAD]:
            left_bytes -= len(orjson.dumps(cut[number].value))
            if left_bytes <= 0:
                return None
            scanned = self._scanner.scan_unit_if_brief(cut[number], left_hits, work, cache.seal, owner)
            if scanned is None:
                return None
            seen[number], hits = scanned
            left_hits -= hits
            cache.put(keys[number], scanned[0], _FINDING_BYTES * len(scanned[0].findings))
        whole = [known for known in seen if known is not None]
        return self._scanner.joined(cut, whole) if len(whole) == len(cut) else None

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:
        """Have a body read for its meaning by the layers that settings ask for; see the port."""
        heard = await self._readers.read(value, owner) if self._readers is not None else _NOBODY
        if isinstance(heard, Failure):
            return inspection._replace(failed=(*inspection.failed, heard))
        return inspection._replace(
            findings=(*inspection.findings, *heard.findings) if heard.findings else inspection.findings,
            layers=(*inspection.layers, *[layer for layer in heard.layers if layer not in inspection.layers]),
            detectors=f"{inspection.detectors} {heard.model}",
        )

    async def find_names(self, value: Mapping[str, Any], owner: str) -> Names | Failure:
        """Have a body read for the names of persons, where settings ask for it; see the port."""
        return await self._names.read(value, owner) if self._names is not None else _NO_FINDER

    async def prepare(self, settings: DetectorSettings) -> Prepared:
        """Compile other settings beside the event loop, and start what they need, for `take`.

        Raises ConfigurationError or EngineFailed; nothing changes then.
        """
        if settings == self._settings:
            return Prepared(self._scanner, self._readers, self._names)
        scanner = await asyncio.to_thread(Scanner.of, settings, (), self._shelf)
        readers, names = self._readers, self._names
        if settings.meaning != self._settings.meaning:
            readers = self._readers_of(settings)
            if readers is not None:
                await readers.start()
        if settings.names != self._settings.names:
            names = self._names_of(settings)
            if names is not None:
                await self._started(names, readers)
        return Prepared(scanner, readers, names)

    async def _started(self, names: NameReaders, readers: Readers | None) -> None:
        """Start what reads for names; where it does not start, what was started with it ends, too."""
        try:
            await names.start()
        except BaseException:
            if readers is not None and readers is not self._readers:
                await readers.pool.aclose()
            raise

    def take(self, settings: DetectorSettings, prepared: Prepared) -> None:
        """Put settings that were prepared in force, for every inspection that begins after this; others end as begun.

        The children at work, if any, are let go when they have answered.
        """
        if settings == self._settings:
            return
        former, self._pool = self._pool, self._pool_of(settings, prepared.scanner)
        self._retire(former)
        for at_work, next_one in ((self._readers, prepared.readers), (self._names, prepared.names)):
            if at_work is not None and at_work is not next_one:
                self._retire(at_work.pool)
        self._readers, self._names = prepared.readers, prepared.names
        self._settings, self._scanner, self.detectors = settings, prepared.scanner, prepared.scanner.detectors
        self._cache.clear()

    async def aclose(self) -> None:
        """End the children; whatever still waits fails."""
        pools = [readers.pool for readers in (self._readers, self._names) if readers is not None]
        await asyncio.gather(self._pool.aclose(), *[pool.aclose() for pool in pools])
        for task in tuple(self._retired):
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)

    def _pool_of(self, settings: DetectorSettings, scanner: Scanner) -> Pool[Inspection]:
        """Return a pool whose child need not compile what is compiled here: it starts within a body's deadline."""

        def greeting() -> bytes:
            compiled = [b64encode(part).decode() for part in scanner.compiled]
            return orjson.dumps({**settings.as_fields(), "compiled": compiled})

        return Pool(lambda: Child(self._command, greeting, _inspection), deadline_s=self._deadline_s, queue=self._queue)

    def _readers_of(self, settings: DetectorSettings) -> Readers | None:
        return Readers(settings.meaning, self._reader_command) if settings.meaning.layers else None

    def _names_of(self, settings: DetectorSettings) -> NameReaders | None:
        return NameReaders(settings.names, self._names_command) if settings.names.wanted else None

    def _retire(self, pool: Pool[Any]) -> None:
        task = asyncio.get_running_loop().create_task(pool.retire())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def _failure(self, cause: str) -> Failure:
        return Failure(LAYER, cause, self.detectors)


_NOBODY: Final = Failure("meaning", "policy.meaning is off")
_NO_FINDER: Final = Failure("names", "policy.names is patterns")


def _inspection(answer: dict[str, Any]) -> Inspection:
    return Inspection(
        tuple([Finding(*fields) for fields in answer["findings"]]),
        tuple(answer["layers"]),
        answer["detectors"],
        answer["cut"],
        answer["chars"],
    )

"""Find where detectors should look: all probes at once over the joined leaves.

A probe is a cheap pattern that ends somewhere inside everything that its detector could accept. An engine only says
where probes end; detectors look around those places with patterns of their own. So which engine runs changes the
speed, never a finding: a test holds the engines to equal findings on a corpus.

The engines: hyperscan (three passes for all probes, end offsets only: start offsets make large patterns), google-re2,
and the standard library's `re` where neither can be installed. A hyperscan scratch serves one thread at a time: build
one engine per thread.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any, Protocol

from douane.errors import ConfigurationError

try:
    import hyperscan
except ImportError:
    hyperscan = None  # type: ignore[assignment]
try:
    import re2
except ImportError:
    re2 = None

Hits = dict[int, list[int]]
"""The byte offsets at which a probe ended, sorted, by the probe's number. Probes that never did are not there."""


@dataclass(frozen=True, slots=True)
class Probe:
    """`pattern` is a byte pattern that every engine reads alike: no look-around, no back-reference, no anchors.

    `once` reports the first place only: its detector then searches on from there by itself.

    Two more are for hyperscan's sake; what they spare was measured. One of `heads`, which hold a literal each, comes
    before the pattern: a few dozen literals cost next to nothing, the same as alternatives of one pattern do not. What
    is `apart` is looked for in a second pass: patterns without a literal become one automaton, and one of too many
    states is followed bit by bit instead of by a table, which costs the whole scan twice as much. What is `alone` has a
    pass of its own, for an automaton that skips to the few signs that it may begin with.
    """

    pattern: bytes
    caseless: bool = False
    once: bool = False
    apart: bool = False
    alone: bool = False
    heads: tuple[bytes, ...] = ()

    @property
    def whole(self) -> bytes:
        """The pattern with its heads."""
        return b"(?:%b)%b" % (_nested(self.heads), self.pattern) if self.heads else self.pattern


_SIGNS = re.compile(rb"(?:\\[^A-Za-z0-9]|\[(?:\\.|[^\\\]])*\]\??|[^\\()|{}*+?^$.\[\]])*", re.S)
_SIGN = re.compile(rb"\\.|\[(?:\\.|[^\\\]])*\]\??|.", re.S)
_MOST_SIDE_BY_SIDE = 16


def _nested(heads: Sequence[bytes]) -> bytes:
    """Return alternatives; many plain ones with common beginnings told once: `re` tries each at every place.

    >>> _nested([b"sort", b"some"] * 20)
    b's(?:o(?:me|rt))'
    """
    if len(heads) <= _MOST_SIDE_BY_SIDE or not all(map(_SIGNS.fullmatch, heads)):
        return b"|".join(heads)
    return _nested_signs({tuple(_SIGN.findall(head)) for head in heads})


def _nested_signs(heads: Iterable[tuple[bytes, ...]]) -> bytes:
    alternatives: list[bytes] = []
    for first, group in groupby(sorted(heads), key=lambda head: head[:1]):
        rest = [head[1:] for head in group] if first else []
        inner = _nested_signs(rest) if rest else b""
        alternatives.append(b"".join(first) + (inner if len(rest) <= 1 else b"(?:%b)" % inner))
    alternatives.sort(key=len, reverse=True)
    return b"|".join(alternatives)


class Engine(Protocol):
    """Reports where probes end; where a probe can end at several places, at least one."""

    name: str

    @property
    def compiled(self) -> tuple[bytes, ...]:
        """Return what spares another process the compiling; empty where that takes no time worth it."""

    def scan(self, data: bytes) -> Hits: ...


class Shelf(Protocol):
    """Keeps what was compiled for later processes, by a name that tells all that it was compiled from."""

    def take(self, name: str) -> tuple[bytes, ...]:
        """Return what is kept under a name; empty where nothing is."""

    def put(self, name: str, compiled: Sequence[bytes]) -> None:
        """Keep it. Never raises."""


def engine(name: str, probes: Sequence[Probe], compiled: Sequence[bytes] = (), shelf: Shelf | None = None) -> Engine:
    """Return the engine of that name; `auto` takes the quickest that is installed.

    `compiled` is what an engine of the same name and probes told, in a process of the same installation; a `shelf` may
    hold it from an earlier one.
    """
    for candidate, present, make in (
        ("hyperscan", hyperscan is not None, HyperscanEngine),
        ("re2", re2 is not None, Re2Engine),
        ("re", True, ReEngine),
    ):
        if name == candidate and not present:
            break
        if present and name in (candidate, "auto"):
            return make(probes, compiled, shelf)
    raise ConfigurationError(
        f"The pattern engine `{name}` is not available here.",
        'Use "auto", or install the package: hyperscan or google-re2.',
        rule="A pattern engine is hyperscan, re2, re or auto.",
        param="policy.engine",
    )


def _collect(number: int, _start: int, end: int, _flags: int, hits: defaultdict[int, list[int]]) -> None:
    hits[number].append(end)


class HyperscanEngine:
    """One pass for the probes that are apart, one for those alone, and one for all others, whatever their number."""

    name = "hyperscan"

    def __init__(self, probes: Sequence[Probe], compiled: Sequence[bytes] = (), shelf: Shelf | None = None) -> None:
        if compiled:
            self._databases = list(map(self._loaded, compiled))
            return
        if shelf is None:
            self._compile(probes)
            return
        name = sha256(repr(probes).encode()).hexdigest()
        try:
            self._databases = list(map(self._loaded, shelf.take(name)))
        except hyperscan.error:
            self._databases = []
        if not self._databases:
            self._compile(probes)
            shelf.put(name, self.compiled)

    def _compile(self, probes: Sequence[Probe]) -> None:
        numbered = [
            (number, probe, head + probe.pattern)
            for number, probe in enumerate(probes)
            for head in probe.heads or (b"",)
        ]
        sides: dict[tuple[bool, bool], list[tuple[int, Probe, bytes]]] = {}
        for one in numbered:
            sides.setdefault((one[1].alone, one[1].apart), []).append(one)
        self._databases = [self._compiled(side) for side in sides.values()]

    @staticmethod
    def _compiled(numbered: Sequence[tuple[int, Probe, bytes]]) -> Any:
        flags = [
            (hyperscan.HS_FLAG_CASELESS if probe.caseless else 0) | (hyperscan.HS_FLAG_SINGLEMATCH if probe.once else 0)
            for _, probe, _ in numbered
        ]
        database = hyperscan.Database()
        database.compile(
            expressions=[pattern for _, _, pattern in numbered], ids=[number for number, _, _ in numbered], flags=flags
        )
        database.scratch = hyperscan.Scratch(database)
        return database

    @staticmethod
    def _loaded(compiled: bytes) -> Any:
        database: Any = hyperscan.loadb(compiled, mode=hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        database.scan(
            b"\x00", match_event_handler=_collect, context=defaultdict(list)
        )  # raises on another kind of processor
        return database

    @property
    def compiled(self) -> tuple[bytes, ...]:
        """Return the databases as bytes: 0.6 MB, loaded in a tenth of a millisecond, where compiling takes 0.8 s."""
        return tuple(map(hyperscan.dumpb, self._databases))

    def scan(self, data: bytes) -> Hits:
        hits: defaultdict[int, list[int]] = defaultdict(list)
        for database in self._databases:
            database.scan(data, _collect, 0, hits)  # by position: names cost half a call
        for ends in hits.values():
            ends.sort()
        return hits


class Re2Engine:
    """One pass per probe, in linear time whatever the probe."""

    name = "re2"

    compiled: tuple[bytes, ...] = ()

    def __init__(self, probes: Sequence[Probe], _compiled: Sequence[bytes] = (), _shelf: Shelf | None = None) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        self._probes: list[tuple[Any, bool]] = []
        for probe in probes:
            options.case_sensitive = not probe.caseless
            self._probes.append((re2.compile(probe.whole, options), probe.once))

    def scan(self, data: bytes) -> Hits:
        return _found(self._ends(pattern, data, once) for pattern, once in self._probes)

    @staticmethod
    def _ends(pattern: Any, data: bytes, once: bool) -> Iterator[int]:
        found = pattern.search(data)
        while found is not None:
            yield found.end()
            if once:
                return
            found = pattern.search(data, found.start() + 1)


class ReEngine:
    """One pass per probe with the standard library: slow, and everywhere."""

    name = "re"

    compiled: tuple[bytes, ...] = ()

    def __init__(self, probes: Sequence[Probe], _compiled: Sequence[bytes] = (), _shelf: Shelf | None = None) -> None:
        self._probes = [
            (re.compile(b"(?=(%b))" % probe.whole, re.IGNORECASE if probe.caseless else 0), probe.once)
            for probe in probes
        ]

    def scan(self, data: bytes) -> Hits:
        return _found(self._ends(pattern, data, once) for pattern, once in self._probes)

    @staticmethod
    def _ends(pattern: re.Pattern[bytes], data: bytes, once: bool) -> Iterator[int]:
        for found in pattern.finditer(data):
            yield found.end(1)
            if once:
                return


def _found(by_probe: Iterable[Iterator[int]]) -> Hits:
    return {number: ends for number, found in enumerate(by_probe) if (ends := sorted(found))}

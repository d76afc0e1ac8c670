"""Find where detectors should look: all probes in one pass over the joined leaves.

A probe is a cheap pattern that ends somewhere inside everything that its detector could accept. An engine only says
where probes end; detectors look around those places with patterns of their own. So which engine runs changes the
speed, never a finding: a test holds the engines to equal findings on a corpus.

The engines: hyperscan (one pass for all probes, end offsets only: start offsets make large patterns), google-re2, and
the standard library's `re` where neither can be installed. A hyperscan scratch serves one thread at a time: build one
engine per thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

Hit = tuple[int, int]
"""A probe's number and the byte offset at which it ended."""


@dataclass(frozen=True, slots=True)
class Probe:
    """`pattern` is a byte pattern that every engine reads alike: no look-around, no back-reference, no anchors.

    `once` reports the first place only: its detector then searches on from there by itself.
    """

    pattern: bytes
    caseless: bool = False
    once: bool = False


class Engine(Protocol):
    """Reports where probes end, in no particular order; where a probe can end at several places, at least one."""

    name: str

    def scan(self, data: bytes) -> list[Hit]: ...


def engine(name: str, probes: Sequence[Probe]) -> Engine:
    """Return the engine of that name; `auto` takes the quickest that is installed."""
    for candidate, present, make in (
        ("hyperscan", hyperscan is not None, HyperscanEngine),
        ("re2", re2 is not None, Re2Engine),
        ("re", True, ReEngine),
    ):
        if name == candidate and not present:
            break
        if present and name in (candidate, "auto"):
            return make(probes)
    raise ConfigurationError(
        f"The pattern engine `{name}` is not available here.",
        'Use "auto", or install the package: hyperscan or google-re2.',
        rule="A pattern engine is hyperscan, re2, re or auto.",
        param="policy.engine",
    )


def _collect(number: int, _start: int, end: int, _flags: int, hits: list[Hit]) -> None:
    hits.append((number, end))


class HyperscanEngine:
    """One pass, whatever the number of probes."""

    name = "hyperscan"

    def __init__(self, probes: Sequence[Probe]) -> None:
        flags = [
            (hyperscan.HS_FLAG_CASELESS if probe.caseless else 0) | (hyperscan.HS_FLAG_SINGLEMATCH if probe.once else 0)
            for probe in probes
        ]
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=[probe.pattern for probe in probes], ids=list(range(len(probes))), flags=flags
        )
        self._database.scratch = hyperscan.Scratch(self._database)

    def scan(self, data: bytes) -> list[Hit]:
        hits: list[Hit] = []
        self._database.scan(data, match_event_handler=_collect, context=hits)
        return hits


class Re2Engine:
    """One pass per probe, in linear time whatever the probe."""

    name = "re2"

    def __init__(self, probes: Sequence[Probe]) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        self._probes: list[tuple[int, Any, bool]] = []
        for number, probe in enumerate(probes):
            options.case_sensitive = not probe.caseless
            self._probes.append((number, re2.compile(probe.pattern, options), probe.once))

    def scan(self, data: bytes) -> list[Hit]:
        return [(number, end) for number, pattern, once in self._probes for end in self._ends(pattern, data, once)]

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

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = [
            (number, re.compile(b"(?=(%b))" % probe.pattern, re.IGNORECASE if probe.caseless else 0), probe.once)
            for number, probe in enumerate(probes)
        ]

    def scan(self, data: bytes) -> list[Hit]:
        hits: list[Hit] = []
        for number, pattern, once in self._probes:
            for found in pattern.finditer(data):
                hits.append((number, found.end(1)))
                if once:
                    break
        return hits

"""Scan one request's content with every detector: walk, one search for all probes, detectors around the hits, places.

Rules enforced:
1. What cannot be read is a finding of its own (UNREADABLE, BLOB).
2. Findings are bounded per type; beyond the bound the inspection says `cut`, and nothing is guessed.
3. Where numbers overlap, the one with the stronger proof stands (`overlaps`).
4. Values stay inside the scan: only types, places and words of closed vocabularies leave it.

One scanner serves one thread (its engine's scratch does). Which label findings make is left to
`core.traffic.classification`, deadlines and processes to the adapter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import phonenumbers
import stdnum

from douane.core.finding import Finding, Findings, Inspection
from douane.detect.detector import Candidate, Detector
from douane.detect.engine import Hits, engine
from douane.detect.overlaps import outside, spans_apart, undisputed
from douane.detect.phones import DEFAULT_REGIONS
from douane.detect.rules import decode
from douane.detect.table import ACCOUNTS, OUTRANKED
from douane.detect.table import detectors as all_detectors
from douane.detect.text import Text
from douane.detect.walk import Document, pointer, walk

LAYER: Final = "patterns"
MOST_PER_TYPE: Final = 256
MOST_CANDIDATES: Final = 4 * MOST_PER_TYPE
BULK_FROM: Final = 10
"""So many distinct e-mail addresses or phone numbers are a list of people."""

_BULK_TYPES: Final = ("EMAIL", "PHONE")


class Scanner:
    """The pattern layer, compiled from the parsed files of data/detectors (`rows`, by file name without its ending).

    `detectors` names the versions of code and rows in one short word for receipts.
    """

    def __init__(
        self,
        rows: Mapping[str, Mapping[str, Any]],
        engine_name: str = "auto",
        regions: Sequence[str] = DEFAULT_REGIONS,
        extra: Sequence[Detector] = (),
    ) -> None:
        rules = decode(rows)
        self._table = all_detectors(rules, regions, extra)
        owners = [(number, slot) for number, found in enumerate(self._table) for slot in range(len(found.probes))]
        self._owners: list[tuple[int, int]] = owners
        self._engine = engine(engine_name, [probe for found in self._table for probe in found.probes])
        self.engine_name = self._engine.name
        self.versions = {found.name: found.version for found in self._table}
        facts = [f"{name}/{version}" for name, version in self.versions.items()]
        facts += [rules.digest, ",".join(regions), phonenumbers.__version__, stdnum.__version__]
        self.detectors = f"{LAYER}-{sha256(' '.join(facts).encode()).hexdigest()[:12]}"
        self._layers = (LAYER,)

    def scan(self, value: Any) -> Inspection:
        """Inspect every leaf of a JSON value, or a bare text."""
        document = walk(value)
        text = Text(document.leaves)
        return self._inspection(document, text, self._engine.scan(text.data))

    def scan_if_brief(self, value: Any, most_hits: int) -> Inspection | None:
        """Inspect as `scan` does, or return None where the probes hit more often: each hit takes microseconds."""
        document = walk(value)
        text = Text(document.leaves)
        hits = self._engine.scan(text.data)
        if hits and sum(map(len, hits.values())) > most_hits:
            return None
        return self._inspection(document, text, hits)

    def _inspection(self, document: Document, text: Text, hits: Hits) -> Inspection:
        candidates, cut = self._candidates(text.data, hits) if hits else ([], False)
        odd = document.unreadable
        if not candidates and not odd:
            return Inspection((), self._layers, self.detectors, False, text.chars)
        causes: dict[tuple[str, str], int] = {}
        for _, _, kind in odd[:MOST_PER_TYPE]:
            causes["UNREADABLE", kind] = causes.get(("UNREADABLE", kind), 0) + 1
        spans, more = _bounded(undisputed(candidates), causes)
        findings = Findings(causes, partial(_placed, document.value, spans))
        return Inspection(findings, self._layers, self.detectors, cut or more or len(odd) > MOST_PER_TYPE, text.chars)

    def _candidates(self, data: bytes, hits: Hits) -> tuple[list[Candidate], bool]:
        found: list[Candidate] = []
        accounts: list[tuple[int, int]] = []
        cut = False
        for owner, ends in self._by_owner(hits).items():
            detector = self._table[owner]
            name = detector.name
            if accounts and name in OUTRANKED:
                ends = [outside(accounts, data, hits) if hits else hits for hits in ends]
            of_detector, more = _first(detector.find(data, ends))
            if name == ACCOUNTS:
                accounts = spans_apart(of_detector)
            found += [one if one.detector else one._replace(detector=name) for one in of_detector]
            cut = cut or more
        return found, cut

    def _by_owner(self, hits: Hits) -> dict[int, list[list[int]]]:
        """Return where each detector's probes ended, by detector, in the detectors' order, and probe."""
        by_owner: dict[int, list[list[int]]] = {}
        for probe in sorted(hits):
            owner, slot = self._owners[probe]
            if owner not in by_owner:
                by_owner[owner] = [[]] * len(self._table[owner].probes)
            by_owner[owner][slot] = hits[probe]
        return by_owner


def _first(candidates: Iterator[Candidate]) -> tuple[list[Candidate], bool]:
    """Return a detector's candidates up to the one that is too many of its type; tell whether there was one."""
    found = list(islice(candidates, MOST_CANDIDATES))
    if len(found) == MOST_CANDIDATES:
        counts = Counter(candidate.type for candidate in found)
        for candidate in candidates:
            if counts[candidate.type] == MOST_CANDIDATES:
                return found, True
            counts[candidate.type] += 1
            found.append(candidate)
    return found, False


Span = tuple[int, int, str, str, float, str]
"""First byte of the joined leaves and the one after the last, type, detail, confidence, detector. Never the value."""


def _bounded(candidates: list[Candidate], causes: dict[tuple[str, str], int]) -> tuple[list[Span], bool]:
    """Return at most so many of a type, and a list of people, and count them; tell whether some were left out."""
    kept = candidates if len(candidates) <= MOST_PER_TYPE else _fewer(candidates)
    distinct: dict[str, set[bytes]] = {}
    spans: list[Span] = []
    for kind, start, end, confidence, detail, _, value, detector in kept:
        cause = kind, detail
        causes[cause] = causes.get(cause, 0) + 1
        spans.append((start, end, kind, detail, confidence, detector))
        if kind in _BULK_TYPES:
            values = distinct.setdefault(kind, set())
            if value not in values:
                values.add(value)
                if len(values) == BULK_FROM:
                    causes["BULK", kind.lower()] = 1
                    spans.append((start, end, "BULK", kind.lower(), 0.9, "bulk"))
    return spans, len(kept) < len(candidates)


def _fewer(candidates: list[Candidate]) -> list[Candidate]:
    counts: Counter[str] = Counter()
    kept: list[Candidate] = []
    for candidate in candidates:
        counts[candidate.type] += 1
        if counts[candidate.type] <= MOST_PER_TYPE:
            kept.append(candidate)
    return kept


def _placed(value: Any, spans: list[Span]) -> tuple[Finding, ...]:
    """Say where in the value the spans lie: walk it once more, as findings are counted more often than placed."""
    document = walk(value)
    text = Text(document.leaves)
    odd = document.unreadable[:MOST_PER_TYPE]
    places = [text.place(span[0], span[1]) for span in spans]
    paths = document.paths([place[0] for place in places] + [unread.leaf for unread in odd])
    pointers = {leaf: pointer(path.words, key=path.is_key) for leaf, path in paths.items()}
    findings = [
        Finding("UNREADABLE", pointer(paths[leaf].words[:depth]), 0, 0, 1.0, "walk", kind) for leaf, depth, kind in odd
    ]
    findings += [
        Finding(kind, pointers[leaf], first, last, confidence, detector, detail)
        for (leaf, first, last), (_, _, kind, detail, confidence, detector) in zip(places, spans, strict=True)
    ]
    return tuple(findings)

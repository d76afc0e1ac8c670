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
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b, sha256
from itertools import islice
from typing import Any, Final

import phonenumbers
import stdnum

from douane.core.finding import Finding, Findings, Inspection
from douane.detect.combinations import Part, combinations
from douane.detect.detector import Candidate, Detector, Sparing
from douane.detect.engine import Hits, Shelf, engine
from douane.detect.overlaps import outside, spans_apart, undisputed, without_parts
from douane.detect.phones import DEFAULT_REGIONS
from douane.detect.registered.watch import Books, Registered, Watch, find
from douane.detect.rules import decode
from douane.detect.seams import Seams, seams_of, seams_of_message
from douane.detect.settings import DetectorSettings
from douane.detect.table import ACCOUNTS, OUTRANKED
from douane.detect.table import detectors as all_detectors
from douane.detect.text import Text
from douane.detect.units import Unit, UnitInspection
from douane.detect.units import joined as joined_units
from douane.detect.views.carried import carried
from douane.detect.views.gates import COARSE
from douane.detect.views.levels import Levels, unread
from douane.detect.views.table import views as all_views
from douane.detect.walk import Document, pointer, walk
from douane.detect.whole import BULK_FROM, MOST_PER_TYPE, TOLD_TOGETHER, together
from douane.detect.work import Work
from douane.errors import ConfigurationError

LAYER: Final = "patterns"
MOST_CANDIDATES: Final = MOST_PER_TYPE + 64
_FEWEST_HITS: Final = 64
"""A detector looks at so many hits of each probe, whatever the others left it of the work that a scan may take."""


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
        registered: Sequence[Registered] = (),
        compiled: Sequence[bytes] = (),
        shelf: Shelf | None = None,
    ) -> None:
        rules = decode(rows)
        self._table = all_detectors(rules, regions, extra)
        self._sparing = {at: found for at, found in enumerate(self._table) if isinstance(found, Sparing)}
        self._owners = [(number, slot) for number, found in enumerate(self._table) for slot in range(len(found.probes))]
        self._gates_from = gates_from = len(self._owners)
        views = all_views(rules)
        probes = [probe for found in self._table for probe in found.probes]
        probes += [*COARSE, *(probe for view in views for probe in view.probes)]
        self._engine = engine(engine_name, probes, compiled[:-1], shelf)
        gates = [gate for view in views for gate in view.closer]
        self._closer = closer = engine(engine_name, gates, compiled[-1:], shelf)
        places = {(self._table[owner].name, slot): number for number, (owner, slot) in enumerate(self._owners)}
        scans = self._engine.scan, closer.scan
        self._levels = Levels(views, rules.reports, places, gates_from, scans)
        self._watch = Watch(registered)
        self.engine_name = self._engine.name
        self.versions = {found.name: found.version for found in self._table}
        if len(self.versions) < len(self._table):
            raise _taken({found.name for found in extra})
        facts = [f"{name}/{version}" for name, version in self.versions.items()]
        facts += [f"@{view.name}/{view.version}" for view in views]
        facts += [rules.digest, ",".join(regions), phonenumbers.__version__, stdnum.__version__, *self._watch.facts]
        self.detectors = f"{LAYER}-{sha256(' '.join(facts).encode()).hexdigest()[:12]}"
        self._layers = (LAYER,)

    @classmethod
    def of(cls, settings: DetectorSettings, compiled: Sequence[bytes] = (), shelf: Shelf | None = None) -> Scanner:
        """Return the scanner that a configuration asks for; `compiled` is what another one of these settings told."""
        return cls(
            settings.rows,
            settings.engine,
            settings.regions,
            extra=[one.detector for one in settings.installed],
            registered=settings.registered,
            compiled=compiled,
            shelf=shelf,
        )

    @property
    def compiled(self) -> tuple[bytes, ...]:
        """Return what spares another process most of the time that this scanner took to make."""
        return self._engine.compiled + self._closer.compiled

    def scan(self, value: Any, owner: str = "") -> Inspection:
        """Inspect every leaf of a JSON value, or a bare text, by whose request it is."""
        document = walk(value)
        text = Text(document.leaves)
        return self._inspection(document, text, self._engine.scan(text.data), seams_of(value), owner)

    def scan_if_brief(self, value: Any, most_hits: int, owner: str = "") -> Inspection | None:
        """Inspect as `scan` does, or return None where the probes hit more often: each hit takes microseconds."""
        document = walk(value)
        text = Text(document.leaves)
        hits = self._engine.scan(text.data)
        if hits and sum(map(len, hits.values())) > most_hits:
            return None
        return self._inspection(document, text, hits, seams_of(value), owner)

    def scan_unit(self, unit: Unit, key: bytes = b"", owner: str = "") -> UnitInspection:
        """Inspect one unit of a body (`units`); `key` seals what is kept of its values, of 64 bytes at most."""
        document = walk(unit.alone)
        text = Text(document.leaves)
        return self._unit_inspection(
            unit, document, text, self._engine.scan(text.data), key, owner, Work(len(text.data))
        )

    def scan_unit_if_brief(
        self, unit: Unit, most_hits: int, work: Work, key: bytes = b"", owner: str = ""
    ) -> tuple[UnitInspection, int] | None:
        """Inspect as `scan_unit` does and tell how often the probes hit, or return None where they do more often.

        So it does where that takes more than what is left of the `work`, which all units of a body share.
        """
        document = walk(unit.alone)
        text = Text(document.leaves)
        hits = self._engine.scan(text.data)
        number = sum(map(len, hits.values())) if hits else 0
        if number > most_hits:
            return None
        inspection = self._unit_inspection(unit, document, text, hits, key, owner, work)
        return None if work.gone else (inspection, number)

    def _unit_inspection(
        self, unit: Unit, document: Document, text: Text, hits: Hits, key: bytes, owner: str, work: Work
    ) -> UnitInspection:
        alone = document.value
        seams = seams_of_message(unit.word, unit.value, unit.carried) if unit.word else seams_of(alone)
        spans, _, cut = self._spans(document, text, hits, seams, self._watch.books(owner), work)
        spans = [span for span in spans if span[2] != "BULK"]
        placed = _placed(alone, spans)
        odd = len(placed) - len(spans)
        above = len(pointer((unit.word, 1))) if unit.word else 0
        findings: list[Finding] = []
        sealed: list[tuple[int, bytes]] = []
        for number, found in enumerate(placed):
            if not unit.owns(found.pointer):
                continue
            value = spans[number - odd][6] if number >= odd else b""
            if value:
                sealed.append((len(findings), _sealed(value, key)))
            findings.append(found._replace(pointer=found.pointer[above:]))
        return UnitInspection(
            tuple(findings), tuple(sealed), self._layers, self.detectors, cut, text.chars - unit.around_chars
        )

    @staticmethod
    def joined(cut: Sequence[Unit], seen: Sequence[UnitInspection]) -> Inspection:
        """Return the inspection of the body that units were cut from; see `units.joined`."""
        return joined_units(cut, seen)

    def _inspection(self, document: Document, text: Text, hits: Hits, seams: Seams, owner: str) -> Inspection:
        books = self._watch.books(owner)
        if not hits and not seams and not seams.cut and not document.unreadable and not books:
            return Inspection((), self._layers, self.detectors, False, text.chars)
        spans, causes, cut = self._spans(document, text, hits, seams, books, Work(len(text.data)))
        if not causes:
            return Inspection((), self._layers, self.detectors, cut, text.chars)
        for number, span in enumerate(spans):
            if span[6]:
                spans[number] = (*span[:6], b"")
        findings = Findings(causes, partial(_placed, document.value, spans))
        return Inspection(findings, self._layers, self.detectors, cut, text.chars)

    def _spans(
        self, document: Document, text: Text, hits: Hits, seams: Seams, books: Books, work: Work
    ) -> tuple[list[Span], dict[tuple[str, str], int], bool]:
        """Return what was found and how often, and whether that is not all."""
        data = text.data
        work.spent("leaf", len(document.leaves))
        search = partial(self._found, books, work)
        candidates, cut = search(data, hits)
        below = None
        if not cut:  # more findings than are told: what else there may be is unread, too
            across = carried(seams, document, text) if seams else ()
            below = self._levels.below(data, hits, candidates, search, work, across)
        if below is not None:
            candidates = unread(without_parts(candidates, below.whole), below.read) + below.candidates
            cut = cut or below.cut
        cut = cut or seams.cut
        causes: dict[tuple[str, str], int] = {}
        odd = document.unreadable
        for _, _, kind in odd[:MOST_PER_TYPE]:
            causes["UNREADABLE", kind] = causes.get(("UNREADABLE", kind), 0) + 1
        if not candidates:
            return [], causes, cut or len(odd) > MOST_PER_TYPE
        spans, more = _bounded(undisputed(candidates), causes)
        if not _COMBINED.isdisjoint(causes):
            _combine(data, spans, causes)
        return spans, causes, cut or more or len(odd) > MOST_PER_TYPE

    def _found(self, books: Books, work: Work, data: bytes, hits: Hits) -> tuple[list[Candidate], bool]:
        """Return what the detectors find around their probes' hits, and whether there was more than they may find."""
        found, cut = find(books, data) if books else ([], False)
        accounts: list[tuple[int, int]] = []
        for owner, ends in self._by_owner(hits).items():
            detector = self._table[owner]
            name = detector.name
            if accounts and name in OUTRANKED:
                ends = [outside(accounts, hits) if hits else hits for hits in ends]
            paid, number = work.affordable(name), sum(map(len, ends))
            if work.spent(name, number):
                ends = [hits[: max(paid * len(hits) // max(number, 1), _FEWEST_HITS)] for hits in ends]
                cut = True
            sparing = self._sparing.get(owner)
            made = detector.find(data, ends) if sparing is None else sparing.find_within(data, ends, work)
            of_detector, more = _first(made)
            if name == ACCOUNTS:
                accounts = spans_apart(of_detector)
            found += [one if one.detector else one._replace(detector=name) for one in of_detector]
            cut = cut or more
        return found, cut

    def _by_owner(self, hits: Hits) -> dict[int, list[list[int]]]:
        """Return where each detector's probes ended, by detector, in the detectors' order, and probe."""
        by_owner: dict[int, list[list[int]]] = {}
        for probe in sorted(hits):
            if probe >= self._gates_from:
                break
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


Span = tuple[int, int, str, str, float, str, bytes]
"""First byte of the joined leaves and the one after the last, type, detail, confidence, detector; the value where it
matters together with others, until it is sealed."""


def _bounded(candidates: list[Candidate], causes: dict[tuple[str, str], int]) -> tuple[list[Span], bool]:
    """Return at most so many of a type, and a list of people, and count them; tell whether some were left out."""
    kept = candidates if len(candidates) <= MOST_PER_TYPE else _fewer(candidates)
    several = False
    spans: list[Span] = []
    for kind, start, end, confidence, detail, _, value, detector in kept:
        cause = kind, detail
        causes[cause] = causes.get(cause, 0) + 1
        matters = kind in TOLD_TOGETHER
        spans.append((start, end, kind, detail, confidence, detector, value if matters else b""))
        several = several or matters
    if several and len(kept) >= BULK_FROM:
        for told in together([(number, span[2], span[6]) for number, span in enumerate(spans) if span[6]]):
            causes[told.type, told.detail] = 1
            start, end = spans[told.number][:2]
            spans.append((start, end, told.type, told.detail, told.confidence, told.detector, b""))
    return spans, len(kept) < len(candidates)


_COMBINED: Final = {("PERSON", ""), ("DOB", "")}


def _combine(data: bytes, spans: list[Span], causes: dict[tuple[str, str], int]) -> None:
    """Add what several findings of one person make together."""
    parts = [Part(*span[:4]) for span in spans]
    for number, detail in combinations(data, parts):
        causes["COMBINATION", detail] = causes.get(("COMBINATION", detail), 0) + 1
        spans.append((parts[number].start, parts[number].end, "COMBINATION", detail, 0.85, "combination", b""))


def _sealed(value: bytes, key: bytes) -> bytes:
    """Return eight bytes that are the same for the same value, and tell nothing of it without the key."""
    return blake2b(value, digest_size=8, key=key).digest()


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
        for (leaf, first, last), (_, _, kind, detail, confidence, detector, _) in zip(places, spans, strict=True)
    ]
    return tuple(findings)


def _taken(names: Collection[str]) -> ConfigurationError:
    named = ", ".join(f"`{name}`" for name in sorted(names))
    return ConfigurationError(
        f"Of the detectors that were added ({named}), one has the name of another.",
        "Give it a name of its own.",
        rule="Each detector has a name of its own: receipts name what found.",
    )

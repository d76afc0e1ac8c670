"""Read what the views extract, level by level, and tell what is found there at its place in the leaves.

Rules enforced:
1. All extracts of a level are scanned in one pass, with every detector, and may have extracts of their own, down to
   `DEEPEST`. What a decoder could still make out below that is UNREADABLE (law 2).
2. All extracts together hold at most `MOST_TIMES` the bytes of the leaves and `SPARE` more; beyond that it is cut.
3. A finding counts where the rows of its views let it, and where the leaves show none of its type at that place; one
   of a view that guesses nothing (`_EXACT`) stands for what the leaves show of a part of it.
4. A run that was made out is no blob.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from douane.detect.detector import LEAF_END, Candidate
from douane.detect.engine import Hits
from douane.detect.views.extract import Extract
from douane.detect.views.gates import COARSE
from douane.detect.views.view import View
from douane.detect.work import EDITS, Work

DEEPEST: Final = 3
MOST_TIMES: Final = 4
SPARE: Final = 16 * 1024
MOST_EXTRACTS: Final = 8192
_CLOSER: Final = 1 << 16
"""The first number of the gates that are asked in a pass of their own."""
_EXACT: Final = frozenset(("fold", "percent", "escape", "entity", "quoted", "markup"))
"""The views that show what every reader of the text sees. Others put together what may not belong together."""
_EXACT_OF_ADDRESS: Final = _EXACT | {"words"}
"""Two digits in words right before an `@` belong to the address."""
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")
_ROUNDED: Final = 3
"""A span of decoded text is told in whole groups of signs, so two that touch may share one."""

Scan = Callable[[bytes], Hits]
Search = Callable[[bytes, Hits], tuple[list[Candidate], bool]]
Reports = Mapping[str, Mapping[str, float]]
"""By view: the types that it may report, with the least confidence that counts; `*` stands for all others."""


class Depths(NamedTuple):
    """What was found below the leaves, told in bytes of the leaves; which spans of them were made out."""

    candidates: list[Candidate]
    read: list[tuple[int, int]]
    cut: bool
    whole: Sequence[Candidate] = ()
    """Those of the candidates of which the leaves show a part."""


class Level:
    """The extracts of one level, joined as leaves are."""

    __slots__ = ("_starts", "above", "data", "extracts", "paths")

    def __init__(self, extracts: Sequence[Extract], above: Level | None) -> None:
        self.extracts = extracts
        self.above = above
        self.data = _as_utf_8(b"\x00%b\x00" % LEAF_END.join([extract.data for extract in extracts]))
        at = 1
        self._starts: list[int] = []
        starts = self._starts
        for extract in extracts:
            starts.append(at)
            at += len(extract.data) + 1
        self.paths: list[tuple[str, ...]] = [
            (*above.path(extract.start), extract.view) if above is not None else (extract.view,) for extract in extracts
        ]

    def _number(self, at: int) -> int:
        return max(0, bisect_right(self._starts, at) - 1)

    def path(self, at: int) -> tuple[str, ...]:
        """Return the views that led to the text at an offset."""
        return self.paths[self._number(at)]

    def origin(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the span of the leaves that a span came from."""
        number = self._number(start)
        low = self._starts[number]
        extract = self.extracts[number]
        size = len(extract.data)
        span = extract.back(min(start - low, size), min(max(end - low, 0), size))
        if span is None or self.above is None:
            return span
        return self.above.origin(*span)


def _as_utf_8(data: bytes) -> bytes:
    """Return bytes with a `?` for each that is no part of a character: what was decoded may be anything."""
    if data.isascii():
        return data
    text = data.decode("utf-8", "surrogateescape")
    return _NO_TEXT.sub("?", text).encode()


class Levels:
    """The views, the rows that say what they may report, and the two halves of a scan: one pass, then detectors."""

    def __init__(
        self,
        views: Sequence[View],
        reports: Reports,
        places: Mapping[tuple[str, int], int],
        first: int,
        scans: tuple[Scan, Scan],
    ) -> None:
        self._views = views
        self._reports = reports
        self._scan, self._look_closer = scans
        self._wild = frozenset(view.name for view in views if view.wild)
        self._coarse = range(first, first + len(COARSE))
        self._gates: list[list[int]] = []
        number, closer = self._coarse.stop, _CLOSER
        for view in views:
            gates = [*range(number, number + len(view.probes)), *range(closer, closer + len(view.closer))]
            number, closer = number + len(view.probes), closer + len(view.closer)
            self._gates.append(gates + [places[shared] for shared in view.shared])

    def below(
        self,
        data: bytes,
        hits: Hits,
        found: Sequence[Candidate],
        search: Search,
        work: Work,
        carried: Iterable[Extract] = (),
    ) -> Depths | None:
        """Read what lies below the leaves; None where there is nothing. `search` is what found the candidates."""
        extracts = list(_paid(carried, work))
        extracts += self._extracts(data, hits, found, None, work) if hits else ()
        if not extracts:
            return Depths([], [], True) if work.gone else None
        room = MOST_TIMES * len(data) + SPARE
        told: list[Candidate] = []
        whole: list[Candidate] = []
        read = [extract.read for extract in extracts if extract.read is not None]
        known = Known(found)
        cut = work.gone
        level: Level | None = None
        for depth in range(1, DEEPEST + 1):
            extracts, room, more = _bounded(extracts, room)
            level = Level(extracts, level)
            inner_hits = self._scan(level.data)
            work.spent("hit", sum(map(len, inner_hits.values())))
            inner, inner_more = search(level.data, inner_hits)
            cut = cut or more or inner_more
            extracts = self._extracts(level.data, inner_hits, inner, level, work) if inner_hits and not cut else []
            cut = cut or work.gone
            if depth == DEEPEST:
                inner += [
                    Candidate("UNREADABLE", *extract.read, 1.0, "nested", detector="views")
                    for extract in extracts
                    if extract.read is not None
                ]
            else:
                inner = unread(inner, [extract.read for extract in extracts if extract.read is not None])
            cut = work.spent("told", len(inner)) or cut
            told += self._told(level, inner, known, whole)
            if not extracts or cut:
                break
        return Depths(told, read, cut, whole)

    def _extracts(
        self, data: bytes, hits: Hits, found: Sequence[Candidate], level: Level | None, work: Work
    ) -> list[Extract]:
        extracts: list[Extract] = []
        if any(gate in hits for gate in self._coarse):
            hits = {**hits, **{_CLOSER + gate: ends for gate, ends in self._look_closer(data).items()}}
        tame = level is None or not all(self._wild.intersection(path) for path in level.paths)
        for view, gates in zip(self._views, self._gates, strict=True):
            if view.wild and not tame:
                continue
            ends: list[Sequence[int]] | None = None
            for slot, gate in enumerate(gates):
                at = hits.get(gate)
                if at:
                    if ends is None:
                        ends = [()] * len(gates)
                    ends[slot] = at
            if ends is None:
                continue
            own = len(view.probes) + len(view.closer)
            work.spent(f"@{view.name}", sum(map(len, ends[:own])))
            if work.spent(f"@{view.name}, shared", sum(map(len, ends[own:]))):
                break
            made = _paid(view.extracts(data, ends, found), work)
            if level is None:
                extracts += made
            else:
                extracts += [extract for extract in made if self._may_follow(view, level.path(extract.start))]
        return extracts

    def _may_follow(self, view: View, path: tuple[str, ...]) -> bool:
        return not view.wild or self._wild.isdisjoint(path)

    def _told(self, level: Level, inner: Iterable[Candidate], known: Known, whole: list[Candidate]) -> list[Candidate]:
        told: list[Candidate] = []
        for candidate in inner:
            path = level.path(candidate.start)
            if not self._counts(candidate, path):
                continue
            span = level.origin(candidate.start, candidate.end)
            if span is None:
                continue
            exact = _EXACT if candidate.type != "EMAIL" else _EXACT_OF_ADDRESS
            of_part = exact.issuperset(path) and known.has_part(candidate.type, *span)
            if not known.is_new(candidate.type, *span) and not of_part:
                continue
            told.append(
                candidate._replace(
                    start=span[0], end=span[1], detector=f"{candidate.detector or 'views'}@{'+'.join(path)}"
                )
            )
            if of_part:
                known.widen(candidate.type, *span)
                whole.append(told[-1])
        return told

    def _counts(self, candidate: Candidate, path: Iterable[str]) -> bool:
        for view in path:
            rows = self._reports.get(view, {})
            least = rows.get(candidate.type, rows.get("*"))
            if least is None or candidate.confidence < least:
                return False
        return True


def _paid(made: Iterable[Extract], work: Work) -> Iterator[Extract]:
    """Yield extracts as long as there is work left for them."""
    for extract in made:
        work.spent("extract", 1)
        work.spent(EDITS.get(extract.view, "edit"), extract.edits)
        if work.spent("byte", len(extract.data)):
            return
        yield extract


class Known:
    """Where something of a type was found already."""

    __slots__ = ("_spans",)

    def __init__(self, found: Iterable[Candidate]) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}
        for candidate in sorted(found, key=itemgetter(1, 2)):
            self._add(candidate.type, candidate.start, candidate.end)

    def _add(self, kind: str, start: int, end: int) -> None:
        spans = self._spans.setdefault(kind, [])
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
            return
        at = bisect_right(spans, (start, end))
        low = at
        if low and spans[low - 1][1] > start:
            low -= 1
            start = spans[low][0]
        while at < len(spans) and spans[at][0] < end:
            at += 1
        spans[low:at] = [(start, max([end, *(span[1] for span in spans[low:at])]))]

    def covers(self, kind: str, start: int, end: int) -> bool:
        """Tell whether something of a type overlaps a span by more than what decoders round."""
        spans = self._spans.get(kind)
        if spans is None:
            return False
        if end - start > _ROUNDED * 3:
            start, end = start + _ROUNDED, end - _ROUNDED
        at = bisect_right(spans, (end, -1))
        return bool(at) and spans[at - 1][1] > start

    def has_part(self, kind: str, start: int, end: int) -> bool:
        """Tell whether all that was found of a type about a span is a part of it, and not the whole."""
        spans = self._spans.get(kind)
        if spans is None:
            return False
        at = bisect_right(spans, (end, -1))
        if not at or not start < spans[at - 1][1] <= end:
            return False
        low = at - 1
        while low and spans[low - 1][1] > start:
            low -= 1
        return spans[low][0] >= start and spans[low:at] != [(start, end)]

    def widen(self, kind: str, start: int, end: int) -> None:
        """Take note of a span that has others as its parts."""
        self._add(kind, start, end)

    def is_new(self, kind: str, start: int, end: int) -> bool:
        """Tell whether nothing of a type was known at a place; it is from now on."""
        if self.covers(kind, start, end):
            return False
        self._add(kind, start, end)
        return True


def unread(candidates: list[Candidate], read: Sequence[tuple[int, int]]) -> list[Candidate]:
    """Return candidates without the blobs that were made out."""
    if not read:
        return candidates
    spans = Known([Candidate("", start, end, 1.0) for start, end in read])
    return [
        candidate
        for candidate in candidates
        if candidate.type not in ("BLOB", "UNREADABLE") or not spans.covers("", candidate.start, candidate.end)
    ]


def _bounded(extracts: list[Extract], room: int) -> tuple[list[Extract], int, bool]:
    """Return as many extracts as there is room for, the room that is left, and whether some were left out."""
    kept: list[Extract] = []
    for extract in extracts[:MOST_EXTRACTS]:
        room -= len(extract.data) + 1
        if room < 0:
            return kept, 0, True
        kept.append(extract)
    return kept, room, len(extracts) > MOST_EXTRACTS

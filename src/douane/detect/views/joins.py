"""What was written apart, put together: signs one by one, lines broken inside a value, marks of markdown and HTML.

Between signs that stand one by one the separator goes, and what is left of a wider gap stays. Lines are joined where
they are as short as pieces of a value, or where a number is broken between two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.views.extract import Edit, Edited, Extract, edited
from douane.detect.views.stretches import around, merged, widened, words_about
from douane.detect.views.taken import Taken
from douane.detect.views.view import Shared

_SIGN = rb"(?:[!-~]|[\xc2-\xdf][\x80-\xbf])"
_ANY = rb"(?:[ -~]|[\xc2-\xdf][\x80-\xbf]|\xe2\x80[\x80-\x8a\xaf])"
_WORD = rb"[A-Za-z0-9@+(]"
_BETWEEN = rb"(?: |\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\.|-|_|\*|\||/|~|\xc2\xb7|\t|\r?\n)"
_BETWEEN_ONE = rb"(?:[ .\-_*|/~\t\n\xa0\xaf\xb7])"
_GAP_BYTES = rb"(?:[ .\-_*|/~\t\n]{1,3}|\xc2[\xa0\xb7]|\xe2\x80[\x80-\x8a\xaf])"
_SPACED = re.compile(
    rb"(?<![A-Za-z0-9])"
    + _WORD
    + rb"("
    + _BETWEEN
    + rb"| {2,3}| [\-.*|/] )(?:"
    + _ANY
    + rb"\1){3,}[A-Za-z0-9)](?![A-Za-z0-9])"
)
_FEWEST_SIGNS = 9
_LONE_FIRST, _LONE_LAST = re.compile(rb"[A-Za-z](?:[+(]?[0-9]|[A-Z]{2}[0-9])"), re.compile(rb"[0-9][A-Za-z]\Z")
_LONG_NUMBER = re.compile(rb"[+(]?[0-9()]{9,24}")
_CHUNK = rb"[0-9A-Za-z@.+_\-() ]{1,8}"
_CHUNKS = re.compile(
    rb"[0-9A-Za-z@.+()_\- ](?:(?:\r?\n|\\n)(?:> ?)?" + _CHUNK + rb"){1,}(?:\r?\n|\\n)(?:> ?)?(?=[0-9A-Za-z@.+()_\- ])"
)
_BREAK = re.compile(rb"(?:\r?\n|\\n)(?:> ?)?")
_BREAK_INSIDE = re.compile(
    _BREAK.pattern
    + rb"(?![A-Za-z\xc3][a-z\x80-\xbf\xc3']{1,32}+(?:[:;,.!?]{0,2} |>)|[0-9]{1,2}[).] |- "
    + rb"|(?<=[a-z]\n)(?:[0-9]{2,8}|[A-Z]{2}[0-9]{2})\r?\n[0-9])"
)
"""No break before the next line's words, nor between words and the first of several lines of digits."""
_COLUMN = 16
_FEWEST_LINES, _LONGEST_ROW = 3, 256
_OF_NUMBERS = b"0123456789+-"
_WRAP = re.compile(rb"[ \-]?\r?\n[ >\t]{0,8}")
_ODD_BLANK = re.compile(rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]")
_TAGS = ("b", "i", "u", "em", "strong", "span", "mark", "code", "font", "a", "wbr", "br")
_MARKUP = re.compile(
    rb"\*{1,3}|__|~~|`{1,3}|\\(?=[!-/:-@\[-`{-~])|</?[A-Za-z][A-Za-z0-9]{0,11}(?: [^<>\x00]{0,64})?/?>"
)

_MARKS_IN_DOMAIN = (
    Probe(rb"[A-Za-z0-9]", heads=tuple(sign + mark for sign in (rb"\.", b"-") for mark in (b"`", rb"\*\*", b"~~"))),
    Probe(rb"[a-z]{2,3}__", heads=(rb"\.__",)),
    Probe(rb"[a-z]{2,24}__\.", heads=(b"-__",)),
)
_LONGEST_TO_MARK = 72


class SpacedView:
    """Signs one by one, the same separator between all of them."""

    name = "spaced"
    version = "1"
    wild = False
    shared: Shared = ()
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (Probe(rb"[A-Za-z0-9]" + (_GAP_BYTES + rb"[ -~]") * 3 + _BETWEEN_ONE),)

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        for low, high in around(data, ends[0], 16, 12):
            run = _SPACED.search(data, low, high)
            while run is not None:
                for start, end in _trimmed(data, run.start(), run.end(), len(run[1])):
                    plain, back = _without(data, start, end, len(run[1]))
                    if _LONG_NUMBER.fullmatch(plain) is None:
                        yield Extract(self.name, plain, back, start)
                        continue
                    low, high = words_about(data, start, end)
                    back = Edited(low, partial(_gaps, data, start, end, len(run[1])), only=True)
                    yield Extract(self.name, data[low:start] + plain + data[end:high], back, low)
                run = _SPACED.search(data, run.end() - 1, high)  # its last sign may be the first of another


def _trimmed(data: bytes, start: int, end: int, gap: int) -> Iterator[tuple[int, int]]:
    """Yield a run of signs, and that run without the words of one letter at its ends: `y`, `a`, `I` beside a number.

    A letter before two letters and a digit may stand before an account number; what has no digits next to it stays.
    """
    yield start, end
    step = gap + 1
    if end - start < _FEWEST_SIGNS * step or not data[start:end].isascii():
        return
    after = start + step if _LONE_FIRST.match(data[start:end:step]) is not None else start
    before = end - step if _LONE_LAST.search(data[start:end:step]) is not None else end
    if after != start:
        yield after, end
    if before != end:
        yield start, before
        if after != start:
            yield after, before


def _without(data: bytes, start: int, end: int, gap: int) -> tuple[bytes, Edited]:
    """Return a run of signs without the separator after each."""
    run = data[start:end]
    if run.isascii():
        return run[:: gap + 1], Edited(start, partial(_gaps, data, start, end, gap))
    kept = []
    at = start
    for gap_start, gap_end, _ in _gaps(data, start, end, gap):
        kept.append(data[at:gap_start])
        at = gap_end
    kept.append(data[at:end])
    return b"".join(kept), Edited(start, partial(_gaps, data, start, end, gap))


def _gaps(data: bytes, start: int, end: int, gap: int) -> Iterator[Edit]:
    at = start
    while at < end:
        at += 1 if data[at] < 0x80 else 2 if data[at] < 0xE0 else 3
        if at < end:
            yield at, at + gap, b""
            at += gap


class BlankView:
    """Odd blanks inside words: a blank of one width after every few signs."""

    name = "blanks"
    version = "1"
    wild = False
    closer: tuple[Probe, ...] = ()
    shared: Shared = ()
    probes: tuple[Probe, ...] = (
        Probe(rb"\xe2\x80[\x80-\x8a\xaf][A-Za-z0-9@.\-_+ ]{1,6}\xe2\x80[\x80-\x8a\xaf][A-Za-z0-9@. ]"),
        Probe(rb"\xc2\xa0[A-Za-z0-9@.\-_+ ]{1,6}\xc2\xa0[A-Za-z0-9@. ]"),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        for low, high in around(data, sorted([*ends[0], *ends[1]]), 48, 64):
            yield edited(self.name, data, low, high, _ODD_BLANK, _nothing, only=True)


class LineView:
    """Lines of one to eight signs, joined with the line before and the line after."""

    name = "lines"
    version = "2"
    wild = False
    shared: Shared = ()
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (
        Probe(rb"[0-9A-Za-z@.+()_\- ]\r?\n(?:> ?)?[0-9A-Za-z@.+()_\- ]{1,8}\r?\n(?:> ?)?[0-9A-Za-z@.+()_\- ]"),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        spans = []
        done = -1
        for end in ends[0]:
            if end <= done:
                continue
            run = _CHUNKS.search(data, max(0, end - 24), min(len(data), end + 65_536))
            if run is None:
                continue
            done = run.end()
            spans.append(widened(data, run.start(), run.end(), 64, 64))
        for low, high in merged(spans):
            yield edited(self.name, data, low, high, _BREAK_INSIDE, _nothing, only=True)


class WrapView:
    """A number, or an account number, that is broken at the end of a line."""

    name = "wrapped"
    version = "1"
    wild = True
    shared: Shared = ()
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (
        Probe(rb"[0-9A-Z][ \-]?\r?\n[ >\t]{0,4}[0-9A-Z][0-9A-Z ]"),
        Probe(rb"@[A-Za-z0-9.\-]{0,24}\r?\n[A-Za-z0-9.]"),
        Probe(rb"[A-Za-z0-9._+\-]\r?\n[A-Za-z0-9._+\-]{0,24}@"),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], found: Sequence[Candidate]) -> Iterator[Extract]:
        taken = Taken(found)
        numbers = _not_in_columns(data, taken.outside(ends[0]))
        for low, high in around(data, _apart(numbers), 40, 32):
            yield edited(self.name, data, low, high, _WRAP, _blank, only=True)
        others = taken.outside(sorted([*ends[1], *ends[2]]))
        for low, high in around(data, _apart(sorted([*numbers, *others])), 40, 32):
            yield edited(self.name, data, low, high, _BREAK, _nothing, only=True)


class MarkupView:
    """Marks of markdown and HTML inside words and numbers."""

    name = "markup"
    version = "2"
    wild = False
    shared: Shared = ()
    probes: tuple[Probe, ...] = (
        *(Probe(rb"[0-9A-Za-z@.]" + mark + rb"[0-9A-Za-z@.]") for mark in (rb"\*\*", b"__", b"~~")),
        *(Probe(rb"[0-9@.] ?" + mark + rb" ?[0-9A-Za-z@.]") for mark in (rb"\*\*", b"__", b"~~")),
        *(Probe(rb"[0-9A-Za-z@.] ?" + mark + rb" ?[0-9@.]") for mark in (rb"\*\*", b"__", b"~~")),
        Probe(rb"[A-Za-z0-9]", heads=(rb"@`", rb"@\*")),
        Probe(rb"@[A-Za-z0-9]", heads=(rb"`", rb"\*")),
        Probe(
            rb" ?[0-9A-Za-z@.]",
            heads=tuple(f"<{slash}{name}>".encode() for name in _TAGS for slash in ("", "/")),
        ),
        *(Probe(rb"[0-9]", heads=(b"-" + mark,)) for mark in (rb"\*\*", b"__", b"~~")),
        *_MARKS_IN_DOMAIN,
    )
    closer: tuple[Probe, ...] = (
        Probe(rb"[0-9]-[`*][0-9]"), Probe(rb"[0-9][`*]-[0-9]"),
        Probe(rb"[0-9A-Za-z@.][`*][0-9A-Za-z@.]"),
        Probe(rb"[0-9@.] ?[`*] ?[0-9@.]"),
        Probe(rb"[0-9][`*] [A-Z0-9]"), Probe(rb"[A-Z0-9] [`*][0-9]"), Probe(rb"[0-9] [`*][A-Z]{4}[`*] [0-9]"),
        Probe(rb"[0-9A-Za-z]\\[.@\-_+*()][0-9A-Za-z]"),
    )  # fmt: skip

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        last = len(self.probes)
        first = last - len(_MARKS_IN_DOMAIN)
        near = [end for hits in (*ends[:first], *ends[last:]) for end in hits]
        near += [
            end
            for hits in ends[first:last]
            for end in hits
            if data.rfind(b"@", max(0, end - _LONGEST_TO_MARK), end) >= 0
        ]
        for low, high in around(data, sorted(near), 72, 72):
            yield edited(self.name, data, low, high, _MARKUP, _nothing, only=True)


def _apart(hits: Sequence[int]) -> list[int]:
    """Return the hits that have no other close by: a column is broken at every line."""
    return [
        hit
        for before, hit, after in zip(
            (-_COLUMN, *hits), hits, (*hits[1:], hits[-1] + _COLUMN) if hits else (), strict=False
        )
        if hit - before >= _COLUMN <= after - hit
    ]


def _not_in_columns(data: bytes, hits: Sequence[int]) -> Sequence[int]:
    """Return the hits at other breaks than those of a column: three lines, and more, alike in all but digits and signs.

    Only lines so long are compared that two of them would be too much for one number.
    """
    if len(hits) < _FEWEST_LINES - 1:
        return hits
    alike: dict[int, tuple[int, int]] = {}
    breaks = [data.rfind(b"\n", 0, hit) for hit in hits]
    for at in breaks:
        above = data.rfind(b"\n", max(0, at - _LONGEST_ROW), at)
        below = data.find(b"\n", at + 1, at + _LONGEST_ROW)
        if above < 0 or at - above <= _COLUMN or below - at <= _COLUMN:
            continue
        if data[above + 1 : at].translate(None, _OF_NUMBERS) == data[at + 1 : below].translate(None, _OF_NUMBERS):
            alike[at] = above, below
    return [hit for hit, at in zip(hits, breaks, strict=True) if at not in alike or alike.keys().isdisjoint(alike[at])]


def _nothing(_found: re.Match[bytes]) -> bytes:
    return b""


def _blank(_found: re.Match[bytes]) -> bytes:
    return b" "

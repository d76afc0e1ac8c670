"""Base64 and hexadecimal runs that hold text, also over several lines, also of UTF-16.

A run counts as text where all of it is: of random bytes hardly any twelve are printable. What is no text stays what the
detector of blobs says it is.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from codecs import utf_8_decode
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.views.extract import Back, Extract
from douane.detect.views.stretches import words_about
from douane.detect.views.view import Shared

SHORTEST = 14
OF_DIGITS: Final = rb"[I-O][CDSTijyz][AEIMQUYcgkosw048][g-z0-9+/]"
"""Four signs of base64 that stand for three digits, blanks, or signs between digits."""
_TASTE = 16
_FEWEST_SIGNS = 6
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_CLASS = rb"[A-Za-z0-9+/_\-]"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_UNPRINTABLE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\xc0\xc1\xf5-\xff]|\A[\x80-\xbf]|[\xc2-\xf4][\x00-\x7f\xc0-\xff]"
)
"""What no UTF-8 text holds: control signs, and bytes that begin no character, or one that does not go on."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@"
_HEX = re.compile(rb"(?:[0-9][0-9A-Fa-f]|[A-F][0-9A-F]|[a-f][0-9a-f])+")
"""Bytes in capitals or in small letters, told apart by their first sign: what could be read in two ways is tried in
all of them."""
_PART = re.compile(rb"[A-Za-z0-9+]{14,}")
_NEXT_LINE = re.compile(rb"(?:\r?\n|\\+r\\+n|\\+n)[ \t]{0,8}(%b+)" % _CLASS)
_LONG_LINE = 40
_URL = re.compile(rb"data:[^,\x00]{0,120};base64,\Z", re.I)
_TEXT_URL = re.compile(
    rb"data:(?:text/|image/svg\+xml[;,]|application/(?:[a-z.+\-]{0,40}(?:json|xml|yaml|csv|javascript)))", re.I
)
_PADDING = re.compile(rb"(?:=|%3[Dd]){0,2}")
_GOES_ON = re.compile(rb"[A-Za-z0-9+/=_%\-]")
"""What stands behind the padding of a `data:` URL and belongs to it: a part that was not made out."""
_SPACED_HEX = re.compile(
    rb"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ :,\-]{1,2}){7,}(?:0x|\\x)?[0-9A-Fa-f]{2}(?![0-9A-Za-z])"
)
_NUMBER = re.compile(rb"[+(]?[0-9](?:[ .\-/()]{0,2}[0-9AB]){8,26}|(?:%b){3,9}(?:[A-Za-z0-9+/]{2,3}={0,2})?" % OF_DIGITS)
"""Also one that is encoded once more."""
_LONGEST_NUMBER = 40
_TRIMMED = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Words such as `de` beside a run look like a byte of it."""
_BYTE_MARKS = re.compile(rb"0x|\\x")
_SPACED_BYTE = re.compile(rb"(?:0x|\\x)?([0-9A-Fa-f]{2})[ :,\-]{0,2}")


class Run(NamedTuple):
    """An encoded run: its lines as spans of the data."""

    lines: tuple[tuple[int, int], ...]

    def signs(self, data: bytes) -> bytes:
        """Return the lines, joined."""
        return b"".join([data[start:end] for start, end in self.lines])


class Groups:
    """The way back from decoded bytes: `of` of them are `signs` signs of the run."""

    __slots__ = ("_lines", "_of", "_signs", "_until")

    def __init__(self, lines: Sequence[tuple[int, int]], of: int, signs: int) -> None:
        self._lines = lines
        self._until: list[int] = []
        self._of = of
        self._signs = signs

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        of, signs = self._of, self._signs
        return self._at(start // of * signs), self._at(max(0, -(-end // of) * signs - 1)) + 1

    def _at(self, sign: int) -> int:
        if not self._until:
            self._until = list(accumulate(end - start for start, end in self._lines))
        line = min(bisect_right(self._until, sign), len(self._lines) - 1)
        start, end = self._lines[line]
        return min(start + sign - (self._until[line - 1] if line else 0), end - 1)


class EncodedView:
    """Runs of 14 signs and more: hexadecimal where all are, base64 otherwise."""

    name = "base64"
    version = "1"
    wild = False
    shared: Shared = ()
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (
        Probe(_CLASS + rb"{%d}[^A-Za-z0-9+/_\-]" % SHORTEST),
        Probe(rb"[^A-Za-z0-9+/_\-]" + OF_DIGITS * 3 + rb"[A-Za-z0-9]?[^A-Za-z0-9+/_\-]"),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        done = 0
        for hit in sorted([*ends[0], *ends[1]]) if ends[1] else ends[0]:
            end = hit - 1
            if end <= done:
                continue
            start = _start(data, done, end)
            done = end
            if _is_hopeless(data, start, end):
                continue
            run = _whole(data, start, end)
            done = run.lines[-1][1]
            made = list(_of_run(data, run))
            if not made and len(run.lines) > 1:  # the last may be the text's next line, and none of the run's
                made = list(_of_run(data, Run(run.lines[:-1])))
            yield from made


def _is_hopeless(data: bytes, start: int, end: int) -> bool:
    """Tell whether a run begins so that it holds no text: it decodes to what is none, and no part of it may."""
    taste = data[start : min(end, start + _TASTE)]
    if len(taste) < _TASTE or taste[:2] in (b"0x", b"0X"):
        return False
    if not taste.isalnum():
        return _PART.search(data, start, end) is None and not _could_be_text(_of_base64(taste))
    if _HEX.fullmatch(taste) is None:
        return not _could_be_text(_of_base64(taste))
    return (
        data[start:end].isalnum()
        and not _could_be_text(binascii.unhexlify(taste))
        and not _could_be_text(_of_base64(taste))
    )


def _could_be_text(start: bytes) -> bool:
    """Tell whether bytes, cut anywhere, may begin a text: printable, or UTF-8, or UTF-16."""
    if not start.translate(None, _PRINTABLE) or b"\x00" in start:
        return True
    if _UNPRINTABLE.search(start) is not None:
        return False
    try:
        utf_8_decode(start, "strict", False)  # what is cut at its end counts as whole
    except UnicodeDecodeError:
        return False
    return True


def _of_base64(taste: bytes) -> bytes:
    return binascii.a2b_base64(taste.translate(_URL_SAFE))


def _start(data: bytes, done: int, end: int) -> int:
    size = 64
    while True:
        low = max(done, end - size)
        kept = len(data[low:end].rstrip(_SIGNS))
        if kept or low == done:
            return low + kept
        size *= 8


def _whole(data: bytes, start: int, end: int) -> Run:
    """Return a run with the lines that go on with it, each as long as the first save the last."""
    lines = [(start, end)]
    width = end - start
    while width >= _LONG_LINE:
        following = _NEXT_LINE.match(data, lines[-1][1])
        if following is None or following.end() - following.start(1) > width:
            break
        lines.append(following.span(1))
        if lines[-1][1] - lines[-1][0] < width:
            break
    return Run(tuple(lines))


def _of_run(data: bytes, run: Run) -> Iterator[Extract]:
    signs = run.signs(data)
    if signs[:2] in (b"0x", b"0X") and len(run.lines) == 1:
        signs, run = signs[2:], Run(((run.lines[0][0] + 2, run.lines[0][1]),))
    if signs.isalpha() and (signs.islower() or signs.istitle()):
        return
    made = _made(data, run, signs)
    if made is not None:
        yield made
        return
    if len(run.lines) == 1 and (b"/" in signs or b"_" in signs or b"-" in signs):
        low = run.lines[0][0]
        for part in _PART.finditer(signs):
            if part.end() - part.start() < len(signs):
                inner = Run(((low + part.start(), low + part.end()),))
                found = _made(data, inner, part[0])
                if found is not None:
                    yield found


def _made(data: bytes, run: Run, signs: bytes) -> Extract | None:
    """Return the text of a run, or None where it holds none."""
    if len(signs) % 2 == 0 and _HEX.fullmatch(signs) is not None:
        if signs.isdigit() and len(signs) < 2 * 8:
            return None
        name, decoded, of, width = "hex", binascii.unhexlify(signs), 1, 2
    else:
        bare = signs.translate(_URL_SAFE)
        bare = bare[: len(bare) - (len(bare) % 4 == 1)]
        name, decoded, of, width = "base64", binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)), 3, 4
    text, size = _text(decoded)
    if not text:
        return None
    start, end = run.lines[0][0], run.lines[-1][1]
    while data[end : end + 1] == b"=":
        end += 1
    back = Groups(run.lines, of, width) if size == 1 else Doubled(Groups(run.lines, of, width))
    if len(run.lines) == 1 and size == 1 and _is_number(text):
        return _among_words(name, data, text, back, (start, end))
    seen = name == "base64" and _is_unread_url(data, start, end)
    return Extract(name, text, back, start, None if seen else (start, end))


def _is_number(text: bytes) -> bool:
    """Tell whether a text is a number of somebody's, for which the words around it speak."""
    return len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) is not None


def _among_words(name: str, data: bytes, text: bytes, back: Back, read: tuple[int, int]) -> Extract:
    """Return what was made of a run, with the words before and after the run that may say what it is."""
    start, end = read
    if data[start - 2 : start] in (b"0x", b"0X"):
        start -= 2
    low, high = words_about(data, start, end)
    before = data[low:start]
    return Extract(name, before + text + data[end:high], Amid(len(before), len(text), back), low, read)


def _is_unread_url(data: bytes, start: int, end: int) -> bool:
    """Tell whether a run is the body of a `data:` URL that is no text, or but the first part of its body."""
    url = _URL.search(data, max(0, start - 160), start)
    if url is None:
        return False
    behind = _PADDING.match(data, end)
    return _TEXT_URL.match(url[0]) is None or _GOES_ON.match(data, behind.end() if behind else end) is not None


class Amid:
    """The way back from a text that stands among words of its parent. What lies in those has none."""

    __slots__ = ("_back", "_low", "_size")

    def __init__(self, low: int, size: int, back: Back) -> None:
        self._low = low
        self._size = size
        self._back = back

    def __call__(self, start: int, end: int) -> tuple[int, int] | None:
        start, end = max(0, start - self._low), min(self._size, end - self._low)
        return self._back(start, end) if start < end else None


class Doubled:
    """The way back from text whose signs had two bytes each."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Groups) -> None:
        self._inner = inner

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        return self._inner(2 * start, 2 * end)


def _text(decoded: bytes) -> tuple[bytes, int]:
    """Return the text that bytes hold and how many bytes a sign has; nothing where they hold none."""
    if not decoded.translate(None, _PRINTABLE):
        return (decoded, 1) if decoded.translate(None, _LETTERS) != decoded else (b"", 1)
    if b"\x00" in decoded:
        for high, low in ((decoded[1::2], decoded[::2]), (decoded[::2], decoded[1::2])):
            if len(low) > 5 and not high.strip(b"\x00") and not low.translate(None, _PRINTABLE):
                return low, 2
        return b"", 1
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return b"", 1
    if any(sign < 0x20 and sign not in b"\t\n\r" for sign in decoded):
        return b"", 1
    plain = sum(sign.isalnum() or " " <= sign <= "~" for sign in text[:512])
    return (decoded, 1) if len(text) >= _FEWEST_SIGNS and plain * 3 >= min(len(text), 512) else (b"", 1)


class SpacedHexView:
    """Bytes written apart: `4a 65 61 6e`, `0x4a, 0x65`, `4a:65`."""

    name = "hex"
    version = "1"
    wild = False
    shared: Shared = ()
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (
        Probe(rb"(?:0x)?[0-9A-Fa-f]{2}(?:[ :,\-] ?(?:0x|\\\\x)?[0-9A-Fa-f]{2}){7}", once=True),
    )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        for run in _SPACED_HEX.finditer(data, max(0, ends[0][0] - 64)):
            decoded = binascii.unhexlify(_BYTE_MARKS.sub(b"", run[0]).translate(None, b" :,-"))
            for first, last in _TRIMMED:
                text, size = _text(decoded[first : len(decoded) - last])
                if text and size == 1:
                    back = Apart(run.start(), run[0], first)
                    if _is_number(text):
                        yield _among_words(self.name, data, text, back, run.span())
                    else:
                        yield Extract(self.name, text, back, run.start(), run.span())
                    break


class Apart:
    """The way back from bytes that were written apart, of two signs each."""

    __slots__ = ("_first", "_run", "_start", "_starts")

    def __init__(self, start: int, run: bytes, first: int) -> None:
        self._first = first
        self._start = start
        self._run = run
        self._starts: list[int] = []

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        starts = self._starts
        if not starts:
            starts = self._starts = [self._start + byte.start(1) for byte in _SPACED_BYTE.finditer(self._run)]
        start, end = start + self._first, end + self._first
        return starts[min(start, len(starts) - 1)], starts[min(max(end - 1, 0), len(starts) - 1)] + 2

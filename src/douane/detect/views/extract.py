"""A stretch of text in plain form, and the way from it back to the bytes that it was made from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

Back: TypeAlias = Callable[[int, int], tuple[int, int] | None]
"""From a span of an extract to the span of its parent's bytes; None where the span does not count."""

Edit: TypeAlias = tuple[int, int, bytes]
"""First byte, the byte after the last, and what stands there instead."""


class Extract(NamedTuple):
    """What a view made of some bytes of its parent.

    `read` is the span that it made out completely: a blob there is none, for it was read. `edits` is how many parts
    were written otherwise, where each takes its time.
    """

    view: str
    data: bytes
    back: Back
    start: int
    read: tuple[int, int] | None = None
    edits: int = 0


class Shifted:
    """The way back from a copy of a stretch, sign by sign."""

    __slots__ = ("_low",)

    def __init__(self, low: int) -> None:
        self._low = low

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        return self._low + start, self._low + end


class Edited:
    """The way back from a stretch in which some parts were replaced. The edits are made again when first asked.

    Where only what was replaced counts (`only`), a span that holds nothing of it has no way back.
    """

    __slots__ = ("_edits", "_from", "_low", "_only", "_to")

    def __init__(self, low: int, edits: Callable[[], Iterable[Edit]], *, only: bool = False) -> None:
        self._low = low
        self._only = only
        self._edits: Callable[[], Iterable[Edit]] | None = edits
        self._from: list[int] = []
        self._to: list[tuple[int, int, bool]] = []

    def _learn(self) -> None:
        """Cut the extract into pieces: where each begins, where it came from, and whether it was replaced."""
        at, done = 0, self._low
        starts, ways = self._from, self._to
        if self._edits is not None:
            for start, end, written in self._edits():
                if start > done:
                    starts.append(at)
                    ways.append((done, start, False))
                    at += start - done
                if written:
                    starts.append(at)
                    ways.append((start, end, True))
                    at += len(written)
                done = end
        starts.append(at)
        ways.append((done, done, False))
        self._edits = None

    def __call__(self, start: int, end: int) -> tuple[int, int] | None:
        if self._edits is not None:
            self._learn()
        first = max(0, bisect_right(self._from, start) - 1)
        source, _, replaced = self._to[first]
        begin = source if replaced else source + start - self._from[first]
        if end <= start:
            return begin, begin
        last = max(0, bisect_right(self._from, end - 1) - 1)
        source, stop, replaced = self._to[last]
        until = stop if replaced else source + end - self._from[last]
        if self._only and until - begin == end - start and not any(piece[2] for piece in self._to[first : last + 1]):
            return None
        return begin, until


def edited(
    view: str,
    data: bytes,
    low: int,
    high: int,
    pattern: re.Pattern[bytes],
    write: Callable[[re.Match[bytes]], bytes],
    *,
    only: bool = False,
) -> Extract:
    """Return a stretch with every match of a pattern written otherwise; see `Edited` for `only`."""
    stretch = data[low:high]

    def edits() -> Iterable[Edit]:
        for found in pattern.finditer(stretch):
            written = write(found)
            if not only or written != found[0]:
                yield low + found.start(), low + found.end(), written

    plain, count = pattern.subn(write, stretch)
    return Extract(view, plain, Edited(low, edits, only=only), low, None, count)

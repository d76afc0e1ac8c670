"""Stretches of the joined leaves: cut at the ends of a leaf, and never inside a character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from douane.detect.detector import LEAF_END

_WORDS_BEFORE, _WORDS_AFTER = 80, 48
_NO_DIGITS = bytes(sorted(set(range(256)) - set(b"0123456789")))


def widened(data: bytes, start: int, end: int, before: int, after: int) -> tuple[int, int]:
    """Return a span with so many bytes before and after it, as far as its leaf goes."""
    low = max(0, start - before)
    low = max(low, data.rfind(LEAF_END, low, start) + 1)
    while low < start and 0x80 <= data[low] <= 0xBF:
        low += 1
    high = min(len(data), end + after)
    stop = data.find(LEAF_END, end, high)
    if stop >= 0:
        high = stop
    while high > end and high < len(data) and 0x80 <= data[high] <= 0xBF:
        high -= 1
    return low, high


def words_about(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return a number's span with the words that may say what it is: no other digit, and so no other number."""
    low, high = widened(data, start, end, _WORDS_BEFORE, _WORDS_AFTER)
    before = data[low:start]
    low = start - len(before) + len(before.rstrip(_NO_DIGITS))
    return low, high - len(data[end:high].lstrip(_NO_DIGITS))


def merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans, given by their first byte, those that touch as one.

    >>> list(merged([(1, 5), (4, 9), (12, 13)]))
    [(1, 9), (12, 13)]
    """
    low = high = -1
    for start, end in spans:
        if start > high:
            if high >= 0:
                yield low, high
            low, high = start, end
        elif end > high:
            high = end
    if high >= 0:
        yield low, high


def matches(pattern: re.Pattern[bytes], data: bytes, low: int, before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches around every match of a pattern from `low` on."""
    return merged(widened(data, *found.span(), before, after) for found in pattern.finditer(data, low))


def around(data: bytes, ends: Sequence[int], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches around some hits, which are sorted; those that touch as one, each within its leaf."""
    if not ends:
        return
    reach = before + after
    first = last = ends[0]
    for end in ends:
        if end - last > reach:
            yield from _within_leaves(data, first, last, before, after)
            first = end
        last = end
    yield from _within_leaves(data, first, last, before, after)


def _within_leaves(data: bytes, first: int, last: int, before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield what lies around some hits in each leaf; a hit that ends with the end of a leaf belongs to that leaf."""
    at = first - (data[first - 1 : first] == LEAF_END)
    while (stop := data.find(LEAF_END, at, last)) >= 0:
        yield widened(data, at, max(at, stop), before, after)
        at = stop + 1
    if at <= last - (data[last - 1 : last] == LEAF_END):
        yield widened(data, at, max(at, last), before, after)

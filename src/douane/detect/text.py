"""The leaves joined into one run of bytes, and the way back: byte offsets to leaves and code points.

Offsets are counted only for what was found, in order, so that a long text with many findings is read once.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from douane.detect.walk import KEY_END

_SEPARATOR: Final = "\x00"
_INSTEAD_OF_NULL: Final = "\x02"
"""Inside a leaf a null would end it: another sign that cannot be seen stands for it."""


class Text:
    """`data` holds every leaf with `LEAF_END` before, between and after them; `chars` is their code points."""

    __slots__ = ("_at", "_starts", "chars", "data", "leaves")

    def __init__(self, leaves: list[str]) -> None:
        joined = f"\x00{_SEPARATOR.join(leaves)}\x00"
        if leaves and joined.count("\x00") > len(leaves) + 1:
            leaves = [leaf.replace("\x00", _INSTEAD_OF_NULL) for leaf in leaves]
            joined = f"\x00{_SEPARATOR.join(leaves)}\x00"
        self.leaves = leaves
        self.chars = len(joined) - len(leaves) - 1 if leaves else 0
        try:
            self.data = joined.encode()
        except UnicodeEncodeError:
            self.data = joined.encode("utf-8", "surrogatepass")
        self._starts: list[int] | None = None
        self._at = (0, 0, 0)

    def place(self, start: int, end: int) -> tuple[int, int, int]:
        """Return (leaf, first code point, code point after the last) of a span, cut to its leaf.

        Quick when asked in ascending order of `start`.
        """
        starts = self._starts or self._leaf_starts()
        leaf = max(0, bisect_right(starts, start) - 1)
        begin = starts[leaf]
        text = self.leaves[leaf]
        limit = starts[leaf + 1] - 1 - text.endswith(KEY_END)
        if end > limit:
            start, end = min(start, limit), limit
        if text.isascii():
            return leaf, start - begin, end - begin
        first = self._points(leaf, begin, start)
        return leaf, first, first + _count(self.data[start:end])

    def start_of(self, leaf: int) -> int:
        """Return the first byte of a leaf in `data`."""
        return (self._starts or self._leaf_starts())[leaf]

    def _points(self, leaf: int, begin: int, offset: int) -> int:
        """Count the code points from a leaf's beginning to an offset, from where the last count ended."""
        known_leaf, known_offset, known = self._at
        if known_leaf != leaf or known_offset > offset or known_offset < begin:
            known_offset, known = begin, 0
        points = known + _count(self.data[known_offset:offset])
        self._at = (leaf, offset, points)
        return points

    def _leaf_starts(self) -> list[int]:
        if self._starts is None:
            at = 1
            self._starts = starts = [at]
            for leaf in self.leaves:
                at += (len(leaf) if leaf.isascii() else len(leaf.encode("utf-8", "surrogatepass"))) + 1
                starts.append(at)
        return self._starts


def _count(data: bytes) -> int:
    """Count the code points of UTF-8: every byte that does not continue one."""
    if data.isascii():
        return len(data)
    return len(data) - len(data.translate(None, _NOT_CONTINUATION))


_NOT_CONTINUATION = bytes(range(0x80)) + bytes(range(0xC0, 0x100))

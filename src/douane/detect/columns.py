"""Columns of delimited text: what stands under a head, however far down.

A head is a cell of a line whose next line has as many delimiters: `siren;nom` over `732829320;Durand`, a row of a
Markdown table, a line with tabs. The table ends with the first line that is cut otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

_DELIMITERS: Final = (b";", b"\t", b"|", b",")
_LONGEST_LINE: Final = 4096
_MOST_CELLS: Final = 2000
_MOST_WORDS: Final = 256
"""So many of the words are looked at; what heads a column comes early."""


class Table(NamedTuple):
    """A column: where its table lies in the text, how its lines are cut, and which cell it is."""

    start: int
    end: int
    delimiter: bytes
    cell: int


class Columns:
    """The columns whose heads hold one of some words, given by the ends of those."""

    __slots__ = ("_data", "_tables")

    def __init__(self, data: bytes, ends: Iterable[int]) -> None:
        self._data = data
        self._tables = tables(data, ends)

    def hold(self, start: int) -> bool:
        """Tell whether what begins at `start` stands in one of the columns."""
        for table in self._tables:
            if table.start <= start < table.end:
                line = _line_start(self._data, start)
                if self._data.count(table.delimiter, line, start) == table.cell:
                    return True
        return False

    @staticmethod
    def cells(data: bytes, table: Table) -> Iterator[tuple[int, bytes]]:
        """Yield a column's cells, each with its place in the text; so many at most."""
        at = table.start
        for line in islice(data[table.start : table.end].split(b"\n"), _MOST_CELLS):
            parts = line.split(table.delimiter, table.cell + 1)
            if len(parts) > table.cell:
                yield at + sum(map(len, parts[: table.cell])) + table.cell, parts[table.cell]
            at += len(line) + 1


def tables(data: bytes, ends: Iterable[int]) -> list[Table]:
    """Return the columns that the words head, at most so many.

    >>> tables(b"nom;siren\\nA;1\\nB;2\\nfin", [9])
    [Table(start=10, end=17, delimiter=b';', cell=1)]
    """
    found: list[Table] = []
    heading = stop = below = -1
    delimiter, cuts = b"", 0
    for end in islice(ends, _MOST_WORDS):
        word = end - 2
        if stop < word < below:
            continue
        start = _line_start(data, word)
        if start != heading:
            heading, stop = start, _line_end(data, word)
            delimiter, cuts = _cut(data, start, stop)
            below = _below(data, stop, delimiter, cuts) if cuts else stop
        if below > stop:
            found.append(Table(stop + 1, below, delimiter, data.count(delimiter, start, word)))
    return found


def _cut(data: bytes, start: int, stop: int) -> tuple[bytes, int]:
    """Return the delimiter that cuts a line, and how often."""
    for delimiter in _DELIMITERS:
        cuts = data.count(delimiter, start, stop)
        if cuts:
            return delimiter, cuts
    return b"", 0


def _below(data: bytes, stop: int, delimiter: bytes, cuts: int) -> int:
    """Return where the lines end that follow one and are cut as often; `stop` where none is."""
    end = stop
    while end < len(data) - 1 and data[end] == 10:
        line = end + 1
        after = _line_end(data, line)
        if data.count(delimiter, line, after) != cuts:
            break
        end = after
    return end


def _line_start(data: bytes, at: int) -> int:
    low = max(0, at - _LONGEST_LINE)
    return max(data.rfind(b"\n", low, at), data.rfind(b"\x00", low, at), low - 1) + 1


def _line_end(data: bytes, at: int) -> int:
    high = min(len(data), at + _LONGEST_LINE)
    ends = [end for sign in (b"\n", b"\x00") if (end := data.find(sign, at, high)) >= 0]
    return min(ends, default=high)

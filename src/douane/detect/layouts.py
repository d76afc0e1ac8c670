"""Tables of fixed width: columns that blanks alone part, told by where they stand.

Rules enforced:
1. A head is a word or several of a line; two blanks and more, or the groups of a ruler below (`---- ====`), part heads.
   One blank does where the words of the first rows begin or end where those of the head do, all of them.
   Neither is a line of sentences.
2. A line is a row if it has a blank at one end of each gap between heads, or as many cells as there are heads.
3. A value belongs to the head that it begins with where columns do so, to that of its cell's number where both have as
   many, else to the one that it stands under, left
   or right of that where it overlaps none: by the side on which most cells begin or end with their heads.

Places in a line are counted in characters, those in the text in bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple, TypeAlias

_MOST_HEADS: Final = 128
_MOST_ROWS: Final = 2000
_LONGEST_LINE: Final = 4096
_FIRST_ROWS: Final = 4
_CELL: Final = re.compile(r"\S+(?: \S+)*")
_WORD: Final = re.compile(r"\S+")
_RULER: Final = re.compile(r"\A[ +|]*+[-=_\u2500\u2550]{2}[ +|=_\u2500\u2550-]*+")
_RULES: Final = re.compile(r"[-=_\u2500\u2550]{2,}")
_SENTENCE: Final = re.compile(
    r"[,;:?!] {0,8}$|(?<!\S)(?:\S{1,40} ){2}\S{0,40}(?<=[a-z]{3})[.,](?: |$)|(?<!\S)(?:\S{1,40} ){8}"
)
_NUMBER: Final = re.compile(rb"[0-9]{5}|[0-9](?:[ ./\-]?[0-9]){7}| [:=] ")
"""What no line of heads holds: a long number, or the sign between a name and its value."""
Span: TypeAlias = tuple[int, int]


class Layout(NamedTuple):
    """Where the rows of a table lie, in bytes, and its heads, in characters of a line."""

    start: int
    end: int
    heads: tuple[Span, ...]
    to_right: bool
    ruled: bool

    def column(self, data: bytes, line: int, start: int, end: int) -> int:
        """Return the column that holds what stands from `start` to `end` in the line that begins at `line`."""
        stop = data.find(b"\n", end, line + _LONGEST_LINE)
        row = _text(data, line, stop if stop >= 0 else min(len(data), line + _LONGEST_LINE))
        first = len(_text(data, line, start))
        cells = _spans(_CELL, row)
        exact = next((number for number, (head, _) in enumerate(self.heads) if head == first), -1)
        if exact >= 0 and not self.to_right:
            return exact
        if len(cells) == len(self.heads) and not (self.ruled and _fits(row, self.heads)):
            return bisect_right(cells, (first, len(row))) - 1
        return self._under(first, first + len(_text(data, start, end)))

    def begins(self, data: bytes, line: int, at: int) -> bool:
        """Tell whether a head begins where a place of a line stands."""
        first = len(_text(data, line, at))
        return any(start == first for start, _ in self.heads)

    def head(self, data: bytes, line: int, word: int) -> int:
        """Return the column whose head holds a place of the line of heads; -1 if none does."""
        at = len(_text(data, line, word))
        return next((number for number, (start, end) in enumerate(self.heads) if start <= at < end), -1)

    def _under(self, first: int, last: int) -> int:
        shared = [min(last, end) - max(first, start) for start, end in self.heads]
        most = max(shared)
        if most > 0:
            return shared.index(most)
        if self.to_right:
            return next((number for number, (start, _) in enumerate(self.heads) if start >= last), -1)
        return bisect_right(self.heads, (first, last)) - 1


def layout(data: bytes, start: int, stop: int) -> Layout | None:
    """Return the table whose heads the line from `start` to `stop` holds, if lines below it are rows of one.

    >>> layout(b"  siren  nom\\n732829320  A\\n732829338  B\\n", 0, 12).heads
    ((2, 7), (9, 12))
    """
    if data[stop : stop + 1] != b"\n" or _NUMBER.search(data, start, stop) is not None:
        return None
    below = _lines(data, stop + 1, 1)
    ruler = _text(data, *below[0]) if below else ""
    ruled = _RULER.fullmatch(ruler) is not None
    if not ruled and b" " not in data[start:stop].strip():
        return None
    heads_line, rows_start = _text(data, start, stop), below[0][1] + 1 if ruled else stop + 1
    first = [_text(data, *line) for line in _lines(data, rows_start, _FIRST_ROWS)]
    groups = _spans(_RULES, ruler) if ruled else []
    by_ruler = (len(groups) > 1 and _fits(heads_line, groups)) or (ruled and len(_spans(_CELL, heads_line)) == 1)
    heads = groups if by_ruler else _heads(heads_line, first)
    if not ruled and _SENTENCE.search(heads_line) is not None:
        return None
    if not by_ruler and (len(heads) < 2 or not any(len(_spans(_WORD, row)) > 1 for row in first)):
        return None
    if len(heads) > _MOST_HEADS or not first or not _is_row(first[0], heads):
        return None
    end = rows_start
    for line_start, line_end in _lines(data, rows_start, _MOST_ROWS):
        if not _is_row(_text(data, line_start, line_end), heads):
            break
        end = line_end
    return Layout(rows_start, end, tuple(heads), _is_to_right(first, heads), by_ruler)


def _heads(line: str, rows: Sequence[str]) -> list[Span]:
    """Return the heads of a line: its words where those of the rows stand under them, else what two blanks part."""
    words = _spans(_WORD, line)
    cells = [_spans(_WORD, row) for row in rows[:2]]
    if len(words) > 1 and len(cells) > 1 and all(len(row) == len(words) for row in cells):
        for side in (0, 1):
            if all(cell[side] == word[side] for row in cells for cell, word in zip(row, words, strict=True)):
                return words
    return _spans(_CELL, line)


def _is_row(row: str, heads: Sequence[Span]) -> bool:
    return _fits(row, heads) or len(_spans(_CELL, row)) == len(heads)


def _fits(row: str, heads: Sequence[Span]) -> bool:
    """Tell whether a blank stands at one end of each gap between heads, or the row is over there."""
    size = len(row)
    return all(
        left >= size or row[left] == " " or right > size or row[right - 1] == " "
        for (_, left), (right, _) in pairwise(heads)
    )


def _is_to_right(rows: Sequence[str], heads: Sequence[Span]) -> bool:
    starts, ends = {start for start, _ in heads}, {end for _, end in heads}
    cells = [cell for row in rows for cell in _spans(_CELL, row)]
    return sum(end in ends for _, end in cells) > sum(start in starts for start, _ in cells)


def _lines(data: bytes, start: int, most: int) -> list[Span]:
    """Return where so many lines begin and end, up to one that is empty or very long, or the end of the leaf."""
    found: list[Span] = []
    while len(found) < most and start < len(data):
        high = min(len(data), start + _LONGEST_LINE)
        end = data.find(b"\n", start, high)
        closed = data.find(b"\x00", start, end if end >= 0 else high)
        stop = closed if closed >= 0 else end if end >= 0 else high
        if not data[start:stop].strip():
            break
        found.append((start, stop))
        if closed >= 0 or end < 0:
            break
        start = stop + 1
    return found


def _spans(pattern: re.Pattern[str], text: str) -> list[Span]:
    return [found.span() for found in islice(pattern.finditer(text), _MOST_HEADS + 1)]


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode("utf-8", "replace").rstrip("\r")

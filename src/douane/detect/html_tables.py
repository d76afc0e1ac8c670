"""Tables of HTML: which cells of the rows below a head cell stand in its column, and what heads a row.

Rules enforced:
1. A head is a cell, `<th>` or `<td>`, of a row of several without a number; it heads the cells of its ordinal in the
   rows below, up to the end of the table.
2. In a row of a head and what it heads (`<th>PESEL</th><td>...</td>`), and in pairs of `<dt>` and `<dd>` or `<label>`
   and whatever, the one names the other: `names_next` tells it, `words` asks for it.

What stands in a tag is no cell, be it quoted for JSON or not. A row or a tag longer than its bound is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_LONGEST_ROW: Final = 4096
_LONGEST_CELL: Final = 240
_LONGEST_TABLE: Final = 1 << 18
_MOST_CELLS: Final = 2000
_CELL: Final = re.compile(rb"<t([hd])(?=[ \t\r\n>\\/])[^<>]{0,400}>", re.IGNORECASE)
_ROW_OR_CELL: Final = re.compile(rb"<t[rhd](?=[ \t\r\n>\\/])[^<>]{0,400}>", re.IGNORECASE)
_TAGS: Final = re.compile(rb"(?:<[^<>]{0,200}>|&nbsp;|\s|\\[nrt])*")
_ROW_END: Final = re.compile(rb"</?tr[\s>\\]|</?table[\s>\\]|\x00", re.IGNORECASE)
_TABLE_END: Final = re.compile(rb"</?table[\s>\\]|\x00", re.IGNORECASE)
_NUMBER: Final = re.compile(rb">[^<>0-9]{0,24}[0-9](?:[ ./\-]?[0-9]){5}")
_TO_NEXT: Final = re.compile(
    rb"[^<>\n\x00]{0,24}</(?:th|td|dt|label|b|strong|span)\s{0,4}>"
    rb"(?:<(?!/?(?:tr|table|thead|tbody|dt|th|label)\b)[^<>]{0,200}>|&nbsp;|[\s:]|\\[nrt])*",
    re.IGNORECASE,
)
_LABEL_END: Final = re.compile(
    rb"</(?:th|dt|label)\s{0,4}>(?:<(?!/?(?:tr|table|thead|tbody|dt|th|label)\b)[^<>]{0,200}>|[\s:])*\Z", re.IGNORECASE
)


class Row(NamedTuple):
    """A row: where it begins, and where the rows below it begin and end; none are below what is no row of heads."""

    start: int
    below: int
    end: int


def row_of(data: bytes, word: int) -> Row | None:
    """Return the row that a word stands in; None where it stands in no cell of one.

    >>> row_of(b"<tr><th>NIF<th>x</tr><tr><td>1<td>2</tr></table>", 10)
    Row(start=0, below=16, end=40)
    """
    opened = data.rfind(b"<", max(0, word - _LONGEST_CELL), word)
    if opened < 0:
        return None
    low = max(0, word - _LONGEST_ROW)
    before = data[low:word].lower()
    start = before.rfind(b"<tr")
    cells = _CELL.finditer(before, max(0, len(before) - _LONGEST_CELL)) if start >= 0 else iter(())
    last = max((cell.end() for cell in cells), default=-1)
    if last < start or start < 0 or before.find(b"</t", last) >= 0:
        return None
    return _heads(data, low + start, word)


def _heads(data: bytes, start: int, word: int) -> Row:
    stop = _ROW_END.search(data, word, word + _LONGEST_ROW)
    if stop is None or stop[0] == b"\x00":
        over = stop.start() if stop is not None else min(len(data), word + _LONGEST_ROW)
        return Row(start, over, over)
    kinds = [cell[1].lower() for cell in _CELL.finditer(data, start, stop.start())]
    is_pair = b"h" in kinds and b"d" in kinds and kinds.count(b"h") * 2 == len(kinds)
    if is_pair or _NUMBER.search(data, start, stop.start()) is not None:
        return Row(start, stop.start(), stop.start())
    closed = _TABLE_END.search(data, stop.start(), stop.start() + _LONGEST_TABLE)
    end = closed.start() if closed else min(len(data), stop.start() + _LONGEST_TABLE)
    return Row(start, stop.start(), end)


def ordinal(data: bytes, start: int, at: int) -> int:
    """Return how many cells of the row that begins at `start` open before the one that holds `at`."""
    row = data[start:at].lower()
    return row.count(b"<td") + row.count(b"<th") - row.count(b"<thead") - 1


def place(data: bytes, low: int, at: int) -> tuple[int, int]:
    """Return the ordinal of the cell that holds a place of a table, and where what it holds begins."""
    low = max(low, at - _LONGEST_ROW)
    row = data[low:at].lower()
    start = row.rfind(b"<tr")
    if start < 0:
        return -1, at
    opened = max(row.rfind(b"<td", start), row.rfind(b"<th", start))
    closed = row.find(b">", opened) if opened >= 0 else -1
    return row.count(b"<td", start) + row.count(b"<th", start) - 1, low + closed + 1 if closed >= 0 else at


def cells(data: bytes, start: int, end: int, number: int) -> Iterator[tuple[int, bytes]]:
    """Yield the cells of a column, without tags around what they hold, each with its place in the text."""
    column, seen = -1, 0
    for tag in _ROW_OR_CELL.finditer(data, start, end):
        column = -1 if tag[0][2:3] in b"rR" else column + 1
        if column != number:
            continue
        at = _TAGS.match(data, tag.end(), tag.end() + _LONGEST_CELL).end()  # type: ignore[union-attr]
        stop = data.find(b"<", at, at + _LONGEST_CELL)
        yield at, data[at : max(at, stop)].rstrip()
        seen += 1
        if seen == _MOST_CELLS:
            return


def names_next(data: bytes, heard: int, start: int) -> bool:
    """Tell whether a word that ends before `heard` is all of a label, and a number at `start` what that is for."""
    return data.find(b"<", heard - 1, start) >= 0 and _TO_NEXT.fullmatch(data, heard - 1, start) is not None


def without_label_end(before: bytes) -> bytes:
    """Return what stands before a number, blanks for the tags between it and its label.

    >>> without_label_end(b"<dt>id</dt><dd>")
    b'<dt>id         '
    """
    if before.rfind(b"<") < 0:
        return before
    end = _LABEL_END.search(before)
    return before if end is None else before[: end.start()] + b" " * (len(before) - end.start())

"""Columns of delimited text: what stands under a head, however far down.

A head is a cell of a line whose next line has as many delimiters: `siren;nom` over `732829320;Durand`, a row of a
Markdown table, a line with tabs. The table ends with the first line that is cut otherwise.

What stands in quotes delimits nothing. In LaTeX ampersands delimit, in wikis bars, in HTML tags (`html_tables`).

Lines of dashes between rows (`---+---`) are passed over; strokes drawn as boxes delimit, too. Where nothing delimits,
blanks may (`layouts`): only for `Columns`, which ask for the column of a place.

The columns that `INSERT INTO t (id, siren) VALUES` names head the tuples after it, however those are put into lines.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from douane.detect import html_tables
from douane.detect.layouts import Layout, layout

_TAGS: Final = b"<"
"""The delimiter of a table of HTML."""
_DELIMITERS: Final = (b";", b"\t", b"|", b"\xe2\x94\x82", b"\xe2\x94\x83", b"\xe2\x95\x91", b",")
_HEAVY: Final = b"\xe2\x94\x83"
_LIGHT: Final = b"\xe2\x94\x82"
"""Boxes have heavy strokes around heads and light ones below."""
_BELOW_HEADS: Final = {_HEAVY: _LIGHT, b"||": b"|", b"!!": b"||"}
"""Delimiters of heads that are not those of the rows: of boxes, of Confluence, of MediaWiki."""
_TEX_ENDS, _LONGEST_TEX_END = b"\\\\", 34
_AMPERSAND: Final = b" & "
_RULER: Final = re.compile(
    rb"(?:[-+=|: \t\r]|\xe2[\x94\x95][\x80-\xbf])+"
    rb"|\s{0,64}+\\(?:hline|[a-z]{1,8}rule|endhead|cline\{[^{}]{0,64}\})\s{0,64}+(?:\\hline\s{0,64})?"
)
_QUOTES_HIDE: Final = (b",", b";")
_QUOTED_CELL: Final = re.compile(rb'"[^"\n]*"')
_VALUE_NEXT: Final = re.compile(rb'\A[^;\t|,\n]{0,256}+[;\t|,] {0,64}+"?[A-Za-z]{0,4} ?[0-9](?:[ ./\-]?[0-9]){6}')
"""In a row of a name and its number, no column is headed."""
_LONGEST_LINE: Final = 4096
_MOST_CELLS: Final = 2000
_MOST_WORDS: Final = 256
"""So many of the words are looked at; what heads a column comes early."""
LOOSE: Final = -2
_LOOKED_THROUGH: Final = 8192
_TUPLES: Final = b"("
"""The delimiter of a table whose rows are tuples."""
_INTO: Final = b"into"
_LONGEST_NAME: Final = 240
"""So far before the list of columns stands `into`, and the name of the table between."""
_VALUES: Final = re.compile(rb"\)\s{0,16}(?:output[^()]{0,80})?values?\s{0,64}(?=\()", re.IGNORECASE)
_STATEMENT_END: Final = re.compile(rb"\)[ \t]{0,16}(?:;|\r?\n(?![ \t]{0,16}[,(])|\x00)")
_QUOTED: Final = re.compile(rb"'(?:[^'\\]|\\.?|'')*+(?:'|\Z)?|\"[^\"]*+\"?", re.DOTALL)
"""One that is not closed goes to the end: so it is read once."""
_ROW: Final = re.compile(rb"\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_NAME_ENDS: Final = re.compile(rb"[();]")
_MOST_PARENTHESES: Final = 8


class Table(NamedTuple):
    """A column: where its table lies in the text, how its lines are cut, and which cell it is.

    The delimiter of tuples is the parenthesis that opens them.
    """

    start: int
    end: int
    delimiter: bytes
    cell: int
    layout: Layout | None = None
    """What tells the columns of a table that nothing delimits."""
    loose: bool = False
    """Whether it may as well be sentences: they have as many commas as one another, now and then."""


class Columns:
    """The columns whose heads hold one of some words, given by the ends of those. No table lies within another."""

    __slots__ = ("_data", "_starts", "_tables")

    def __init__(self, data: bytes, ends: Iterable[int], layouts: dict[int, Layout | None] | None = None) -> None:
        self._data = data
        self._tables = sorted(tables(data, ends, {} if layouts is None else layouts), key=attrgetter("start"))
        self._starts = [table.start for table in self._tables]

    def hold(self, start: int) -> bool:
        """Tell whether what begins at `start` stands in one of the columns."""
        return self.cell(start) > 0

    def cell(self, start: int, end: int = 0) -> int:
        """Return where the cell begins that holds `start`, if it is of one of the columns.

        `end` is where the value ends that begins there.

        0 stands for a cell of such a table, but of another column; `LOOSE` for one of what may be no table; -1 for what
        is in none of the tables.
        """
        other = -1
        last = bisect_right(self._starts, start)
        first = bisect_left(self._starts, self._starts[last - 1]) if last else 0
        for table in self._tables[first:last]:
            if start < table.end:
                cuts, begin = _place(self._data, table, start, end)
                if cuts == table.cell:
                    return begin
                other = other if other == 0 else LOOSE if table.loose else 0
        return other

    def is_cell(self, start: int, end: int) -> bool:
        """Tell whether a value begins where a head does in a table of fixed width, and so does what follows it."""
        last = bisect_right(self._starts, start)
        table = self._tables[last - 1] if last else None
        if table is None or table.layout is None or start >= table.end:
            return False
        line = max(_line_start(self._data, start), table.start)
        rest = self._data[end : end + _LONGEST_LINE]
        follows = end + len(rest) - len(rest.lstrip(b" "))
        return table.layout.begins(self._data, line, start) and table.layout.begins(self._data, line, follows)

    def reaches(self) -> list[tuple[int, int]]:
        """Return where the tables lie, as far as they are looked through for what no probe tells."""
        return [(table.start, min(table.end, table.start + _LOOKED_THROUGH)) for table in self._tables]

    @staticmethod
    def cells(data: bytes, table: Table) -> Iterator[tuple[int, bytes]]:
        """Yield a column's cells, each with its place in the text; so many at most."""
        if table.delimiter == _TUPLES:
            yield from _cells(data, table)
            return
        if table.delimiter == _TAGS:
            yield from html_tables.cells(data, table.start, table.end, table.cell)
            return
        at = table.start
        for line in islice(data[table.start : table.end].split(b"\n"), _MOST_CELLS):
            parts = line.split(table.delimiter, table.cell + 1)
            if len(parts) > table.cell:
                yield at + sum(map(len, parts[: table.cell])) + table.cell, parts[table.cell]
            at += len(line) + 1


def tables(data: bytes, ends: Iterable[int], layouts: dict[int, Layout | None] | None = None) -> list[Table]:
    """Return the columns that the words head, at most so many.

    Tables that nothing delimits are looked for where `layouts` is given: it keeps them by where their heads begin.

    >>> tables(b"nom;siren\\nA;1\\nB;2\\nfin", [9])
    [Table(start=10, end=17, delimiter=b';', cell=1, layout=None, loose=False)]
    """
    found: list[Table] = []
    heading = stop = below = -1
    opened, values = -1, (-1, -1)
    delimiter, cuts = b"", 0
    drawn: Layout | None = None
    row: html_tables.Row | None = None
    for end in islice(ends, _MOST_WORDS):
        word = end - 2
        if stop < word < below or values[0] <= word < values[1]:
            continue
        if row is None or not row.start < word < row.below:
            row = html_tables.row_of(data, word)
        if row is not None and row.end > row.below:
            found.append(Table(row.below, row.end, _TAGS, html_tables.ordinal(data, row.start, word)))
            heading, stop, below = -1, row.below, row.end
            continue
        start = _line_start(data, word)
        into = _into(data, word)
        if into >= 0:
            if into != opened:
                opened, values = into, _tuples(data, word)
            if values[1] > values[0]:
                found.append(Table(*values, _TUPLES, data.count(b",", into, word)))
                continue
        if word - start >= _LONGEST_LINE:
            continue
        if start != heading:
            heading, stop = start, _line_end(data, word)
            delimiter, cuts = _cut(data, start, stop)
            below = _below(data, stop, delimiter, cuts) if cuts else stop
            below = stop if cuts == 1 and _VALUE_NEXT.match(data[word:stop]) is not None else below
            drawn = _drawn(data, start, stop, layouts) if below == stop else None
            below = drawn.end if drawn is not None else below
        if drawn is not None:
            found.append(Table(drawn.start, drawn.end, b"", drawn.head(data, start, word), drawn))
        elif below > stop:
            cell = _count(data, delimiter, start, word)
            loose = delimiter == b"," and data.find(b", ", start, stop) >= 0
            found.append(Table(stop + 1, below, _BELOW_HEADS.get(delimiter, delimiter), cell, loose=loose))
    return found


def _drawn(data: bytes, start: int, stop: int, layouts: dict[int, Layout | None] | None) -> Layout | None:
    if layouts is None:
        return None
    if start not in layouts:
        layouts[start] = layout(data, start, stop)
    return layouts[start]


def _place(data: bytes, table: Table, start: int, end: int) -> tuple[int, int]:
    """Return how many cells stand before the one that holds `start` in its row, and where that one begins."""
    if table.layout is not None:
        line = max(_line_start(data, start), table.start)
        return table.layout.column(data, line, start, max(start + 1, end)), max(
            line, data.rfind(b"  ", line, start) + 2
        )
    if table.delimiter == _TAGS:
        return html_tables.place(data, table.start, start)
    if table.delimiter != _TUPLES:
        line = max(_line_start(data, start), table.start)
        return _count(data, table.delimiter, line, start), max(line, data.rfind(table.delimiter, line, start) + 1)
    opened = _row_start(data, max(table.start, start - _LONGEST_LINE), start)
    if opened < 0:
        return -1, start
    row = _QUOTED.sub(_blanks, data[opened:start])
    return row.count(b","), opened + max(row.rfind(b","), 0) + 1


def _row_start(data: bytes, low: int, start: int) -> int:
    """Return where the tuple opens that holds `start`: a parenthesis after a comma, or the first one; -1 if none."""
    at = start
    for _ in range(_MOST_PARENTHESES):
        at = data.rfind(b"(", low, at)
        if at <= low:
            return at
        if data[max(low, at - 64) : at].rstrip()[-2:] == b"),":
            return at
    return -1


def _into(data: bytes, word: int) -> int:
    """Return where the list of columns opens that a word stands in, if rows are inserted into those; else -1."""
    opened = word
    low = max(0, word - _LONGEST_LINE)
    for _ in range(_MOST_PARENTHESES):
        opened = data.rfind(b"(", low, opened)
        if opened < 0 or data.count(b")", opened, word) >= data.count(b"(", opened, word):
            return -1
        before = data[max(0, opened - _LONGEST_NAME) : opened].lower()
        into = before.rfind(_INTO)
        if into >= 0 and _NAME_ENDS.search(before, into) is None:
            return opened
    return -1


def _tuples(data: bytes, word: int) -> tuple[int, int]:
    """Return where the tuples begin and end that follow a list of columns; the same place twice if there are none."""
    head = _VALUES.search(data, word, word + _LONGEST_LINE)
    if head is None or data.find(b";", word, head.start()) >= 0:
        return word, word
    last = _STATEMENT_END.search(data, head.end())
    return head.end(), last.start() + 1 if last else len(data)


def _cells(data: bytes, table: Table) -> Iterator[tuple[int, bytes]]:
    """Yield the cells of a column of tuples, without their quotes."""
    hidden = _QUOTED.sub(_blanks, data[table.start : table.end])
    for row in islice(_ROW.finditer(hidden), _MOST_CELLS):
        parts = row[1].split(b",", table.cell + 1)
        if len(parts) > table.cell:
            start = table.start + row.start(1) + sum(map(len, parts[: table.cell])) + table.cell
            cell = data[start : start + len(parts[table.cell])]
            bare = cell.lstrip(b" \t\r\n'\"")
            yield start + len(cell) - len(bare), bare.rstrip(b" \t\r\n'\"")


def _blanks(quoted: re.Match[bytes]) -> bytes:
    return b" " * len(quoted[0])


def _cut(data: bytes, start: int, stop: int) -> tuple[bytes, int]:
    """Return the delimiter that cuts a line, and how often."""
    tex_end = data.rfind(_TEX_ENDS, max(start, stop - _LONGEST_TEX_END), stop)
    if tex_end >= 0 and data.find(b"&", tex_end, stop) < 0:
        return _AMPERSAND, data.count(_AMPERSAND, start, stop)
    first = data[start : start + 2]
    if first == b"||" or (first[:1] == b"!" and data.find(b"!!", start, stop) >= 0):
        delimiter = b"||" if first == b"||" else b"!!"
        return delimiter, data.count(delimiter, start, stop)
    for delimiter in _DELIMITERS:
        cuts = _count(data, delimiter, start, stop)
        if cuts:
            return delimiter, cuts
    return b"", 0


def _count(data: bytes, delimiter: bytes, start: int, stop: int) -> int:
    """Return how often a delimiter stands in a part of a line, those in quotes left out."""
    count = data.count(delimiter, start, stop)
    if count and delimiter in _QUOTES_HIDE and data.find(b'"', start, stop) >= 0:
        return _QUOTED_CELL.sub(b"", data[start:stop]).count(delimiter)
    return count


def _below(data: bytes, stop: int, delimiter: bytes, cuts: int) -> int:
    """Return where the lines end that follow one and are cut as often; `stop` where none is. Rulers stand between."""
    delimiter = _BELOW_HEADS.get(delimiter, delimiter)
    at = end = stop
    while at < len(data) - 1 and data[at] == 10:
        line = at + 1
        at = _line_end(data, line)
        if _count(data, delimiter, line, at) == cuts:
            end = at
        elif _RULER.fullmatch(data, line, at) is None:
            break
    return end


def _line_start(data: bytes, at: int) -> int:
    low = max(0, at - _LONGEST_LINE)
    return max(data.rfind(b"\n", low, at), data.rfind(b"\x00", low, at), low - 1) + 1


def _line_end(data: bytes, at: int) -> int:
    high = min(len(data), at + _LONGEST_LINE)
    ends = [end for sign in (b"\n", b"\x00") if (end := data.find(sign, at, high)) >= 0]
    return min(ends, default=high)

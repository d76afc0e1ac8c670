"""`ledger export`: every attempt, as CSV or JSON lines, in bounded memory.

A level is given as its word; a number that is no level stays as it is. A cell of CSV that a spreadsheet would run as a
formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import orjson

from douane.control.ledger_report import FOREVER_US
from douane.core.label import Level
from douane.ports import LedgerReader

_FLAGS: Final = frozenset({"premises", "settles"})
_LEVELS: Final = {int(level): level.word for level in Level}


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def export(reader: LedgerReader, form: Format, *, since_us: int = 0, until_us: int = FOREVER_US) -> Iterator[str]:
    """Yield the export line by line, line ends included. Unknown is null in JSON, empty in CSV."""
    rows = ({**row, "level": _LEVELS.get(row["level"], row["level"])} for row in reader.attempts(since_us, until_us))
    return _csv(rows) if form is Format.CSV else (orjson.dumps(row).decode() + "\n" for row in rows)


def _csv(rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([_cell(name, value) for name, value in row.items()])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return int(value) if name in _FLAGS and value is not None else value

"""After a run, the ledger is read back, without Douane's own reader: is every request there, settled once, chained?"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import orjson

from bench.row import Row

GENESIS = "0" * 64


def cases(data: Path, sent: int, command: str) -> Iterator[Row]:
    """Compare the ledger of a data folder, whose gateway has ended, with what the generator counted."""
    uri = f"file:{data / 'douane.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as store:
        settled = _one(store, "select count(*) from requests")
        yield Row(
            "requests that only the ledger or only the generator counted",
            abs(settled - sent),
            "",
            0,
            note=f"{settled:,}",
        )
        open_left = _one(store, "select count(*) from open_requests")
        yield Row("requests left unsettled", open_left, "", 0)
        twice = _one(
            store,
            "select count(*) from (select 1 from attempts where settles group by request_id having count(*) <> 1)",
        )
        without = _one(
            store,
            "select count(*) from requests where state <> 'refused'"
            " and request_id not in (select request_id from attempts)",
        )
        yield Row("requests settled more than once, or without an attempt", twice + without, "", 0)
        receipts, breaks = _walk(store)
        yield Row("breaks in the chain of receipts", breaks, "", 0, note=f"{receipts:,} receipts, recomputed")
        states = store.execute("select state, count(*) from requests group by state order by 2 desc").fetchall()
        tokens = _one(store, "select coalesce(sum(input_tokens + output_tokens), 0) from attempts")
        rolled = _one(store, "select coalesce(sum(input_tokens + output_tokens), 0) from usage_hours")
        yield Row(
            "tokens of all attempts less those of the roll-ups",
            abs(tokens - rolled),
            "",
            0,
            note=", ".join(f"{state} {count:,}" for state, count in states),
        )
    verdict = subprocess.run(
        [*command.split(), "ledger", "verify", "--data", str(data)], capture_output=True, check=False
    )
    yield Row("exit status of `douane ledger verify`", verdict.returncode, "", 0)


def _one(store: sqlite3.Connection, query: str) -> int:
    return int(store.execute(query).fetchone()[0])


def _walk(store: sqlite3.Connection) -> tuple[int, int]:
    """Recompute every hash; count receipts, and those that don't follow from the one before or the stored head."""
    receipts = breaks = 0
    heads = dict(store.execute("select id, last_hash from chains").fetchall())
    rows = store.execute("select chain, seq, hash, body from receipts order by chain, seq")
    for name, chain in groupby(rows, key=lambda row: row[0]):
        before = GENESIS
        for expected, (_, seq, stored, body) in enumerate(chain, 1):
            text = body if isinstance(body, bytes) else body.encode()
            receipts += 1
            breaks += orjson.loads(text)[3] != before or sha256(text).hexdigest() != stored or seq != expected
            before = stored
        breaks += heads.get(name) != before
    return receipts, breaks

"""`ledger verify`: does the ledger still prove what it says? (law 4)

Checked, on one consistent view: every chain from its first record to its stored head; the stored roll-ups against the
sums of the chained records; every column of the rows of attempts, requests and open requests against the record that
made it. The rows are those that an export prints.
Whoever can rewrite the whole database can rewrite its chain: to exclude that, keep the head of `heads` elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from douane.core.reason import Reason
from douane.core.receipt import Record
from douane.core.traffic.ledger import ChainHead, advance, difference, ends, roll_up
from douane.ports import Audit, LedgerReader, RowAudit


class _Broken(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.fact)
        self.reason = reason


def verify(reader: LedgerReader) -> dict[str, Any]:
    """Return the verdict, `sound` or `broken`, the heads of all chains, and the reason of the first break."""
    with reader.audit() as audit:
        heads = audit.heads()
        reason = _examine(audit, heads)
    return {
        "verdict": "sound" if reason is None else "broken",
        "heads": [{"chain": head.chain, "records": head.seq, "hash": head.hash} for head in heads],
        "reasons": [] if reason is None else [reason.as_dict()],
    }


def _examine(audit: Audit, heads: tuple[ChainHead, ...]) -> Reason | None:
    rows = audit.rows()
    try:
        chained = roll_up(_walk(audit, heads, rows))
    except _Broken as broken:
        return broken.reason
    reason = difference(chained, audit.roll_ups(), "the chained records")
    if reason is not None:
        return reason
    count, first = rows.astray()
    if not count:
        return None
    return Reason(
        "rows_astray",
        "Every record has its row, and every row says what its record says.",
        f"{first}; rows astray besides: {count - 1}." if count > 1 else f"{first}.",
        "Restore the data folder from a backup; find what wrote to it besides Douane.",
    )


def _walk(audit: Audit, heads: tuple[ChainHead, ...], rows: RowAudit) -> Iterator[Record]:
    for stored in heads:
        head = ChainHead(stored.chain)
        for seq, stored_hash, body in audit.receipts(stored.chain):
            step = advance(head, seq, stored_hash, body)
            if isinstance(step, Reason):
                raise _Broken(step)
            head, record = step
            rows.take(seq, record)
            yield record
        reason = ends(head, stored)
        if reason is not None:
            raise _Broken(reason)

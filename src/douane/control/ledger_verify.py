"""`ledger verify`: does the ledger still prove what it says? (law 4)

Checked, on one consistent view: every chain from its first record to its stored head; the sum of chained records, the
sum of rows and the stored roll-ups against each other; that no request settles twice and none is lost.
Whoever can rewrite the whole database can rewrite its chain: to exclude that, keep the head of `heads` elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from douane.core.reason import Reason
from douane.core.receipt import Record
from douane.core.traffic.ledger import ChainHead, advance, difference, ends, roll_up
from douane.ports import Audit, LedgerReader


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
    try:
        chained = roll_up(_walk(audit, heads))
    except _Broken as broken:
        return broken.reason
    stored = audit.roll_ups()
    reason = difference(chained, stored, "the chained records") or difference(audit.rows(), stored, "the rows")
    if reason is not None:
        return reason
    for what, count in audit.strays().items():
        if count:
            return Reason(
                "rows_astray",
                "A request settles once, and every record has its row.",
                f"There are {count} {what}.",
                "Restore the data folder from a backup; find what wrote to it besides Douane.",
            )
    return None


def _walk(audit: Audit, heads: tuple[ChainHead, ...]) -> Iterator[Record]:
    for stored in heads:
        head = ChainHead(stored.chain)
        for seq, stored_hash, body in audit.receipts(stored.chain):
            step = advance(head, seq, stored_hash, body)
            if isinstance(step, Reason):
                raise _Broken(step)
            head, record = step
            yield record
        reason = ends(head, stored)
        if reason is not None:
            raise _Broken(reason)

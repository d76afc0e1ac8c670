"""What waits for the ledger's writer, and what is said to those whose record cannot be written."""

from __future__ import annotations

import asyncio
from typing import Final

from douane.adapters.store.writer_link import frame
from douane.core.receipt import Record
from douane.errors import StoreFailed

DURABLE: Final = "Nothing is acknowledged that is not durable."


class Batch:
    """Records with their kinds and with the futures that wait for them; `urgent` counts the intents."""

    __slots__ = ("futures", "kinds", "records", "urgent")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.kinds: list[str] = []
        self.futures: list[asyncio.Future[None]] = []
        self.urgent = 0

    def add(self, kind: str, record: Record, future: asyncio.Future[None]) -> None:
        self.records.append(record)
        self.kinds.append(kind)
        self.futures.append(future)

    def entries(self) -> list[tuple[str, Record, asyncio.Future[None]]]:
        return list(zip(self.kinds, self.records, self.futures, strict=True))

    def framed(self, number: int) -> bytes:
        return frame(["batch", number, self.kinds, list(map(tuple, self.records))])


def fail(future: asyncio.Future[None], failure: StoreFailed) -> None:
    if not future.done():
        future.set_exception(
            StoreFailed(failure.problem, failure.fix, rule=failure.rule, retry_after_s=failure.retry_after_s)
        )
        future.exception()  # nobody has to await an outcome: that it failed is not to be logged as forgotten


def full(capacity: int) -> StoreFailed:
    return StoreFailed(
        f"The ledger has {capacity} records waiting and takes no more.",
        "Try again in a moment; where it stays so, the disk is too slow for this load.",
        rule="What cannot be recorded is not begun.",
        retry_after_s=1.0,
    )


def unfit() -> StoreFailed:
    return StoreFailed(
        "The ledger cannot record this: it contradicts what was recorded, or holds a value that has no place there.",
        "Report this: it is a fault of the gateway.",
        rule="A request settles once, an attempt is intended once.",
    )


def stopped() -> StoreFailed:
    return StoreFailed("The ledger is closed.", "Try again once the gateway runs.", rule=DURABLE)

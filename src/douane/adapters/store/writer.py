"""The ledger's writer: `python -m douane.adapters.store.writer DATABASE SESSION NOW_US`, its socket as standard input.

Rules kept here:
1. What was received whole is committed before it is acknowledged; half a message is nothing.
2. It ends when the gateway does: at the end of its input, or when its parent is another one. Signals that a terminal
   or a service manager sends to all processes do not end it: the gateway ends it last.
3. What it writes is found again: a database that was moved, removed or replaced takes no more records.
4. It keeps no queue and no state of its own beyond the book's: killed at any moment, it is started again and goes on.

Messages are a length of 4 bytes, little-endian, and a JSON array. From the gateway: ["batch", number, kinds, rows],
["spent", id, key, since_us]. To it: ["ready", recovered], ["done", number, left_out], ["failed", number, problem,
fix, rule], ["spent", id, sums], ["unknown", id]. A second process, since commits would hold the gateway's interpreter;
little is imported here, its memory counts.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
import sys
from contextlib import suppress
from typing import Any

import orjson

from douane.adapters.store.book import Book, open_book
from douane.adapters.store.failing import store_failed
from douane.errors import StoreFailed

_LOOK_MS = 2_000
_HEADER = 4


class _Ended(Exception):
    """The gateway is gone."""


def _receive(link: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = link.recv(size - len(parts))
        except ConnectionResetError:
            part = b""
        if not part:
            raise _Ended
        parts += part
    return bytes(parts)


def _next_message(link: socket.socket, poll: select.poll, parent: int) -> list[Any]:
    while not poll.poll(_LOOK_MS):
        if os.getppid() != parent:
            raise _Ended
    size = int.from_bytes(_receive(link, _HEADER), "little")
    message: list[Any] = orjson.loads(_receive(link, size))
    return message


class _Place:
    """Where a database was opened. A file that lost its name is written without an error, and read by nobody."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._file = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self._database)
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def check(self) -> None:
        """Raise StoreFailed where another file, or none, has the database's name now."""
        if self._file is None or self._identity() != self._file:
            raise StoreFailed(
                "The ledger's database is no longer where it was opened.",
                "Put the file back, or restart the gateway on the data folder as it is.",
                rule="Nothing is acknowledged that is not durable.",
            )


def _answer(book: Book, place: _Place, message: list[Any]) -> list[Any]:
    if message[0] == "spent":
        try:
            return ["spent", message[1], book.spent_micro(message[2], message[3])]
        except sqlite3.Error:
            return ["unknown", message[1]]
    _, number, kinds, rows = message
    try:
        place.check()
        return ["done", number, book.apply(number, kinds, rows)]
    except sqlite3.Error as cause:
        return _failed(number, store_failed("written", cause))
    except StoreFailed as failure:
        return _failed(number, failure)


def _failed(number: int, failure: StoreFailed) -> list[Any]:
    return ["failed", number, failure.problem, failure.fix, failure.rule]


def _send(link: socket.socket, message: list[Any]) -> None:
    body = orjson.dumps(message)
    with suppress(BrokenPipeError, ConnectionResetError):  # whoever is gone may have sent more before: read to the end
        link.sendall(len(body).to_bytes(_HEADER, "little") + body)


def serve(link: socket.socket, database: str, session: str, now_us: int) -> None:
    """Recover, then apply batches until the gateway is gone."""
    parent = os.getppid()
    poll = select.poll()
    poll.register(link, select.POLLIN)
    try:
        connection = open_book(database)
        place = _Place(database)
        book = Book(connection, session)
        recovered = book.recover(now_us)
    except sqlite3.Error as cause:
        _send(link, _failed(0, store_failed("opened", cause)))
        return
    except StoreFailed as failure:
        _send(link, _failed(0, failure))
        return
    try:
        _send(link, ["ready", recovered])
        while True:
            _send(link, _answer(book, place, _next_message(link, poll, parent)))
    except _Ended:
        connection.close()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as standard_input:
        serve(standard_input, sys.argv[1], sys.argv[2], int(sys.argv[3]))

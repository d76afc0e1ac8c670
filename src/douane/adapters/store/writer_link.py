"""Starts the ledger's writer and carries messages to and from it; what they mean is `sqlite_ledger`'s matter."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from typing import Any, Final, Protocol, cast

import orjson

from douane.adapters.store.directory import DataDirectory, module_command

_HEADER: Final = 4


class Listener(Protocol):
    """Who hears from a writer."""

    def on_message(self, link: WriterLink, message: list[Any]) -> None:
        """Take one message."""

    def on_lost(self, link: WriterLink) -> None:
        """Learn that no more will come: the writer is gone, or was told to go."""


def frame(message: list[Any]) -> bytes:
    """Return a message as it travels; TypeError for a value that has no JSON form."""
    body = orjson.dumps(message)
    return len(body).to_bytes(_HEADER, "little") + body


class WriterLink(asyncio.Protocol):
    """One writer process and the socket to it."""

    def __init__(self, listener: Listener, process: subprocess.Popen[bytes], ours: socket.socket) -> None:
        self._listener = listener
        self._process = process
        self._socket = ours
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    def spawn(cls, listener: Listener, directory: DataDirectory, session: str, now_us: int) -> WriterLink:
        """Start a writer, in a session of its own, with the lock of the data directory. `connect` comes next."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        with its:
            process = subprocess.Popen(  # noqa: S603 - our own module
                module_command(
                    "douane.adapters.store.writer", str(directory.database.absolute()), session, str(now_us)
                ),
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=(directory.lock_fd,),
                start_new_session=True,
                cwd="/",
            )
        return cls(listener, process, ours)

    async def connect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to carry messages."""
        await loop.create_unix_connection(lambda: self, sock=self._socket)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, framed: bytes) -> None:
        """Send what `frame` returned; dropped where the writer is gone (`on_lost` tells)."""
        if self._transport is not None:
            self._transport.write(framed)

    def close(self) -> None:
        """Let the writer finish what it has and end."""
        if self._transport is not None:
            self._transport.close()

    def reap(self, patience_s: float) -> None:
        """Wait until the process is gone; kill it after `patience_s`. Blocks."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are none by inheritance

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEADER:
            end = _HEADER + int.from_bytes(buffer[:_HEADER], "little")
            if len(buffer) < end:
                return
            message = orjson.loads(bytes(buffer[_HEADER:end]))
            del buffer[:end]
            self._listener.on_message(self, message)

    def connection_lost(self, _cause: Exception | None) -> None:
        self._transport = None
        self._listener.on_lost(self)

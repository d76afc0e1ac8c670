"""A client at the gateway's own door: a head and a body in, and whatever the sink received out. No socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from douane.wire.head import Head, Headers


def post(path: str, secret: str, headers: Mapping[str, str] | None = None) -> Head:
    """Return the head of a POST with a bearer key."""
    pairs = [(b"authorization", f"Bearer {secret}".encode()), (b"content-type", b"application/json")]
    pairs += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return Head("POST", path, b"", pairs, "127.0.0.1")


class GivenBody:
    """A body that is there."""

    def __init__(self, value: Any) -> None:
        """`value` is sent as it is where it is bytes, else as JSON."""
        self._data = value if isinstance(value, bytes) else orjson.dumps(value)

    async def read(self) -> bytes:
        return self._data


class RecordingSink:
    """The `Sink` port: keeps what it is given. `ended` tells a clean end from a cut."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.data = b""
        self.ended = False
        self.was_cut = False
        self._started = False

    @property
    def started(self) -> bool:
        return self._started

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        await self.start(status, headers)
        self.data = body
        self.ended = True

    async def start(self, status: int, headers: Headers) -> None:
        assert not self._started, "an answer begins once"
        self._started = True
        self.status = status
        self.headers = {name.decode(): value.decode() for name, value in headers}

    async def write(self, data: bytes) -> None:
        assert self._started, "nothing is written before the head"
        assert not self.ended, "nothing is written after the end"
        self.data += data

    async def end(self) -> None:
        self.ended = True

    def cut(self) -> None:
        self.was_cut = not self.ended

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def events(self) -> list[Any]:
        """The JSON of each `data:` line, `[DONE]` as that word."""
        lines = [line[6:] for line in self.data.split(b"\n") if line.startswith(b"data: ")]
        return ["[DONE]" if line == b"[DONE]" else orjson.loads(line) for line in lines]

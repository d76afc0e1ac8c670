"""A client that is nobody's SDK: it sends the bytes it is given, and says what came back and how it ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE_S = 30.0
CHAT = "/v1/chat/completions"
IBAN = "Pay FR14 2004 1010 0505 0001 3M02 606"
"""Confidential: it may go to the premises alone."""


@dataclass
class Heard:
    """All that came on a connection. `reset`: it ended by a TCP reset."""

    raw: bytes = b""
    reset: bool = False

    @property
    def began(self) -> bool:
        """Tell whether an answer's head and the first byte of its body are here."""
        return bool(self.raw.partition(b"\r\n\r\n")[2])

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; of a repeated one the last."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    @property
    def body(self) -> bytes:
        return self._read()[0]

    @property
    def whole(self) -> bool:
        """Tell whether the answer ended as its framing says: what a careful client takes for complete."""
        return self._read()[1]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[bytes]:
        """Return the data of each event of a stream."""
        return [event.removeprefix(b"data: ") for event in self.body.split(b"\n\n") if event.startswith(b"data: ")]

    def _read(self) -> tuple[bytes, bool]:
        head, end, rest = self.raw.partition(b"\r\n\r\n")
        if not end:
            return b"", False
        if b"transfer-encoding: chunked" in head.lower():
            return _unchunked(rest)
        declared = re.search(rb"content-length: (\d+)", head.lower())
        return rest, declared is not None and len(rest) == int(declared.group(1))


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return b"".join(parts), False
        size = int(line, 16)
        if size == 0:
            return b"".join(parts), rest == b"\r\n"
        parts.append(rest[:size])
        if len(rest) < size + 2:
            return b"".join(parts), False
        rest = rest[size + 2 :]


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def post(
    body: bytes, key: str | None, *more: str, path: str = CHAT, host: str = "127.0.0.1", close: bool = True
) -> bytes:
    """Return a request's bytes; `more` are further header lines."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key is not None else []
    lines += ["Connection: close"] if close else []
    return "\r\n".join((*lines, *more, "", "")).encode("latin-1") + body


def get(path: str, key: str | None = None) -> bytes:
    given = f"Authorization: Bearer {key}\r\n" if key is not None else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{given}\r\n".encode()


def chat(text: str, *, stream: bool = False, model: str = "chat", **fields: Any) -> bytes:
    """Return the body of a chat request."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    if stream:
        body["stream"] = True
    return orjson.dumps(body)


def once(event: asyncio.Event) -> Callable[[Heard], None]:
    """Return what sets the event when anything is heard: a `news` for `talk`."""
    return lambda _heard: event.set()


async def talk(port: int, *parts: bytes, news: Callable[[Heard], None] | None = None, eof: bool = False) -> Heard:
    """Send `parts`, one write each, and read to the end of the connection; `news` hears of each arrival.

    `eof` closes the sending side. An ending by reset is told, not raised; silence of 30 seconds is an error.
    """
    heard = Heard()
    async with asyncio.timeout(PATIENCE_S):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            heard.reset = True
            return heard
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            if eof:
                writer.write_eof()
            while data := await reader.read(1 << 16):
                heard.raw += data
                if news is not None:
                    news(heard)
        except ConnectionError:
            heard.reset = True
            await _left(reader, heard)
        finally:
            writer.close()
    return heard


async def _left(reader: asyncio.StreamReader, heard: Heard) -> None:
    """Take what had arrived before a write failed."""
    try:
        heard.raw += await reader.read()
    except ConnectionError:
        return

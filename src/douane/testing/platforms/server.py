"""A small HTTP/1.1 server on the loopback, for the platforms beside it. For tests: it trusts its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered: in one piece, or with `stream` chunked, each part a chunk of its own."""

    status: int
    parts: tuple[bytes, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


class Platform(Protocol):
    """What a platform answers. No I/O."""

    def respond(self, request: Request) -> Response: ...


class LocalServer:
    """Serves one platform on a free port of 127.0.0.1, and keeps what it was asked.

    >>> async def example(platform: Platform) -> int:
    ...     async with LocalServer(platform) as server:
    ...         return server.port
    """

    def __init__(self, platform: Platform) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self._platform = platform
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                await _write(writer, self._platform.respond(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, response: Response) -> None:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    headers = {"content-type": "application/json", **response.headers}
    if response.stream:
        headers = {**headers, "content-type": "text/event-stream", "transfer-encoding": "chunked"}
    else:
        headers["content-length"] = str(len(response.body))
    lines += [f"{name}: {text}" for name, text in headers.items()]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    if response.stream:
        for part in response.parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    else:
        writer.write(response.body)
    await writer.drain()

"""How a child is spoken to: four bytes of length, then so many bytes; an owner and a body in, one JSON answer out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import orjson


def frame(payload: bytes) -> bytes:
    """Return a payload with its length before it."""
    return len(payload).to_bytes(4, "big") + payload


def received(source: BinaryIO) -> bytes | None:
    """Return the next frame, or None where the input ends."""
    head = source.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    body = source.read(length)
    return body if len(body) == length else None


def serve(source: BinaryIO, sink: BinaryIO, answer: Callable[[str, bytes], Any]) -> None:
    """Be the child: answer each body of an owner until the input ends. What errs is told by its type alone (law 9)."""
    while (owner := received(source)) is not None and (body := received(source)) is not None:
        try:
            told = answer(owner.decode(), body)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever is raised becomes a Failure upstairs
            told = {"error": type(error).__name__}
        sink.write(frame(orjson.dumps(told)))
        sink.flush()

"""What runs in the inspector's child: `python -m douane.adapters.inspector.worker`. Frames in, frames out; see `child`.

Nothing is written to standard error: a traceback may hold content (law 9). Memory is bounded: what takes more to read
is a Failure, and so is a child that the bound ended.
"""

from __future__ import annotations

import resource
import sys
from base64 import b64decode
from typing import Any, BinaryIO, Final

import orjson

from douane.core.finding import Inspection
from douane.detect.scanner import Scanner
from douane.detect.settings import settings_of

MAX_MEMORY_BYTES: Final = 1024 * 1024 * 1024


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every frame until the input ends."""
    greeting = _read(source)
    if greeting is None:
        return
    fields = orjson.loads(greeting)
    scanner = Scanner.of(settings_of(fields), tuple(map(b64decode, fields["compiled"])))
    while (owner := _read(source)) is not None and (body := _read(source)) is not None:
        answer = orjson.dumps(_answer(scanner, body, owner.decode()))
        sink.write(len(answer).to_bytes(4, "big") + answer)
        sink.flush()


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    body = source.read(length)
    return body if len(body) == length else None


def _answer(scanner: Scanner, body: bytes, owner: str) -> dict[str, Any]:
    try:
        return as_fields(scanner.scan(orjson.loads(body), owner))
    except Exception as error:  # noqa: BLE001 - the worker loop: whatever a detector raises becomes a Failure upstairs
        return {"error": type(error).__name__}


def as_fields(inspection: Inspection) -> dict[str, Any]:
    """Return an inspection as JSON; findings as arrays in the order of their fields."""
    return {
        "findings": [
            (f.type, f.pointer, f.start, f.end, f.confidence, f.detector, f.detail) for f in inspection.findings
        ],
        "layers": inspection.layers,
        "detectors": inspection.detectors,
        "cut": inspection.cut,
        "chars": inspection.chars,
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    serve(sys.stdin.buffer, sys.stdout.buffer)

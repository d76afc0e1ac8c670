"""What runs in the inspector's child: `python -m douane.adapters.inspector.worker`; see `frames`.

Nothing is written to standard error: a traceback may hold content (law 9). Memory is bounded: what takes more to read
is a Failure, and so is a child that the bound ended.
"""

from __future__ import annotations

import resource
import sys
from base64 import b64decode
from typing import Any, Final

import orjson

from douane.adapters.inspector.frames import received, serve
from douane.adapters.inspector.installed import loaded
from douane.core.finding import Inspection
from douane.detect.scanner import Scanner
from douane.detect.settings import settings_of

MAX_MEMORY_BYTES: Final = 1024 * 1024 * 1024


def main() -> None:
    """Answer every frame until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    source = sys.stdin.buffer
    greeting = received(source)
    if greeting is None:
        return
    fields = orjson.loads(greeting)
    scanner = Scanner.of(settings_of(fields, loaded), tuple(map(b64decode, fields["compiled"])))
    serve(source, sys.stdout.buffer, lambda owner, body: as_fields(scanner.scan(orjson.loads(body), owner)))


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
    main()

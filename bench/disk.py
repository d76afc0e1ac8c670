"""What the disk takes to make a small write durable: no ledger acknowledges faster than that."""

from __future__ import annotations

import os
import time
from pathlib import Path


def durable_writes_ms(folder: Path, count: int) -> list[float]:
    """Append 8 KB and wait until it is durable, `count` times; return each wait in milliseconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path, waits = folder / "durable", []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(8192))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            waits.append((time.perf_counter() - begin) * 1e3)
    path.unlink()
    return waits

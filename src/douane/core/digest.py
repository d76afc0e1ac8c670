"""Digests and canonical bytes. Everything that is hashed, chained or signed is serialised here, one way."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data`, as 64 hexadecimal digits."""
    return sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of plain values (dict, list, str, int, bool, None): sorted keys, no spaces.

    Equal to RFC 8785 for these types where keys are ASCII; floats do not belong into what is hashed.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

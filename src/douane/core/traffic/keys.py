"""Virtual keys as the store keeps them, and the secrets that open them.

A secret is `dn-`, 43 URL-safe characters of 256 random bits, `-`, and 6 hexadecimal digits of a CRC over all before:
scanners find it in a repository and tell it from a look-alike. Only its SHA-256 is kept.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from douane.core.traffic.snapshot import Key

SECRET_BYTES: Final = 32
_PREFIX: Final = "dn-"
_LENGTH: Final = 3 + 43 + 1 + 6


def secret_of(chance: bytes) -> str:
    """Return the secret made of 32 random bytes.

    >>> secret_of(bytes(32))
    'dn-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-963a7e'
    """
    if len(chance) != SECRET_BYTES:
        raise ValueError("a secret takes 32 random bytes")
    body = _PREFIX + urlsafe_b64encode(chance).decode().rstrip("=")
    return f"{body}-{_check(body)}"


def is_secret(text: str) -> bool:
    """Tell whether a text has the form of a secret, its check digits included."""
    return len(text) == _LENGTH and text.startswith(_PREFIX) and text[-7] == "-" and text[-6:] == _check(text[:-7])


def _check(body: str) -> str:
    return f"{crc32(body.encode()) & 0xFFFFFF:06x}"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key of the store: what it allows, when it was made and withdrawn (Unix microseconds)."""

    key: Key
    created_us: int
    revoked_us: int | None = None

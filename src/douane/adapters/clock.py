"""The machine's clock, and identifiers made from it and from the operating system's randomness."""

from __future__ import annotations

import random
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class SystemClock:
    """The `Clock` port on the machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        return time.monotonic()


class RandomIds:
    """The `Ids` port: `req_` and 26 characters of Crockford's base 32, 50 bits of time before 80 of randomness.

    The random part counts up from a secret start within a process: unique without a system call for each request.
    """

    def __init__(self) -> None:
        self._counter = secrets.randbits(80)
        self._step = secrets.randbits(40) | 1
        self._random = random.Random(secrets.randbits(128))  # noqa: S311 - weights and back-off, not secrets

    def request_id(self) -> str:
        self._counter = (self._counter + self._step) & ((1 << 80) - 1)
        return "req_" + encode32((time.time_ns() // 1000 << 80) | self._counter)

    def chance(self) -> float:
        return self._random.random()


def encode32(number: int) -> str:
    """Return 26 characters of base 32 for a number below 2^130."""
    packed = number.to_bytes(17, "big").hex()
    value = int(packed, 16)
    return "".join([_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)])

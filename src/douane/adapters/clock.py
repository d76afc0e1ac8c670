"""The machine's clock, and identifiers made from it and from the operating system's randomness."""

from __future__ import annotations

import random
import secrets
import time


class SystemClock:
    """The `Clock` port on the machine's clocks."""

    __slots__ = ()
    monotonic_s = staticmethod(time.monotonic)

    def now_us(self) -> int:
        return time.time_ns() // 1000


class RandomIds:
    """The `Ids` port: `req_` and 33 hexadecimal digits, 13 of the time in microseconds before 20 of chance.

    The second part counts up from a secret start within a process: unique without a system call for each request.
    """

    def __init__(self) -> None:
        self._counter = secrets.randbits(80)
        self._step = secrets.randbits(40) | 1
        self._random = random.Random(secrets.randbits(128))  # noqa: S311 - weights and back-off, not secrets

    def request_id(self) -> str:
        self._counter = (self._counter + self._step) & ((1 << 80) - 1)
        return f"req_{time.time_ns() // 1000:013x}{self._counter:020x}"

    def chance(self) -> float:
        return self._random.random()

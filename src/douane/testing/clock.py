"""A clock that stands still until told, and identifiers that count: for tests of what is built on the house."""

from __future__ import annotations


class FrozenClock:
    """The `Clock` port under the test's hand; `advance` moves both of its times."""

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = now_us
        self._monotonic_s = 1000.0

    def now_us(self) -> int:
        return self._now_us

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._now_us += int(seconds * 1_000_000)
        self._monotonic_s += seconds


class SequenceIds:
    """The `Ids` port: `req_1`, `req_2`, ...; chances from the list given, in turn, else always the same."""

    def __init__(self, chances: tuple[float, ...] = (0.0,)) -> None:
        self._made = 0
        self._chances = chances
        self._drawn = 0

    def request_id(self) -> str:
        self._made += 1
        return f"req_{self._made}"

    def chance(self) -> float:
        self._drawn += 1
        return self._chances[(self._drawn - 1) % len(self._chances)]

"""Requests and tokens per minute, concurrency and money: reserve, then settle (law 7). Pure: state in, state out.

A window of 60 seconds is kept in one-second steps and counts the running second too, so any 60 seconds whatever hold at
most the limit. What is reserved counts as used until it is settled; settling gives back what was not used in the second
where it was reserved, and charges what was used beyond it to the running second.

Money is held in the budget's currency, per calendar day or month in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

_STEPS: Final = 60
_EMPTY: Final = (0,) * _STEPS


class Window(NamedTuple):
    """What was used in the running second, and in each of the 60 before it (newest last)."""

    second: int = 0
    running: int = 0
    past: tuple[int, ...] = _EMPTY
    past_sum: int = 0

    def at(self, second: int) -> Window:
        """Return the window moved to `second`; time that goes back is ignored."""
        if second <= self.second:
            return self
        steps = second - self.second
        if steps > _STEPS:
            return Window(second)
        past = (*self.past[steps:], self.running, *((0,) * (steps - 1)))
        return Window(second, 0, past, sum(past))

    @property
    def used(self) -> int:
        return self.running + self.past_sum

    def take(self, amount: int) -> Window:
        """Use `amount` in the running second."""
        now, running, past, past_sum = self
        return Window(now, running + amount, past, past_sum)

    def correct(self, second: int, amount: int) -> Window:
        """Change what was used in an earlier `second` by `amount`, where the window still holds it; never below 0."""
        now, running, past, past_sum = self
        if second >= now:
            return Window(now, max(0, running + amount), past, past_sum)
        index = _STEPS - (now - second)
        if index < 0:
            return self
        past = (*past[:index], max(0, past[index] + amount), *past[index + 1 :])
        return Window(now, running, past, sum(past))

    @property
    def seconds_until_empty(self) -> int:
        """Return in how many seconds nothing of what was used counts any more."""
        if self.running:
            return _STEPS + 1
        if not self.past_sum:
            return 0
        return next(_STEPS - back for back, used in enumerate(reversed(self.past)) if used)

    def seconds_until(self, amount: int, limit: int) -> float:
        """Return in how many seconds `amount` would fit under `limit`; infinite where it never does."""
        if amount > limit:
            return float("inf")
        excess = self.used + amount - limit
        for index, used in enumerate((*self.past, self.running)):
            if excess <= 0:
                return float(index)
            excess -= used
        return float(_STEPS + 1)


class Purse(NamedTuple):
    """Money of one budget in its running period. `period` is its first day, as an ISO date."""

    period: str = ""
    spent_micro: int = 0
    reserved_micro: int = 0

    def at(self, period: str) -> Purse:
        """Return the purse in `period`: a new one starts with nothing spent, what is reserved stays reserved.

        A clock that goes back begins no period anew: that would forget what was spent.
        """
        return self if period <= self.period else Purse(period, 0, self.reserved_micro)

    def left_micro(self, amount_micro: int) -> int:
        return amount_micro - self.spent_micro - self.reserved_micro

    def reserve(self, cost_micro: int) -> Purse:
        return Purse(self.period, self.spent_micro, self.reserved_micro + cost_micro)

    def settle(self, reserved_micro: int, cost_micro: int) -> Purse:
        reserved = max(0, self.reserved_micro - reserved_micro)
        return Purse(self.period, self.spent_micro + cost_micro, reserved)


def period_of(now_s: int, per: str) -> str:
    """Return the first day of the UTC day or month in which `now_s` (Unix seconds) lies.

    >>> period_of(1763860000, "month")
    '2025-11-01'
    """
    return _period(now_s // 86_400, per)


@lru_cache(maxsize=8)
def _period(day_number: int, per: str) -> str:
    """Asked for with each request, and the same all day."""
    day = datetime.fromtimestamp(day_number * 86_400, UTC).date()
    return (day if per == "day" else day.replace(day=1)).isoformat()


def period_start_us(period: str) -> int:
    """Return when a period begins, in Unix microseconds."""
    return int(datetime.fromisoformat(period).replace(tzinfo=UTC).timestamp()) * 1_000_000


def period_end_s(now_s: int, per: str) -> int:
    """Return when the running period ends, in Unix seconds."""
    day = datetime.fromtimestamp(now_s, UTC)
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        return int(start.timestamp()) + 86_400
    first = start.replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(following.timestamp())

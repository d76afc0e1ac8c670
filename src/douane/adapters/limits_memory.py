"""Limits and budgets of one gateway process, in memory: the `LimitBook` port.

Held for the life of the process. What a key has spent in its running period comes from the ledger once, by `load`.
Further gateway processes would each have a book of their own: `up --workers` above 1 asks for a shared one.
"""

from __future__ import annotations

from collections.abc import Mapping

from douane.core.traffic.limits import Purse, Window, period_end_s, period_of
from douane.core.traffic.snapshot import Budget, Key
from douane.errors import BudgetExhausted, RateLimited
from douane.ports import Clock


class _Account:
    """The state of one key."""

    __slots__ = ("in_flight", "per", "purse", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = Window()
        self.tokens = Window()
        self.in_flight = 0
        self.purse = Purse()
        self.per: str | None = None

    def roll(self, now_s: int) -> Purse:
        """Return the purse in the period of now. Which period is the account's: a request may hold an older key."""
        return self.purse if self.per is None else self.purse.at(period_of(now_s, self.per))


class Hold:
    """The `Reservation` port: what one request holds."""

    __slots__ = ("_account", "_clock", "_cost_micro", "_open", "_second", "_tokens")

    def __init__(self, account: _Account, clock: Clock, second: int, tokens: int, cost_micro: int) -> None:
        self._account, self._clock = account, clock
        self._second, self._tokens, self._cost_micro = second, tokens, cost_micro
        self._open = True

    def settle(self, tokens: int, cost_micro: int) -> None:
        if not self._open:
            return
        self._open = False
        account = self._account
        account.in_flight -= 1
        if self._cost_micro or cost_micro:
            # Charged to the period in which it ended, as the ledger has it.
            purse = account.roll(self._clock.now_us() // 1_000_000)
            account.purse = purse.settle(self._cost_micro, cost_micro)
        if self._tokens >= tokens:
            account.tokens = account.tokens.correct(self._second, tokens - self._tokens)
        else:
            account.tokens = account.tokens.at(int(self._clock.monotonic_s())).take(tokens - self._tokens)

    def release(self) -> None:
        if self._open:
            self._account.requests = self._account.requests.correct(self._second, -1)
            self.settle(0, 0)


class MemoryLimits:
    """One account for each key, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def load(self, key: Key, spent_micro: int) -> None:
        """Say what a key had spent in its running period before its budget was kept here. What is held stays held."""
        if key.budget is not None:
            period = period_of(self._clock.now_us() // 1_000_000, key.budget.per)
            account = self._account(key)
            account.per = key.budget.per
            account.purse = Purse(period, spent_micro, account.purse.reserved_micro)

    def reserve(self, key: Key, tokens: int, cost_micro: int) -> Hold | RateLimited | BudgetExhausted:
        account, limits, budget = self._account(key), key.limits, key.budget
        second = int(self._clock.monotonic_s())
        most = limits.concurrent
        if most is not None and account.in_flight >= most:
            return _limited(key, "concurrent requests", most, 1.0)
        requests, most = account.requests.at(second), limits.requests_per_minute
        if most is not None and requests.used >= most:
            return _limited(key, "requests per minute", most, requests.seconds_until(1, most))
        held_tokens, most = account.tokens.at(second), limits.tokens_per_minute
        if most is not None and held_tokens.used + tokens > most:
            return _limited(key, "tokens per minute", most, held_tokens.seconds_until(tokens, most))
        if budget is not None:
            now_s = self._clock.now_us() // 1_000_000
            account.per = account.per or budget.per
            purse = account.roll(now_s)
            if cost_micro > purse.left_micro(budget.amount_micro):
                return _exhausted(key, budget, period_end_s(now_s, budget.per) - now_s)
            account.purse = purse.reserve(cost_micro)
        account.requests = requests.take(1)
        account.tokens = held_tokens.take(tokens)
        account.in_flight += 1
        return Hold(account, self._clock, second, tokens, cost_micro)

    def remaining(self, key: Key) -> Mapping[str, tuple[int, int, float]]:
        limits = key.limits
        if limits.requests_per_minute is None and limits.tokens_per_minute is None:
            return {}
        account = self._account(key)
        second = int(self._clock.monotonic_s())
        found: dict[str, tuple[int, int, float]] = {}
        if limits.requests_per_minute is not None:
            found["requests"] = _left(limits.requests_per_minute, account.requests.at(second))
        if limits.tokens_per_minute is not None:
            found["tokens"] = _left(limits.tokens_per_minute, account.tokens.at(second))
        return found

    def _account(self, key: Key) -> _Account:
        account = self._accounts.get(key.name)
        if account is None:
            account = self._accounts[key.name] = _Account()
        return account


def _left(limit: int, window: Window) -> tuple[int, int, float]:
    left = limit - window.used
    return limit, left if left > 0 else 0, window.seconds_until_empty


def _limited(key: Key, what: str, limit: int, wait_s: float) -> RateLimited:
    fits = wait_s != float("inf")
    return RateLimited(
        f"Key `{key.name}` is limited to {limit} {what}."
        + ("" if fits else " This request alone would need more than that."),
        f"Try again in {max(1, round(wait_s))} seconds."
        if fits
        else "Send a shorter request or ask for a higher limit.",
        rule="A key's limits are never overshot.",
        retry_after_s=max(1.0, wait_s) if fits else None,
        retry_is_useless=not fits,
    )


def _exhausted(key: Key, budget: Budget, wait_s: int) -> BudgetExhausted:
    return BudgetExhausted(
        f"Key `{key.name}` has too little left of its budget for this {budget.per}.",
        f"Ask for a higher budget, or wait for the next {budget.per}: it begins in {wait_s // 3600 + 1} hours.",
        rule="A key's budget is never overspent.",
    )

"""Limits never overshoot: no 60 seconds hold more than the limit, whatever the order of reserving and settling."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from douane.adapters.limits_memory import Hold, MemoryLimits
from douane.core.traffic.limits import Window, period_end_s, period_of, period_start_us
from douane.core.traffic.snapshot import Budget, Key, Limits
from douane.testing.clock import FrozenClock


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 50)), max_size=60))
def test_a_window_counts_exactly_the_last_sixty_seconds_and_the_running_one(steps: list[tuple[int, int]]) -> None:
    window, second, taken = Window(), 1000, []
    for pause, amount in steps:
        second += pause
        window = window.at(second).take(amount)
        taken.append((second, amount))
        assert window.used == sum(a for s, a in taken if second - 60 <= s <= second)


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(1, 9)), min_size=1, max_size=40), st.integers(1, 9))
def test_waiting_as_long_as_told_makes_room(steps: list[tuple[int, int]], amount: int) -> None:
    limit, window, second = 10, Window(), 1000
    for pause, take in steps:
        second += pause
        window = window.at(second)
        if window.used + take <= limit:
            window = window.take(take)
    wait_s = window.seconds_until(amount, limit)
    assert window.at(second + int(wait_s)).used + amount <= limit


def test_what_can_never_fit_is_said_to_wait_for_ever() -> None:
    assert Window().seconds_until(11, 10) == float("inf")


def test_periods_are_calendar_days_and_months_in_utc() -> None:
    new_years_eve = 1_767_225_599
    assert period_of(new_years_eve, "day") == "2025-12-31"
    assert period_of(new_years_eve, "month") == "2025-12-01"
    assert period_end_s(new_years_eve, "month") == new_years_eve + 1
    assert period_start_us("2026-01-01") == (new_years_eve + 1) * 1_000_000


class LimitMachine(RuleBasedStateMachine):
    """Reserve, settle and release in any order: requests, tokens, concurrency and money stay within their limits."""

    @initialize(rpm=st.integers(1, 5), tpm=st.integers(1, 60), concurrent=st.integers(1, 4), budget=st.integers(1, 100))
    def begin(self, rpm: int, tpm: int, concurrent: int, budget: int) -> None:
        self.clock = FrozenClock()
        self.book = MemoryLimits(self.clock)
        self.limits = Limits(rpm, tpm, concurrent)
        self.key = Key("k", "0", "o", limits=self.limits, budget=Budget(budget, "EUR", "month"))
        self.open: list[tuple[Hold, int, int]] = []
        self.requests: list[int] = []
        self.tokens: list[tuple[int, int]] = []
        self.spent = 0

    @rule(tokens=st.integers(0, 40), cost=st.integers(0, 40))
    def reserve(self, tokens: int, cost: int) -> None:
        held = self.book.reserve(self.key, tokens, cost)
        if isinstance(held, Hold):
            self.open.append((held, tokens, cost))
            second = int(self.clock.monotonic_s())
            self.requests.append(second)
            self.tokens.append((second, tokens))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.open:
            hold, tokens, cost = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            used, paid = data.draw(st.integers(0, tokens)), data.draw(st.integers(0, cost))
            hold.settle(used, paid)
            hold.settle(used, paid)
            hold.release()
            self.spent += paid

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.open:
            self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))[0].release()

    @rule(seconds=st.floats(0, 70))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def nothing_overshoots(self) -> None:
        if not hasattr(self, "book"):
            return
        assert len(self.open) <= (self.limits.concurrent or 0)
        remaining = self.book.remaining(self.key)
        assert all(0 <= left <= limit for limit, left, _ in remaining.values())
        assert self.key.budget is not None
        assert self.spent + sum(cost for _, _, cost in self.open) <= self.key.budget.amount_micro
        now = int(self.clock.monotonic_s())
        open_now = sum(tokens for _, tokens, _ in self.open)
        assert open_now <= (self.limits.tokens_per_minute or 0) or any(s < now - 60 for s, _ in self.tokens)


LimitMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestLimitMachine = LimitMachine.TestCase


def test_a_released_request_costs_nothing() -> None:
    clock = FrozenClock()
    book = MemoryLimits(clock)
    key = Key("k", "0", "o", limits=Limits(1, 100, 1), budget=Budget(10, "EUR", "day"))
    for _ in range(5):
        hold = book.reserve(key, 100, 10)
        assert isinstance(hold, Hold)
        assert not isinstance(book.reserve(key, 0, 0), Hold)
        hold.release()


def test_use_beyond_the_reservation_is_charged_and_holds_back_what_follows() -> None:
    clock = FrozenClock()
    book = MemoryLimits(clock)
    key = Key("k", "0", "o", limits=Limits(tokens_per_minute=100))
    hold = book.reserve(key, 10, 0)
    assert isinstance(hold, Hold)
    hold.settle(150, 0)
    assert not isinstance(book.reserve(key, 1, 0), Hold)
    clock.advance(62)
    assert isinstance(book.reserve(key, 1, 0), Hold)


def test_a_budget_begins_anew_with_its_period_and_remembers_what_the_ledger_knew() -> None:
    clock = FrozenClock(1_767_225_599_000_000)
    book = MemoryLimits(clock)
    key = Key("k", "0", "o", budget=Budget(10, "EUR", "month"))
    book.load(key, 8)
    assert not isinstance(book.reserve(key, 0, 3), Hold)
    clock.advance(1)
    assert isinstance(book.reserve(key, 0, 3), Hold)


def test_what_ends_in_a_new_period_is_charged_to_it() -> None:
    clock = FrozenClock(1_767_225_599_000_000)
    book = MemoryLimits(clock)
    key = Key("k", "0", "o", budget=Budget(10, "EUR", "month"))
    hold = book.reserve(key, 0, 9)
    assert isinstance(hold, Hold)
    clock.advance(1)
    hold.settle(0, 9)
    assert not isinstance(book.reserve(key, 0, 2), Hold)


def test_a_clock_that_goes_back_gives_no_second_budget() -> None:
    clock = FrozenClock(1_767_225_600_000_000)
    book = MemoryLimits(clock)
    key = Key("k", "0", "o", budget=Budget(10, "EUR", "day"))
    for step_s in (-1, 1):
        hold = book.reserve(key, 0, 9)
        if isinstance(hold, Hold):
            hold.settle(0, 9)
        clock.advance(step_s)
    assert not isinstance(book.reserve(key, 0, 9), Hold)


def test_what_is_held_stays_held_when_the_ledger_tells_what_was_spent() -> None:
    book = MemoryLimits(FrozenClock())
    key = Key("k", "0", "o", budget=Budget(10, "EUR", "month"))
    assert isinstance(book.reserve(key, 0, 6), Hold)
    book.load(key, 1)
    assert not isinstance(book.reserve(key, 0, 4), Hold)


def test_a_request_that_began_under_another_period_does_not_empty_the_purse() -> None:
    """A reload makes a daily budget a monthly one; what is still under way was reserved by the day."""
    book = MemoryLimits(FrozenClock())
    daily, monthly = (Key("k", "0", "o", budget=Budget(10, "EUR", per)) for per in ("day", "month"))
    hold = book.reserve(daily, 0, 1)
    assert isinstance(hold, Hold)
    book.load(monthly, 9)
    hold.settle(0, 1)
    for key in (daily, monthly):
        assert not isinstance(book.reserve(key, 0, 1), Hold)

"""One contract for every ledger: the fake that tests of the gateway use, and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.sqlite_ledger import SqliteLedger
from douane.adapters.store.sqlite_reads import SqliteReads
from douane.core.traffic.ledger import RollUps, roll_up
from douane.errors import StoreFailed
from douane.ports import Ledger
from douane.testing.clock import FrozenClock
from douane.testing.in_memory_ledger import InMemoryLedger
from douane.testing.records import AT_US, a_refusal, an_intent, an_outcome

Story = Callable[[Ledger], Awaitable[None]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[SqliteLedger]:
    directory = DataDirectory.claim(folder)
    ledger = await SqliteLedger.open(directory, FrozenClock())
    try:
        yield ledger
    finally:
        await ledger.aclose()
        directory.release()


@pytest.fixture(params=["memory", "sqlite"])
def play(request: pytest.FixtureRequest, data: Path) -> Callable[[Story], RollUps]:
    """Play a story on a ledger and return its roll-ups afterwards."""

    async def in_memory(story: Story) -> RollUps:
        ledger = InMemoryLedger()
        await story(ledger)
        await ledger.aclose()
        return ledger.roll_ups()

    async def on_disk(story: Story) -> RollUps:
        async with sqlite(data) as ledger:
            await story(ledger)
        with SqliteReads(data / "douane.db").audit() as audit:
            return audit.roll_ups()

    return lambda story: asyncio.run((in_memory if request.param == "memory" else on_disk)(story))


def test_an_intent_and_its_outcome_are_acknowledged_and_added_up(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        assert ledger.failure is None
        await ledger.intend(an_intent("a"))
        assert await ledger.spent_micro("support-team", 0) == {}
        await ledger.conclude(an_outcome("a"))
        assert await ledger.spent_micro("support-team", 0) == {"USD": 63}

    assert play(story) == roll_up([an_outcome("a")])


def test_what_nobody_awaits_is_recorded_all_the_same(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        await ledger.intend(an_intent("a"))
        ledger.conclude(an_outcome("a"))
        ledger.refuse(a_refusal("b"))

    assert play(story) == roll_up([an_outcome("a"), a_refusal("b")])


def test_an_outcome_counts_once(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        await ledger.intend(an_intent("a"))
        await ledger.conclude(an_outcome("a"))
        await ledger.conclude(an_outcome("a", cost_micro=1))

    assert play(story) == roll_up([an_outcome("a")])


def test_a_request_settles_once(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        for attempt in (1, 2):
            await ledger.intend(an_intent("a", attempt))
        for attempt in (1, 2):
            await ledger.conclude(an_outcome("a", attempt))
        await ledger.refuse(a_refusal("a"))
        await ledger.refuse(a_refusal("b"))
        await ledger.refuse(a_refusal("b"))

    assert play(story) == roll_up([an_outcome("a", 1), an_outcome("a", 2, settles=False), a_refusal("b")])


def test_a_refusal_ends_a_request_whose_attempts_settled_nothing(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        await ledger.intend(an_intent("a"))
        await ledger.conclude(an_outcome("a", state="failed", settles=False))
        await ledger.refuse(a_refusal("a"))

    assert play(story) == roll_up([an_outcome("a", state="failed", settles=False), a_refusal("a")])


def test_an_attempt_is_intended_once_and_concluded_only_after(play: Callable[[Story], RollUps]) -> None:
    async def story(ledger: Ledger) -> None:
        with pytest.raises(StoreFailed):
            await ledger.conclude(an_outcome("a"))
        await ledger.intend(an_intent("a"))
        with pytest.raises(StoreFailed):
            await ledger.intend(an_intent("a"))
        await ledger.conclude(an_outcome("a"))
        with pytest.raises(StoreFailed):
            await ledger.intend(an_intent("a", 2))

    assert play(story) == roll_up([an_outcome("a")])


def test_spending_is_by_key_currency_and_whole_hours(play: Callable[[Story], RollUps]) -> None:
    hour_us = 3_600_000_000

    async def story(ledger: Ledger) -> None:
        for number, (at_us, currency, key) in enumerate(
            [(AT_US, "USD", "k"), (AT_US + hour_us, "USD", "k"), (AT_US + hour_us, "EUR", "k"), (AT_US, "USD", "other")]
        ):
            await ledger.intend(an_intent(f"r{number}", key=key))
            await ledger.conclude(an_outcome(f"r{number}", at_us=at_us, currency=currency, key=key))
        await ledger.intend(an_intent("unpriced", key="k", currency=None))
        await ledger.conclude(an_outcome("unpriced", key="k", currency=None, cost_micro=None))
        assert await ledger.spent_micro("k", 0) == {"USD": 126, "EUR": 63}
        assert await ledger.spent_micro("k", AT_US + hour_us) == {"USD": 63, "EUR": 63}
        assert await ledger.spent_micro("k", AT_US + 2 * hour_us) == {}

    play(story)


def test_the_fake_fails_like_a_disk_and_holds_like_a_slow_one() -> None:
    async def story() -> None:
        ledger = InMemoryLedger()
        ledger.hold = True
        waiting = ledger.intend(an_intent("a"))
        assert ledger.records == []
        ledger.release()
        await waiting
        ledger.fail_with = StoreFailed("The disk is full.", "Free some space.")
        assert ledger.failure is not None
        with pytest.raises(StoreFailed):
            await ledger.intend(an_intent("b"))
        ledger.conclude(an_outcome("a"))
        assert len(ledger.outcomes) == 1

    asyncio.run(story())

"""The `Ledger` port without a disk: for tests of the gateway, under the same contract suite as the real one.

`fail_with` makes it fail like a full disk until it is None again; `hold` makes intents wait until `release`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from douane.core.receipt import Intent, Outcome, Record, Refusal
from douane.core.traffic.ledger import RollUps, hour_s, roll_up
from douane.errors import StoreFailed


class InMemoryLedger:
    """Keeps what counts in `records`, in order: each attempt intended and concluded once, each request settled once."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.fail_with: StoreFailed | None = None
        self.hold = False
        self._held: list[tuple[Intent, asyncio.Future[None]]] = []
        self._open: dict[tuple[str, int], Intent] = {}
        self._concluded: set[tuple[str, int]] = set()
        self._settled: set[str] = set()

    def intend(self, intent: Intent, *, patient: bool = False) -> Awaitable[None]:
        future = asyncio.get_running_loop().create_future()
        if self.hold and self.fail_with is None:
            self._held.append((intent, future))
        else:
            self._end(future, self._intended(intent))
        return future

    def conclude(self, outcome: Outcome) -> Awaitable[None]:
        future = asyncio.get_running_loop().create_future()
        self._end(future, self._concluded_as(outcome))
        return future

    def refuse(self, refusal: Refusal) -> Awaitable[None]:
        future = asyncio.get_running_loop().create_future()
        if refusal.request_id not in self._settled and self.fail_with is None:
            self._settled.add(refusal.request_id)
            self.records.append(refusal)
        self._end(future, self.fail_with)
        return future

    @property
    def failure(self) -> StoreFailed | None:
        return self.fail_with

    async def spent_micro(self, key: str, since_us: int) -> Mapping[str, int]:
        if self.fail_with is not None:
            raise self.fail_with
        spent: dict[str, int] = {}
        for group, sums in self.roll_ups().hours.items():
            if group[0] == key and group[1] >= hour_s(since_us) and group[5]:
                spent[group[5]] = spent.get(group[5], 0) + sums[5]
        return spent

    async def aclose(self) -> None:
        self.release()

    def release(self) -> None:
        """Let held intents become durable."""
        self.hold = False
        held, self._held = self._held, []
        for intent, future in held:
            self._end(future, self._intended(intent))

    def roll_ups(self) -> RollUps:
        """Return the sums of all records."""
        return roll_up(self.records)

    @property
    def intents(self) -> list[Intent]:
        return [record for record in self.records if isinstance(record, Intent)]

    @property
    def outcomes(self) -> list[Outcome]:
        return [record for record in self.records if isinstance(record, Outcome)]

    @property
    def refusals(self) -> list[Refusal]:
        return [record for record in self.records if isinstance(record, Refusal)]

    def _intended(self, intent: Intent) -> StoreFailed | None:
        place = (intent.request_id, intent.attempt)
        if self.fail_with is not None:
            return self.fail_with
        if place in self._open or place in self._concluded or intent.request_id in self._settled:
            return _left_out()
        self._open[place] = intent
        self.records.append(intent)
        return None

    def _concluded_as(self, outcome: Outcome) -> StoreFailed | None:
        place = (outcome.request_id, outcome.attempt)
        if place in self._concluded:
            return None
        if self._open.pop(place, None) is None:
            return _left_out()
        self._concluded.add(place)
        if outcome.settles and outcome.request_id in self._settled:
            outcome = outcome._replace(settles=False)
        if outcome.settles:
            self._settled.add(outcome.request_id)
        self.records.append(outcome)
        return None

    @staticmethod
    def _end(future: asyncio.Future[None], failure: StoreFailed | None) -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(StoreFailed(failure.problem, failure.fix, rule=failure.rule))
            future.exception()


def _left_out() -> StoreFailed:
    return StoreFailed(
        "The ledger cannot record this: it contradicts what was recorded.",
        "Report this: it is a fault of the gateway.",
        rule="A request settles once, an attempt is intended once.",
    )

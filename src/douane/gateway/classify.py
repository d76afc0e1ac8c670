"""Fourth stage: what is in it? The label joins what was declared, the key's floor, what was found, and what the
conversation was before (laws 2 and 3).

Rules enforced:
1. What could leave the premises is read by every layer that policy requires; what can't, by the quick ones.
2. A turn that stayed, and was read by the quick ones only, lets no later turn of its conversation leave.
3. The label is remembered before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Collection

from douane.core.finding import Inspection
from douane.core.traffic.classification import classify, going_on
from douane.core.traffic.routing import may_leave
from douane.gateway.exchange import Exchange
from douane.gateway.mask import Masker
from douane.gateway.memory import Memory
from douane.ports import Clock, Inspector, Telemetry


class Classifier:
    """Reads a request's content and gives it its label."""

    def __init__(self, inspector: Inspector, mask: Masker, memory: Memory, telemetry: Telemetry, clock: Clock) -> None:
        self._inspector = inspector
        self._mask = mask
        self._memory = memory
        self._telemetry = telemetry
        self._clock = clock

    async def __call__(self, exchange: Exchange) -> None:
        """Inspect the parsed body and set the label and the codes of its reasons. Raises StoreFailed."""
        started_s = self._clock.monotonic_s()
        exchange.inspection = await self._inspector.inspect(exchange.ask.value, exchange.body_bytes, exchange.key.owner)
        await self.again(exchange)
        self._telemetry.classified(
            int(exchange.label.level), exchange.inspection, self._clock.monotonic_s() - started_s
        )

    async def again(self, exchange: Exchange) -> None:
        """Give the label anew from what was found, under the exchange's policy of now; it only rises."""
        inspection = exchange.inspection
        if inspection is None:
            return
        earlier = self._memory.recall(exchange)
        self._label(exchange)
        layers = exchange.snapshot.policy.layers
        if isinstance(inspection, Inspection) and not layers.issubset(exchange.layers) and _may_leave(exchange):
            owner = exchange.key.owner
            exchange.inspection = await self._inspector.understand(exchange.ask.value, inspection, owner)
            self._label(exchange)
        if earlier is not None and not layers <= earlier.layers and _may_leave(exchange):
            self._label(exchange, unread=layers - earlier.layers)
        if exchange.snapshot.masking or exchange.masked:
            await self._mask(exchange)
        pending = self._memory.keep(exchange)
        if pending is not None:
            await pending

    @staticmethod
    def _label(exchange: Exchange, unread: Collection[str] = ()) -> None:
        if exchange.inspection is None:
            return
        earlier = exchange.earlier
        policy = exchange.snapshot.policy
        classified = classify(
            exchange.inspection,
            policy,
            declared=exchange.declaration.label,
            floor=exchange.key.floor,
            owner=exchange.key.owner,
        )
        exchange.own_label = exchange.own_label | classified.label
        if earlier is not None:
            classified = going_on(classified, earlier.label, unread, policy.unknown)
        exchange.label = exchange.label | classified.label
        exchange.reason_codes = classified.codes


def _may_leave(exchange: Exchange) -> bool:
    return may_leave(exchange.label, exchange.route, exchange.key, exchange.snapshot)

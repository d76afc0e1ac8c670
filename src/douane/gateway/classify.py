"""Fourth stage: what is in it? The label joins what was declared, the key's floor and what was found (laws 2 and 3).

Rule enforced: what could leave the premises is read by every layer that policy requires; what can't, by the quick ones.
"""

from __future__ import annotations

from douane.core.finding import Inspection
from douane.core.traffic.classification import classify
from douane.core.traffic.routing import may_leave
from douane.gateway.exchange import Exchange
from douane.gateway.mask import Masker
from douane.ports import Clock, Inspector, Telemetry


class Classifier:
    """Reads a request's content and gives it its label."""

    def __init__(self, inspector: Inspector, mask: Masker, telemetry: Telemetry, clock: Clock) -> None:
        self._inspector = inspector
        self._mask = mask
        self._telemetry = telemetry
        self._clock = clock

    async def __call__(self, exchange: Exchange) -> None:
        """Inspect the parsed body and set the label and the codes of its reasons."""
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
        self._label(exchange)
        policy = exchange.snapshot.policy
        if (
            isinstance(inspection, Inspection)
            and not policy.layers.issubset(exchange.layers)
            and may_leave(exchange.label, exchange.route, exchange.key, exchange.snapshot)
        ):
            owner = exchange.key.owner
            exchange.inspection = await self._inspector.understand(exchange.ask.value, inspection, owner)
            self._label(exchange)
        await self._mask(exchange)

    @staticmethod
    def _label(exchange: Exchange) -> None:
        if exchange.inspection is None:
            return
        classified = classify(
            exchange.inspection,
            exchange.snapshot.policy,
            declared=exchange.declaration.label,
            floor=exchange.key.floor,
            owner=exchange.key.owner,
        )
        exchange.label = exchange.label | classified.label
        exchange.reason_codes = classified.codes

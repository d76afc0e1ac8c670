"""One attempt: build the payload, clear it, write it ahead, check again, send (laws 1 and 4).

The order is the law: nothing is sent without a permit for these very bytes; the permit is confirmed after the last wait
before the bytes leave, against the configuration and the revocations of that moment; and what leaves the premises is
durable in the ledger first. On the premises the ledger's commit hides behind the upstream: `Sent.durable` is awaited by
the relay before the first byte of the answer.

A zone that is not cleared for the request gets its masked form or nothing: payload, label and layers are those of one
value, and are cleared together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from douane.core.digest import digest
from douane.core.models.catalogue import Deployment
from douane.core.reason import Reason
from douane.core.receipt import Intent
from douane.core.traffic.clearance import Cleared, Passage, clear, confirm
from douane.errors import ClearanceBroken, StoreFailed
from douane.gateway.exchange import Exchange
from douane.gateway.masked_payload import MaskedPayload
from douane.ports import Answer, Clock, Keys, Ledger, Snapshots, Upstream
from douane.wire.call import Ask, Call
from douane.wire.kinds.kind import Kind


@dataclass(slots=True)
class Sent:
    """An attempt whose answer's head is there. `ask` is what was sent, `masked` whence, where it is a masked form."""

    answer: Answer
    durable: Awaitable[None]
    kind: Kind
    ask: Ask
    masked: MaskedPayload | None


@dataclass(slots=True)
class Departure:
    """An attempt that is about to be sent: cleared, not yet written ahead. `sent`: its bytes may be on their way."""

    deployment: Deployment
    kind: Kind
    cleared: Cleared
    call: Call
    ask: Ask
    masked: MaskedPayload | None = None
    sent: bool = False


class Dispatcher:
    """Sends what is cleared."""

    def __init__(
        self,
        upstream: Upstream,
        ledger: Ledger,
        snapshots: Snapshots,
        keys: Keys,
        clock: Clock,
        kinds: Mapping[str, Kind],
    ) -> None:
        self._upstream = upstream
        self._ledger = ledger
        self._snapshots = snapshots
        self._keys = keys
        self._clock = clock
        self._kinds = kinds

    def prepare(self, exchange: Exchange, name: str) -> Departure:
        """Build and clear the payload for a deployment.

        Raises Unsupported where the deployment's kind may not be sent a field, ClearanceBroken where a check fails.
        """
        snapshot = exchange.snapshot
        deployment = snapshot.deployments[name]
        kind = self._kinds[deployment.kind]
        zone = snapshot.zones[deployment.zone]
        masked = exchange.masked_for(zone)
        ask = exchange.ask if masked is None else masked.ask
        isolation = digest(f"{exchange.key.owner}\0{exchange.label}".encode()) if deployment.options else None
        call = kind.call(ask, deployment, premises=zone.premises, isolation=isolation)
        cleared = clear(self._passage(exchange, name, masked), call.payload)
        if isinstance(cleared, Reason):
            raise ClearanceBroken(cleared.fact, cleared.fix, rule=cleared.rule)
        return Departure(deployment, kind, cleared, call, ask, masked)

    async def send(self, exchange: Exchange, departure: Departure, number: int, *, slow: bool) -> Sent:
        """Write the intent ahead, confirm the permit, send; return once the answer's head is there.

        `slow`: the deployment is known to take longer to its first byte than the ledger waits for company.
        """
        premises = departure.cleared.zone.premises
        durable = self._ledger.intend(self._intent(exchange, departure, number), patient=premises and slow)
        if not premises:
            await durable
        elif self._ledger.failure is not None:
            raise StoreFailed(self._ledger.failure.problem, self._ledger.failure.fix, rule=self._ledger.failure.rule)
        remaining_s = max(0.001, exchange.deadline_s - self._clock.monotonic_s())
        answer = await self._upstream.send(
            departure.cleared, departure.call, total_s=remaining_s, confirm=lambda: self._confirm(departure)
        )
        return Sent(answer, durable, departure.kind, departure.ask, departure.masked)

    def _confirm(self, departure: Departure) -> None:
        """Check the permit against this moment: the upstream client calls this right before it writes."""
        confirm(
            departure.cleared,
            departure.call.payload,
            self._snapshots.current(),
            self._keys.revocations(),
            self._clock.now_us() // 1_000_000,
        )
        departure.sent = True

    def _passage(self, exchange: Exchange, name: str, masked: MaskedPayload | None) -> Passage:
        passage = Passage(
            exchange.label,
            name,
            exchange.key,
            exchange.route.name,
            exchange.snapshot,
            self._keys.revocations(),
            self._clock.now_us() // 1_000_000,
            exchange.layers,
        )
        if masked is None:
            return passage
        form = masked.form
        return passage._replace(label=form.label, layers=form.layers, origin=exchange.label, masked=form.types)

    def _intent(self, exchange: Exchange, departure: Departure, number: int) -> Intent:
        deployment, cleared = departure.deployment, departure.cleared
        need, price = exchange.need, deployment.price
        inspection = exchange.inspection
        return Intent(
            exchange.request_id,
            number,
            self._clock.now_us(),
            exchange.key.name,
            exchange.key.owner,
            exchange.route.name,
            exchange.endpoint,
            deployment.name,
            deployment.zone,
            cleared.zone.premises,
            deployment.model,
            deployment.model_digest,
            str(deployment.assurance),
            int(exchange.label.level),
            ",".join(sorted(exchange.label.compartments)),
            exchange.reason_line(),
            exchange.snapshot.policy.version,
            exchange.snapshot.version,
            inspection.detectors if inspection is not None else "",
            _layer_line(exchange, departure.masked),
            cleared.payload_digest,
            len(departure.call.payload),
            need.input_tokens,
            need.output_tokens,
            price.cost_micro(need.input_tokens, need.output_tokens) if price is not None else None,
            price.currency if price is not None else None,
            exchange.declaration.client_retry,
            departure.masked.type_line if departure.masked is not None else "",
            str(cleared.label) if departure.masked is not None else "",
        )


def _layer_line(exchange: Exchange, masked: MaskedPayload | None) -> str:
    """Return the layers that ran; of a masked payload, with those that read it and not the request."""
    line = exchange.layer_line()
    if masked is None:
        return line
    return ",".join([line, *[layer for layer in masked.form.layers if layer not in exchange.layers]])

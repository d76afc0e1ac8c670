"""Last of classifying: the masked form of a request, for the zones that may get no other.

Rules enforced:
1. It is made only where a zone of the route masks and is not cleared for the label; a reload makes it anew.
2. What is sent is what was inspected last. It is inspected as any request is, and read for its meaning if it could
   leave by what was found so far.
3. Over reloads its label only rises, and it is at least that of the conversation's earlier masked forms (law 3).
4. Where policy has names found in running text, they are masked last, in a form that may go without them; what could
   not be read for them, or not be rid of them, keeps a form that lacks this layer, and goes nowhere (law 2).
5. Pseudonyms are kept before anything that holds them is sent; where they can't be, there is no masked form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from douane.core.finding import Failure, Inspection, layers_of
from douane.core.label import PUBLIC
from douane.core.pseudonym import Pseudonyms
from douane.core.traffic.masked import MaskedForm, form_of
from douane.core.traffic.routing import zones_to_mask_for
from douane.core.zone import Zone
from douane.detect.masking import MOST_ROUNDS, Masking
from douane.detect.names import LAYER as NAMES
from douane.errors import StoreFailed
from douane.gateway.exchange import Exchange
from douane.gateway.masked_payload import MaskedPayload
from douane.gateway.memory import masked_before
from douane.ports import Inspector, Vault
from douane.wire.unmasking.answers import Unmasking


class Masker:
    """Makes masked forms."""

    def __init__(self, inspector: Inspector, vault: Vault | None, report: Callable[[str], None]) -> None:
        self._inspector = inspector
        self._vault = vault
        self._report = report

    async def __call__(self, exchange: Exchange) -> None:
        """Set a masked payload for each zone of the route that masks and is not cleared for the label."""
        zones, inspection = _zones(exchange), exchange.inspection
        exchange.masked = {}
        if not zones or self._vault is None or not isinstance(inspection, Inspection):
            return
        try:
            exchange.masked = await self._made(exchange, zones, inspection, self._vault)
        except StoreFailed as error:
            self._report(f"nothing was masked: {error.problem}")
        exchange.masked_floor |= {name: payload.form.label for name, payload in exchange.masked.items()}

    async def _made(
        self, exchange: Exchange, zones: list[Zone], inspection: Inspection, vault: Vault
    ) -> Mapping[str, MaskedPayload]:
        conversation = exchange.declaration.conversation
        pseudonyms = await vault.recall(exchange.key.owner, conversation)
        made = {zone.name: await self._payload(exchange, zone, inspection, pseudonyms) for zone in zones}
        if pseudonyms.fresh and conversation is not None:
            subject = exchange.declaration.end_user
            await vault.keep(exchange.key.owner, conversation, pseudonyms, subject)
        return made

    async def _payload(
        self, exchange: Exchange, zone: Zone, found: Inspection, pseudonyms: Pseudonyms
    ) -> MaskedPayload:
        masking = Masking(exchange.ask.value, zone.mask, pseudonyms)
        inspection, form = await self._inspected(exchange, zone, masking, found)
        value = masking.value
        if (
            isinstance(inspection, Inspection)
            and _asks_for_names(exchange, zone)
            and zone.clearance.permits(form.label)
        ):
            nameless = await self._nameless(exchange, zone, masking, inspection, form)
            if nameless is not None:
                value, form = masking.value, nameless
        return MaskedPayload(exchange.ask._replace(value=value), form, Unmasking(pseudonyms, zone.unmask_tools))

    async def _inspected(
        self, exchange: Exchange, zone: Zone, masking: Masking, inspection: Inspection | Failure
    ) -> tuple[Inspection | Failure, MaskedForm]:
        """Mask what an inspection found, until another finds no more; return the last one, and the form it makes."""
        owner, policy = exchange.key.owner, exchange.snapshot.policy
        for _ in range(MOST_ROUNDS):
            if isinstance(inspection, Failure) or not masking.take(inspection):
                break
            inspection = await self._inspector.inspect(masking.value, exchange.body_bytes, owner)
        form = self._form(exchange, zone, masking, inspection)
        if (
            isinstance(inspection, Inspection)
            and not policy.layers.issubset(form.layers)
            and zone.clearance.permits(form.label)
        ):
            inspection = await self._inspector.understand(masking.value, inspection, owner)
            form = self._form(exchange, zone, masking, inspection)
        return inspection, form

    async def _nameless(
        self, exchange: Exchange, zone: Zone, masking: Masking, inspection: Inspection, form: MaskedForm
    ) -> MaskedForm | None:
        """Mask the names in running text, too; return the form that this makes, or None where they can't all be.

        Without them it is no less than it was with them: what a word beside a name says of it stays said.
        """
        owner, before = exchange.key.owner, masking.value
        names = await self._inspector.find_names(before, owner)
        if isinstance(names, Failure):
            self._report(f"nothing was masked: names were not read ({names.cause})")
            return None
        if not masking.mask_names(names, inspection):
            self._report("nothing was masked: a name stands where it can't be replaced")
            return None
        if masking.value is not before:
            again = await self._inspector.inspect(masking.value, exchange.body_bytes, owner)
            _, made = await self._inspected(exchange, zone, masking, again)
            form = made._replace(label=made.label | form.label)
        return form._replace(layers=(*form.layers, NAMES))

    @staticmethod
    def _form(exchange: Exchange, zone: Zone, masking: Masking, seen: Inspection | Failure) -> MaskedForm:
        policy = exchange.snapshot.policy
        form = form_of(
            masking.own_removed(seen) if isinstance(seen, Inspection) else seen,
            layers_of(seen, policy.layers),
            zone,
            policy,
            types=frozenset(masking.masked),
            whole=not masking.given_up,
            declared=exchange.declaration.label,
            floor=exchange.key.floor,
            owner=exchange.key.owner,
        )
        return form._replace(
            label=form.label | exchange.masked_floor.get(zone.name, PUBLIC) | masked_before(exchange, zone)
        )


def _asks_for_names(exchange: Exchange, zone: Zone) -> bool:
    return zone.masks_names and NAMES in exchange.snapshot.policy.name_layers


def _zones(exchange: Exchange) -> list[Zone]:
    declared = exchange.declaration.label
    return zones_to_mask_for(exchange.label, exchange.route, exchange.key, exchange.snapshot, declared)

"""One request on its way through the stages: what each stage found out, for the next ones and for the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from douane.core.finding import Failure, Inspection, layers_of
from douane.core.label import PUBLIC, Label
from douane.core.traffic.conversation import Mark
from douane.core.traffic.masked import MaskedForm
from douane.core.traffic.routing import Need
from douane.core.traffic.snapshot import Key, Route, Snapshot
from douane.core.zone import Zone
from douane.gateway.declare import NOTHING, Declaration
from douane.gateway.ending import Ending
from douane.gateway.masked_payload import MaskedPayload
from douane.ports import Reservation
from douane.wire.call import Ask
from douane.wire.head import Headers

_NO_FORMS: Mapping[str, MaskedForm] = MappingProxyType({})


class Exchange:
    """Mutable, one per request, seen by its task alone. A stage sets what it found; later stages rely on it.

    `own_label` is the request's without its conversation's, which `label` joins.
    `names` are those by which its conversation is known, `earlier` what is remembered of it; `remembered` tells that
    the answer must be known again.
    """

    __slots__ = (
        "answer",
        "ask",
        "attempts",
        "body_bytes",
        "deadline_s",
        "declaration",
        "earlier",
        "endpoint",
        "inspection",
        "key",
        "label",
        "masked",
        "masked_floor",
        "names",
        "need",
        "own_label",
        "pending",
        "reason_codes",
        "remembered",
        "request_id",
        "reservation",
        "route",
        "route_name",
        "snapshot",
        "started_s",
        "used_micro",
        "used_tokens",
    )

    def __init__(self, request_id: str, endpoint: str, key: Key, snapshot: Snapshot, started_s: float) -> None:
        self.request_id = request_id
        self.endpoint = endpoint
        self.key = key
        self.snapshot = snapshot
        self.started_s = started_s
        self.declaration: Declaration = NOTHING
        self.body_bytes = 0
        self.ask: Ask
        self.route: Route
        self.route_name = ""
        self.need: Need
        self.used_tokens = 0
        self.used_micro = 0
        self.reservation: Reservation | None = None
        self.inspection: Inspection | Failure | None = None
        self.label: Label = PUBLIC
        self.masked: Mapping[str, MaskedPayload] = {}
        """What zones get that are not cleared for the label, by name."""
        self.masked_floor: dict[str, Label] = {}
        self.own_label: Label = PUBLIC
        self.names: Sequence[bytes] = ()
        self.earlier: Mark | None = None
        self.remembered = False
        self.reason_codes: tuple[str, ...] = ()
        self.attempts = 0
        self.answer: tuple[Headers, bytes] | None = None
        self.pending: Ending | None = None
        self.deadline_s = started_s

    def reason_line(self) -> str:
        """Return what the label stands on, for the receipt: reason codes, and the types of findings; each once."""
        if not self.reason_codes:
            return ""
        words = dict.fromkeys(self.reason_codes)
        if isinstance(self.inspection, Inspection) and self.inspection.findings:
            words |= dict.fromkeys([kind for kind, _ in self.inspection.causes])
        return ",".join(words)

    def masked_for(self, zone: Zone) -> MaskedPayload | None:
        """Return the masked payload that a zone gets instead of the request; None where it is cleared for that."""
        if zone.clearance.permits(self.label):
            return None
        return self.masked.get(zone.name)

    @property
    def forms(self) -> Mapping[str, MaskedForm]:
        """Return, by zone, what decides about the masked payloads."""
        return {name: payload.form for name, payload in self.masked.items()} if self.masked else _NO_FORMS

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the layers that the label counts: what they found, or `policy.unknown` where they failed."""
        inspection = self.inspection
        if isinstance(inspection, Inspection) and not inspection.failed:
            return inspection.layers
        return layers_of(inspection, self.snapshot.policy.layers)

    def layer_line(self) -> str:
        """Return which layers of the inspection ran to their end; one that failed is named with a minus before it."""
        inspection = self.inspection
        if inspection is None:
            return ""
        if not isinstance(inspection, Inspection):
            return f"-{inspection.layer}"
        if not inspection.failed:
            return ",".join(inspection.layers)
        return ",".join((*inspection.layers, *(f"-{failure.layer}" for failure in inspection.failed)))

"""What would happen to a request: its label with reasons, and the gateway's Decision. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from douane.core.finding import Inspection
from douane.core.label import PUBLIC, Label
from douane.core.pseudonym import Pseudonyms
from douane.core.reason import Reason, reason_of
from douane.core.traffic.classification import Classified, classify
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.latency import Condition
from douane.core.traffic.masked import MaskedForm, form_of
from douane.core.traffic.routing import (
    Candidate,
    Decision,
    Question,
    Wish,
    decide,
    find_route,
    may_leave,
    zones_to_mask_for,
)
from douane.core.traffic.snapshot import Key, Route, Snapshot
from douane.core.zone import Zone
from douane.detect.masking import MOST_ROUNDS, Masking
from douane.detect.names import LAYER as NAMES
from douane.detect.scanner import Scanner
from douane.errors import ForbiddenRoute, InvalidRequest, Unsupported
from douane.ports import Clock, FindNames, Understand
from douane.wire.call import Ask
from douane.wire.kinds.kind import Kind
from douane.wire.need import need_of
from douane.wire.openai_request import parse_chat, parse_completions, parse_embeddings
from douane.wire.strict_json import parse

_NO_KEY = b"explained, never sent"
ANYBODY = Key("anybody", "", "anybody")
"""Who is asked for where no key is named: every route and zone, no floor, no limits."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The label and its reasons, the decision, and what each allowed candidate's kind says of the fields."""

    classified: Classified
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of the outside contract."""
        label = self.classified.label
        return {
            "label": {"level": label.level.word, "compartments": sorted(label.compartments)},
            "reasons": [reason.as_dict() for reason in self.classified.reasons],
            "candidates": [
                {
                    "deployment": c.deployment,
                    "zone": c.zone,
                    "allowed": c.allowed,
                    "reasons": [reason.as_dict() for reason in c.reasons],
                    "masked": _masked(c.masked),
                }
                for c in self.decision.candidates
            ],
            "chosen": self.decision.chosen,
        }


def _masked(form: MaskedForm | None) -> dict[str, Any] | None:
    """Return what a candidate would get instead of the request: types, label of its own, and what is left in it."""
    if form is None:
        return None
    label = {"level": form.label.level.word, "compartments": sorted(form.label.compartments)}
    return {"types": sorted(form.types), "label": label, "left": list(form.left), "whole": form.whole}


def explain(
    body: bytes,
    snapshot: Snapshot,
    scanner: Scanner,
    kinds: Mapping[str, Kind],
    clock: Clock,
    *,
    key: Key = ANYBODY,
    declared: Label = PUBLIC,
    wish: Wish = Wish.STANDARD,
    revoked: Revocations | None = None,
    conditions: Mapping[str, Condition] | None = None,
    understand: Understand | None = None,
    find_names: FindNames | None = None,
) -> Explanation:
    """Explain a request body. Raises InvalidRequest, Unsupported and ForbiddenRoute as the gateway would."""
    ask = parse_any(body)
    route = find_route(ask.model, key, snapshot)
    inspection = scanner.scan(ask.value, key.owner)
    classified = classify(inspection, snapshot.policy, declared=declared, floor=key.floor, owner=key.owner)
    if understand is not None and may_leave(classified.label, route, key, snapshot):
        inspection = understand(ask.value, inspection, key.owner)
        classified = classify(inspection, snapshot.policy, declared=declared, floor=key.floor, owner=key.owner)
    forms = _forms(
        ask.value, inspection, classified.label, route, key, snapshot, scanner, declared, understand, find_names
    )
    question = Question(
        classified.label,
        need_of(ask, len(body), wish),
        route,
        key,
        snapshot,
        revoked or Revocations(),
        conditions or {},
        clock.now_us() // 1_000_000,
        clock.monotonic_s(),
        0.0,
        inspection.layers,
        forms,
    )
    return Explanation(classified, _with_fields(decide(question), ask, snapshot, kinds))


def _forms(
    value: Any,
    found: Inspection,
    label: Label,
    route: Route,
    key: Key,
    snapshot: Snapshot,
    scanner: Scanner,
    declared: Label,
    understand: Understand | None,
    find_names: FindNames | None,
) -> Mapping[str, MaskedForm]:
    """Return the form that each zone would get which masks: as the gateway makes it, and kept nowhere."""
    forms: dict[str, MaskedForm] = {}
    for zone in zones_to_mask_for(label, route, key, snapshot, declared):
        masking = Masking(value, zone.mask, Pseudonyms(_NO_KEY))

        def formed(inspection: Inspection, zone: Zone = zone, masking: Masking = masking) -> MaskedForm:
            return form_of(
                masking.own_removed(inspection),
                inspection.layers,
                zone,
                snapshot.policy,
                types=frozenset(masking.masked),
                whole=not masking.given_up,
                declared=declared,
                floor=key.floor,
                owner=key.owner,
            )

        inspection = _rounds(masking, found, scanner, key, understand)
        form = formed(inspection)
        wanted = zone.masks_names and snapshot.policy.name_layers and zone.clearance.permits(form.label)
        if wanted and find_names is not None and masking.mask_names(find_names(masking.value, key.owner), inspection):
            again = formed(_rounds(masking, _read(masking.value, scanner, key, understand), scanner, key, understand))
            form = again._replace(label=again.label | form.label, layers=(*again.layers, NAMES))
        forms[zone.name] = form
    return forms


def _rounds(
    masking: Masking, inspection: Inspection, scanner: Scanner, key: Key, understand: Understand | None
) -> Inspection:
    """Mask what an inspection found, until another finds no more; return the last one."""
    for _ in range(MOST_ROUNDS):
        if not masking.take(inspection):
            break
        inspection = _read(masking.value, scanner, key, understand)
    return inspection


def _read(value: Any, scanner: Scanner, key: Key, understand: Understand | None) -> Inspection:
    inspection = scanner.scan(value, key.owner)
    return inspection if understand is None else understand(value, inspection, key.owner)


def refused(error: ForbiddenRoute | Unsupported) -> dict[str, Any]:
    """Return the JSON shape for a request that the gateway refuses before it looks for a label."""
    return {"label": None, "reasons": [reason_of(error).as_dict()], "candidates": [], "chosen": None}


def parse_any(body: bytes) -> Ask:
    """Parse a body of any endpoint, told apart by its fields: `messages`, `prompt` or `input`."""
    value = parse(body)
    if isinstance(value, dict):
        if "messages" in value:
            return parse_chat(value)
        if "prompt" in value:
            return parse_completions(value)
        if "input" in value:
            return parse_embeddings(value)
    raise InvalidRequest(
        "The text is no request body: it has none of `messages`, `prompt`, `input`.",
        "Give the JSON body of a request to /v1/chat/completions, /v1/completions or /v1/embeddings.",
    )


def _with_fields(decision: Decision, ask: Ask, snapshot: Snapshot, kinds: Mapping[str, Kind]) -> Decision:
    """Refuse, as the attempt would, the candidates whose kind may not be sent one of the request's fields."""
    passing: list[Candidate] = []
    refused: list[Candidate] = []
    for candidate in decision.candidates:
        reason = _field_reason(candidate, ask, snapshot, kinds) if candidate.allowed else None
        if reason is None:
            passing.append(candidate)
        else:
            refused.append(candidate._replace(reasons=(reason,)))
    allowed = [c for c in passing if c.allowed]
    others = [c for c in passing if not c.allowed]
    return Decision(decision.label, decision.route, (*allowed, *refused, *others))


def _field_reason(candidate: Candidate, ask: Ask, snapshot: Snapshot, kinds: Mapping[str, Kind]) -> Reason | None:
    deployment = snapshot.deployments[candidate.deployment]
    premises = snapshot.zones[deployment.zone].premises
    try:
        kinds[deployment.kind].call(ask, deployment, premises=premises, isolation=None)
    except Unsupported as error:
        return reason_of(error)
    return None

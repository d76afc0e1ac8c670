"""Which deployments may take a request, and in which order they are tried: the Decision that `explain` prints too.

Rules enforced:
1. A candidate is allowed only where every check of `clearance` holds, it can do what is asked, and it is up.
2. Order never matters for what is allowed: strategy, objective and wish only sort candidates that are allowed.
3. Each refused candidate carries its reasons.
4. Where a zone is not cleared for the label and masks, its masked form is what is checked, with the label of that form.

A Decision permits nothing: the permit for a payload is made, and checked again at each hop, by `clearance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from douane.core.label import PUBLIC, Label
from douane.core.models.catalogue import Deployment, ToolSupport
from douane.core.reason import Reason
from douane.core.traffic.clearance import Passage, Revocations, refusal
from douane.core.traffic.latency import UNKNOWN_CONDITION, Condition
from douane.core.traffic.masked import MaskedForm
from douane.core.traffic.snapshot import Key, Route, Snapshot, Strategy
from douane.core.zone import Zone
from douane.errors import (
    DouaneError,
    ForbiddenRoute,
    LabelNotCleared,
    NoClearedDeployment,
    Unauthenticated,
    Unsupported,
)

_KEY_CODES = frozenset({"key_revoked", "key_expired"})
_LABEL_CODES = frozenset({"label_not_cleared", "zone_not_in_key"})


class Wish(StrEnum):
    """What the caller says of its patience (`x-douane-latency`)."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BATCH = "batch"


class Need(NamedTuple):
    """What a request asks of a deployment. Token figures are estimates, for cost and time."""

    endpoint: str
    capabilities: frozenset[str] = frozenset()
    input_tokens: int = 0
    output_tokens: int = 0
    wish: Wish = Wish.STANDARD


def find_route(name: str, key: Key, snapshot: Snapshot) -> Route:
    """Return the route; ForbiddenRoute where the key may not use it, or where there is none: both look the same."""
    route = snapshot.routes.get(name)
    if route is None or (key.routes is not None and name not in key.routes):
        raise ForbiddenRoute(
            "This key has no route of the name that the request gives as `model`.",
            "`GET /v1/models` lists the routes of this key.",
            rule="A key uses only the routes it was given.",
            param="model",
        )
    return route


def may_leave(label: Label, route: Route, key: Key, snapshot: Snapshot) -> bool:
    """Tell whether a deployment off the premises could take a request of this label: then every layer must read it."""
    for name in route.deployments:
        deployment = snapshot.deployments.get(name)
        if deployment is None:
            continue
        zone = snapshot.zones[deployment.zone]
        if not zone.premises and zone.clearance.permits(label) and (key.zones is None or zone.name in key.zones):
            return True
    return False


class Candidate(NamedTuple):
    """A deployment of the route. `reasons` is empty where it is allowed; `masked` is what it would get then."""

    deployment: str
    zone: str
    reasons: tuple[Reason, ...] = ()
    masked: MaskedForm | None = None

    @property
    def allowed(self) -> bool:
        return not self.reasons


class Decision(NamedTuple):
    """The candidates, those allowed first and in the order in which they are tried."""

    label: Label
    route: str
    candidates: tuple[Candidate, ...]

    @property
    def chosen(self) -> str | None:
        """The deployment that is tried first."""
        first = self.candidates[0] if self.candidates else None
        return first.deployment if first is not None and first.allowed else None

    def refusal(self) -> DouaneError | None:
        """Return the error that tells the caller why nothing is allowed, or None where something is."""
        if self.chosen is not None:
            return None
        if any(c.reasons[0].code in _KEY_CODES for c in self.candidates):
            reason = self.candidates[0].reasons[0]
            return Unauthenticated(reason.fact, reason.fix, rule=reason.rule)
        rest = [c for c in self.candidates if c.reasons[0].code not in _LABEL_CODES]
        if not rest:
            facts = " ".join(dict.fromkeys(reason.fact for c in self.candidates for reason in c.reasons))
            return LabelNotCleared(
                f"No deployment of route `{self.route}` may take `{self.label}` content. {facts}",
                f"Add a deployment in a zone cleared for `{self.label}` to route `{self.route}`.",
                rule="Content goes only to zones cleared for its label.",
            )
        reasons = [c.reasons[0] for c in rest]
        error = Unsupported if all(r.code == "capability" for r in reasons) else NoClearedDeployment
        return error(
            f"No deployment of route `{self.route}` that may take `{self.label}` content can serve this request now. "
            + " ".join(dict.fromkeys(r.fact for r in reasons)),
            " ".join(dict.fromkeys(r.fix for r in reasons)),
            rule=reasons[0].rule,
        )


class Question(NamedTuple):
    """What is to be decided: a request, its route and key, and all that counts at this moment.

    `now_s` is Unix time, `monotonic_s` the circuits' time, `chance` lies in [0, 1). `layers` as in `Passage`.
    `masked` holds the masked form for each zone that gets one.
    """

    label: Label
    need: Need
    route: Route
    key: Key
    snapshot: Snapshot
    revoked: Revocations
    conditions: Mapping[str, Condition]
    now_s: int
    monotonic_s: float
    chance: float
    layers: tuple[str, ...] = ()
    masked: Mapping[str, MaskedForm] = MappingProxyType({})


def decide(question: Question) -> Decision:
    """Decide where a request may go, and say of each deployment of its route why it may not."""
    deployments = question.snapshot.deployments
    allowed: dict[str, Candidate] = {}
    refused: list[Candidate] = []
    for name in question.route.deployments:
        reasons, masked = _objections(question, name)
        zone = deployments[name].zone if name in deployments else ""
        if not reasons:
            allowed[name] = Candidate(name, zone, (), masked)
        else:
            refused.append(Candidate(name, zone, reasons, masked))
    ordered = _order(list(allowed), question) if len(allowed) > 1 else allowed
    return Decision(question.label, question.route.name, (*[allowed[name] for name in ordered], *refused))


def first_choice(question: Question) -> str | None:
    """Return what `decide` would choose, where it would choose the first that is allowed: the others need no look.

    None where nothing is allowed, and where all that is allowed must be compared.
    """
    if not _keeps_order(question.need.wish, question.route):
        return None
    for name in question.route.deployments:
        reasons, _ = _objections(question, name)
        if not reasons:
            return name
    return None


def zones_to_mask_for(label: Label, route: Route, key: Key, snapshot: Snapshot, declared: Label = PUBLIC) -> list[Zone]:
    """Return the zones of a route that may get what they are not cleared for in a masked form, each once.

    What was declared, and the key's floor, stay what they are: no mask takes them away.
    """
    found: dict[str, Zone] = {}
    for name in route.deployments:
        deployment = snapshot.deployments.get(name)
        if deployment is None or not (zone := snapshot.zones[deployment.zone]).mask:
            continue
        if (
            zone.masks(label)
            and not zone.clearance.permits(label)
            and zone.clearance.permits(declared | key.floor)
            and (key.zones is None or zone.name in key.zones)
        ):
            found[zone.name] = zone
    return list(found.values())


def _objections(question: Question, name: str) -> tuple[tuple[Reason, ...], MaskedForm | None]:
    """Return why a deployment may not take the request, and the masked form that it would get, where it gets one."""
    label, need, route, key, snapshot, revoked, conditions, now_s, monotonic_s, _, layers, forms = question
    passage = Passage(label, name, key, route.name, snapshot, revoked, now_s, layers)
    reason = refusal(passage)
    form = None
    if reason is not None:
        if reason.code != "label_not_cleared" or not forms:
            return (reason,), None
        zone = snapshot.zones[snapshot.deployments[name].zone]
        form = forms.get(zone.name)
        if form is None:
            return (reason,), None
        masked = passage._replace(label=form.label, layers=form.layers, origin=label, masked=form.types)
        without = refusal(masked)
        if without is not None:
            return (reason, form.objection(zone) if without.code == "label_not_cleared" else without), form
    down = _incapable(snapshot.deployments[name], need) or _down(name, conditions.get(name), monotonic_s)
    return ((down,) if down is not None else ()), form


def _incapable(deployment: Deployment, need: Need) -> Reason | None:
    can = deployment.capabilities
    missing = None
    if need.endpoint not in can.endpoints:
        missing = need.endpoint
    elif need.capabilities:
        missing = next((word for word in sorted(need.capabilities) if not _has(deployment, word)), None)
    if missing is None:
        if can.context_tokens is None or need.input_tokens <= 4 * can.context_tokens:
            return None
        missing = f"a context beyond {can.context_tokens} tokens"
    return Reason(
        "capability",
        "A request goes only to deployments that can do what it asks.",
        f"Deployment `{deployment.name}` does not offer {missing}.",
        "Ask for less, or add a deployment that offers it to the route.",
    )


def _has(deployment: Deployment, word: str) -> bool:
    can = deployment.capabilities
    match word:
        case "tools" | "tools-forced":
            return can.tools is not ToolSupport.NONE
        case "json_schema":
            return can.json_schema
        case "logprobs":
            return can.logprobs
        case "choices":
            return can.choices
        case "media":
            return can.media
        case _:
            return False


def _down(name: str, condition: Condition | None, monotonic_s: float) -> Reason | None:
    if condition is None or (condition.ready and not condition.circuit.is_open(monotonic_s)):
        return None
    fact = (
        f"Deployment `{name}` failed {condition.circuit.failures} times in a row."
        if condition.ready
        else f"The engine of deployment `{name}` is not ready."
    )
    return Reason(
        "down",
        "A deployment that keeps failing is left alone for a while.",
        fact,
        "Try again shortly; `GET /admin/v1/status` and the log tell what is wrong with it.",
    )


Rank = Callable[[str], tuple[float, ...]]


def _strategy(wish: Wish, route: Route) -> Strategy:
    """Return the route's strategy as the caller's wish bends it: a batch wants the cheapest, a person the fastest."""
    if wish is Wish.BATCH:
        return Strategy.CHEAPEST
    if wish is Wish.INTERACTIVE and route.strategy is Strategy.CHEAPEST and route.objective.ttft_ms is None:
        return Strategy.FASTEST
    return route.strategy


def _keeps_order(wish: Wish, route: Route) -> bool:
    return _strategy(wish, route) is Strategy.PRIORITY and not route.objective.is_set


def _order(names: list[str], question: Question) -> list[str]:
    """Sort by strategy, then those that miss the objective behind those that meet it."""
    _, need, route, _, snapshot, _, conditions, _, _, chance, _, _ = question
    match _strategy(need.wish, route):
        case Strategy.PRIORITY:
            ordered = names
        case Strategy.WEIGHTED:
            ordered = _by_weight(names, snapshot, chance)
        case Strategy.CHEAPEST:
            ordered = sorted(names, key=lambda name: _cost(snapshot.deployments[name], need, snapshot))
        case Strategy.FASTEST:
            ordered = sorted(names, key=lambda name: _time(conditions.get(name, UNKNOWN_CONDITION), need))
    if need.wish is Wish.BATCH or not route.objective.is_set:
        return ordered
    return sorted(ordered, key=lambda name: _misses(route, conditions.get(name, UNKNOWN_CONDITION)))


def _misses(route: Route, condition: Condition) -> bool:
    """Tell whether a deployment is known to miss the objective; one never measured gets its chance."""
    pace, objective = condition.pace, route.objective
    late_first = objective.ttft_ms is not None and pace.ttft_ms is not None and pace.ttft_ms > objective.ttft_ms
    late_next = objective.tpot_ms is not None and pace.tpot_ms is not None and pace.tpot_ms > objective.tpot_ms
    return late_first or late_next


def _cost(deployment: Deployment, need: Need, snapshot: Snapshot) -> tuple[int, int]:
    """Rank by cost: own hardware, which no token makes dearer, first; then by price; a price without a rate last."""
    if deployment.price is None:
        return (0, 0)
    cost = deployment.price.cost_micro(max(need.input_tokens, 1), max(need.output_tokens, 1))
    into = min({d.price.currency for d in snapshot.deployments.values() if d.price is not None})
    converted = snapshot.rates.convert_micro(cost, deployment.price.currency, into)
    return (2, cost) if converted is None else (1, converted)


def _time(condition: Condition, need: Need) -> tuple[int, float]:
    """Rank by expected time; one never measured first, so that it gets measured."""
    expected = condition.pace.expected_ms(need.output_tokens)
    return (0, 0.0) if expected is None else (1, expected)


def _by_weight(names: list[str], snapshot: Snapshot, chance: float) -> list[str]:
    """Draw without replacement by weight. One draw serves for all: within the part it fell into it is uniform again."""
    rest = list(names)
    drawn: list[str] = []
    while rest:
        weights = [snapshot.deployments[name].weight for name in rest]
        point = chance * sum(weights)
        index = 0
        while index < len(rest) - 1 and point >= weights[index]:
            point -= weights[index]
            index += 1
        chance = min(point / weights[index], 1.0 - 2**-53) if weights[index] else 0.0
        drawn.append(rest.pop(index))
    return drawn

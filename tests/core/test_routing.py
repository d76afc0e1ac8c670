"""Decisions: what is allowed never depends on the order, and every refused candidate says why."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.core.label import PUBLIC, RESTRICTED, Clearance, Label, Level
from douane.core.models.catalogue import Assurance, Capabilities, Deployment, Endpoint, ToolSupport
from douane.core.money import Price
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.latency import Circuit, Condition, Pace
from douane.core.traffic.masked import MaskedForm
from douane.core.traffic.routing import Decision, Need, Question, Wish, decide, first_choice, zones_to_mask_for
from douane.core.traffic.snapshot import Key, Objective, Policy, Rates, Route, Snapshot, Strategy
from douane.core.zone import Zone
from douane.errors import LabelNotCleared, NoClearedDeployment, Unauthenticated, Unsupported

CHAT = frozenset({"chat"})


def deployment(name: str, zone: str, *, price: int | None = None, weight: int = 1, **more: object) -> Deployment:
    return Deployment(
        name=name,
        zone=zone,
        model="m",
        kind="openai-compatible",
        endpoint=Endpoint("http", "127.0.0.1", 1, "/v1"),
        upstream_model="m",
        assurance=more.get("assurance", Assurance.VERIFIED),  # type: ignore[arg-type]
        capabilities=more.get("capabilities", Capabilities(CHAT)),  # type: ignore[arg-type]
        price=None if price is None else Price(price, price, str(more.get("currency", "EUR")), "s", "2026-01-01"),
        weight=weight,
    )


def snapshot(
    *deployments: Deployment, strategy: Strategy = Strategy.PRIORITY, objective: Objective | None = None
) -> Snapshot:
    zones = {
        "premises": Zone(
            "premises", True, Clearance(Level.RESTRICTED, every_compartment=True), (ip_network("127.0.0.0/8"),)
        ),
        "cloud": Zone("cloud", False, Clearance(Level.PUBLIC)),
        "partner": Zone("partner", False, Clearance(Level.CONFIDENTIAL, frozenset({"pci"}))),
    }
    route = Route("chat", tuple(d.name for d in deployments), strategy, objective or Objective())
    return Snapshot(
        "v1", zones, {d.name: d for d in deployments}, {"chat": route}, {}, Policy(), Rates({("USD", "EUR"): 900_000})
    )


KEY = Key("k", "digest", "owner")


def run(
    snap: Snapshot,
    label: Label = PUBLIC,
    need: Need = Need("chat"),  # noqa: B008
    conditions: dict[str, Condition] | None = None,
    key: Key = KEY,
    revoked: Revocations = Revocations(),  # noqa: B008
    chance: float = 0.0,
) -> Decision:
    question = Question(label, need, snap.routes["chat"], key, snap, revoked, conditions or {}, 100, 50.0, chance)
    decision = decide(question)
    assert first_choice(question) in (None, decision.chosen)
    return decision


def order(decision: Decision) -> list[str]:
    return [c.deployment for c in decision.candidates if c.allowed]


TWO = (deployment("cheap", "cloud", price=100), deployment("own", "premises"))

labels = st.builds(Label, st.sampled_from(Level), st.frozensets(st.sampled_from(["pci", "health"]), max_size=2))


@given(labels, st.sampled_from(Strategy), st.sampled_from(Wish), st.floats(0, 0.999))
def test_no_strategy_wish_or_chance_allows_a_zone_not_cleared(
    label: Label, strategy: Strategy, wish: Wish, chance: float
) -> None:
    snap = snapshot(*TWO, deployment("far", "partner", price=5), strategy=strategy)
    decision = run(snap, label, Need("chat", wish=wish), chance=chance)
    assert all(snap.zones[c.zone].clearance.permits(label) for c in decision.candidates if c.allowed)
    assert {c.deployment for c in decision.candidates} == {"cheap", "own", "far"}
    assert all(c.reasons for c in decision.candidates if not c.allowed)


@given(labels, st.permutations(["cheap", "own", "far"]))
def test_what_is_allowed_does_not_depend_on_the_order_of_the_route(label: Label, names: list[str]) -> None:
    by_name = {d.name: d for d in (*TWO, deployment("far", "partner", price=5))}
    assert set(order(run(snapshot(*(by_name[n] for n in names)), label))) == set(
        order(run(snapshot(*by_name.values()), label))
    )


@given(labels, st.permutations(["cheap", "own", "far"]), st.sampled_from(["cheap", "own", "far"]))
def test_by_priority_the_first_choice_is_the_decisions_without_a_look_at_the_rest(
    label: Label, names: list[str], blocked: str
) -> None:
    by_name = {d.name: d for d in (*TWO, deployment("far", "partner", price=5))}
    snap = snapshot(*(by_name[name] for name in names))
    revoked = Revocations(deployments=frozenset({blocked}))
    question = Question(label, Need("chat"), snap.routes["chat"], KEY, snap, revoked, {}, 100, 50.0, 0.0)
    assert first_choice(question) == decide(question).chosen


def test_a_route_without_a_zone_for_the_label_is_a_403_that_says_what_to_add() -> None:
    error = run(snapshot(TWO[0]), RESTRICTED).refusal()
    assert isinstance(error, LabelNotCleared)
    assert "cloud" in error.problem
    assert "cleared for `restricted`" in error.fix


def test_a_cleared_deployment_that_is_down_is_a_503() -> None:
    down = {"own": Condition(circuit=Circuit(3, 60.0))}
    assert isinstance(run(snapshot(*TWO), RESTRICTED, conditions=down).refusal(), NoClearedDeployment)
    assert isinstance(
        run(snapshot(*TWO), RESTRICTED, conditions={"own": Condition(ready=False)}).refusal(), NoClearedDeployment
    )


def test_a_circuit_that_was_open_long_enough_is_tried_again() -> None:
    assert order(run(snapshot(*TWO), RESTRICTED, conditions={"own": Condition(circuit=Circuit(3, 49.0))})) == ["own"]


def test_a_missing_capability_is_unsupported_only_where_nothing_else_stands_in_the_way() -> None:
    mute = deployment("mute", "premises", capabilities=Capabilities(CHAT, tools=ToolSupport.NONE))
    need = Need("chat", frozenset({"tools"}))
    assert isinstance(run(snapshot(mute), need=need).refusal(), Unsupported)
    assert order(run(snapshot(mute, TWO[1]), need=need)) == ["own"]
    assert isinstance(run(snapshot(TWO[1]), need=Need("embeddings")).refusal(), Unsupported)


def test_who_sends_an_image_to_a_model_that_reads_text_alone_is_told_which_deployment_lacks_it() -> None:
    blind = deployment("blind", "premises", capabilities=Capabilities(CHAT, media=False))
    need = Need("chat", frozenset({"media"}))
    refusal = run(snapshot(blind, TWO[0]), RESTRICTED, need=need).refusal()
    assert isinstance(refusal, Unsupported)
    assert "`blind` does not offer media" in refusal.problem
    assert order(run(snapshot(blind, TWO[1]), RESTRICTED, need=need)) == ["own"]


@pytest.mark.parametrize("word", [a for a in Assurance if a not in (Assurance.VERIFIED, Assurance.PROVIDER_ASSERTED)])
def test_unverified_means_unroutable(word: Assurance) -> None:
    decision = run(snapshot(deployment("own", "premises", assurance=word)))
    assert decision.candidates[0].reasons[0].code == "not_verified"


def test_a_key_reaches_only_its_zones_and_a_revoked_one_none() -> None:
    assert order(run(snapshot(*TWO), key=Key("k", "digest", "o", zones=frozenset({"cloud"})))) == ["cheap"]
    assert isinstance(run(snapshot(*TWO), revoked=Revocations(frozenset({"digest"}))).refusal(), Unauthenticated)
    assert order(run(snapshot(*TWO), revoked=Revocations(deployments=frozenset({"cheap"})))) == ["own"]
    assert isinstance(run(snapshot(*TWO), key=Key("k", "digest", "o", expires_at=100)).refusal(), Unauthenticated)


def test_cheapest_puts_own_hardware_first_then_prices_in_one_currency() -> None:
    dollars = deployment("dollars", "cloud", price=105, currency="USD")
    euros = deployment("euros", "cloud", price=100)
    francs = deployment("francs", "cloud", price=1, currency="CHF")
    need = Need("chat", input_tokens=10**6, output_tokens=10**6)
    snap = snapshot(francs, euros, dollars, TWO[1], strategy=Strategy.CHEAPEST)
    snap = Snapshot(snap.version, snap.zones, snap.deployments, snap.routes, {}, Policy(),
                    Rates({("USD", "CHF"): 900_000, ("EUR", "CHF"): 950_000}))  # fmt: skip
    assert order(run(snap, need=need)) == ["own", "francs", "dollars", "euros"]


def test_fastest_follows_the_estimates_and_measures_what_it_does_not_know() -> None:
    paces = {"cheap": Condition(Pace(100.0, 10.0)), "own": Condition(Pace(50.0, 30.0))}
    snap = snapshot(*TWO, strategy=Strategy.FASTEST)
    assert order(run(snap, need=Need("chat", output_tokens=1), conditions=paces)) == ["own", "cheap"]
    assert order(run(snap, need=Need("chat", output_tokens=100), conditions=paces)) == ["cheap", "own"]
    assert order(run(snap, conditions={"own": paces["own"]})) == ["cheap", "own"]


def test_a_candidate_known_to_miss_the_objective_goes_behind() -> None:
    snap = snapshot(*TWO, objective=Objective(ttft_ms=80))
    slow = {"cheap": Condition(Pace(100.0, 10.0))}
    assert order(run(snap, conditions=slow)) == ["own", "cheap"]
    assert order(run(snap, need=Need("chat", wish=Wish.BATCH), conditions=slow)) == ["own", "cheap"]


@given(st.floats(0, 0.9999999), st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_weighted_draws_each_candidate_once(chance: float, weights: list[int]) -> None:
    many = [deployment(f"d{i}", "cloud", price=1, weight=w) for i, w in enumerate(weights)]
    decision = run(snapshot(*many, strategy=Strategy.WEIGHTED), chance=chance)
    assert sorted(order(decision)) == sorted(d.name for d in many)


def test_weighted_draws_in_proportion() -> None:
    many = (deployment("a", "cloud", price=1, weight=3), deployment("b", "cloud", price=1, weight=1))
    snap = snapshot(*many, strategy=Strategy.WEIGHTED)
    firsts = [order(run(snap, chance=i / 1000))[0] for i in range(1000)]
    assert firsts.count("a") == 750


# --- masked forms ----------------------------------------------------------------------------------------------------

CONFIDENTIAL = Label(Level.CONFIDENTIAL)
MASKED = MaskedForm(PUBLIC, (), frozenset({"IBAN"}))


def asked(forms: dict[str, MaskedForm], *, label: Label = CONFIDENTIAL, key: Key = KEY, **cloud: object) -> Question:
    snap = snapshot(*TWO)
    zone = replace(snap.zones["cloud"], **{"mask": frozenset({"IBAN"}), **cloud})  # type: ignore[arg-type]
    snap = replace(snap, zones={**snap.zones, "cloud": zone})
    return Question(label, Need("chat"), snap.routes["chat"], key, snap, Revocations(), {}, 100, 50.0, 0.0, (), forms)


def test_a_zone_that_masks_takes_the_masked_form_in_its_turn() -> None:
    decision = decide(asked({"cloud": MASKED}))
    assert order(decision) == ["cheap", "own"]
    assert [candidate.masked for candidate in decision.candidates] == [MASKED, None]
    assert first_choice(asked({"cloud": MASKED})) == "cheap"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (MASKED._replace(label=Label(Level.INTERNAL), left=("EMAIL",)), "masking_insufficient"),
        (MASKED._replace(label=CONFIDENTIAL, whole=False), "masking_insufficient"),
        (MASKED._replace(types=frozenset({"EMAIL"})), "masking_not_allowed"),
    ],
)
def test_a_masked_form_that_is_not_cleared_either_says_why(form: MaskedForm, code: str) -> None:
    decision = decide(asked({"cloud": form}))
    assert order(decision) == ["own"]
    refused = decision.candidates[-1]
    assert [reason.code for reason in refused.reasons] == ["label_not_cleared", code]
    assert "EMAIL" not in form.left or "EMAIL" in refused.reasons[1].fact
    assert refused.masked == form


@given(labels, labels, st.booleans())
def test_no_form_is_allowed_whose_own_label_is_not_cleared(label: Label, own: Label, restricted_too: bool) -> None:
    question = asked({"cloud": MASKED._replace(label=own)}, label=label, mask_restricted=restricted_too)
    for candidate in decide(question).candidates:
        zone = question.snapshot.zones[candidate.zone]
        if candidate.allowed and not zone.clearance.permits(label):
            assert zone.clearance.permits(own)
            assert label.level < Level.RESTRICTED or restricted_too


def test_which_zones_get_a_masked_form() -> None:
    def zones(label: Label = CONFIDENTIAL, key: Key = KEY, **cloud: object) -> list[str]:
        question = asked({}, label=label, **cloud)
        return [zone.name for zone in zones_to_mask_for(label, question.route, key, question.snapshot)]

    assert zones() == ["cloud"]
    assert zones(PUBLIC) == []
    assert zones(RESTRICTED) == []
    assert zones(RESTRICTED, mask_restricted=True) == ["cloud"]
    assert zones(mask=frozenset()) == []
    assert zones(premises=True) == []
    assert zones(key=replace(KEY, zones=frozenset({"premises"}))) == []

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from douane.core.finding import FINDING_TYPES, Failure, Finding, Inspection
from douane.core.label import COMPARTMENTS, PUBLIC, Label, Level, join
from douane.core.traffic.classification import MOST_REASONS, classify, going_on, label_of
from douane.core.traffic.snapshot import Policy

LABELS = st.builds(Label, st.sampled_from(Level), st.frozensets(st.sampled_from(sorted(COMPARTMENTS)), max_size=3))
DETAILS = st.sampled_from(["", "tlp-red", "tlp-clear", "fr", "aws"])
FINDINGS = st.builds(
    Finding,
    st.sampled_from(FINDING_TYPES),
    st.sampled_from(["", "/messages/0/content", "/messages/12/content", "/metadata/Jean Dupont~key", "/user"]),
    st.integers(0, 50),
    st.integers(0, 50),
    st.just(0.9),
    st.just("d"),
    DETAILS,
)
KEYS = st.one_of(st.sampled_from(FINDING_TYPES), st.sampled_from(["MARK:tlp-red", "MARK:tlp-clear", "SECRET:aws"]))
POLICIES = st.builds(Policy, unknown=LABELS, map=st.dictionaries(KEYS, LABELS, max_size=8))
INSPECTIONS = st.builds(
    Inspection, st.lists(FINDINGS, max_size=12).map(tuple), st.just(("patterns",)), st.just("v"), st.booleans()
)
FAILURES = st.builds(Failure, st.just("patterns"), st.sampled_from(["late", "died"]))


def told(classified):
    return [reason.as_dict() for reason in classified.reasons]


@given(st.one_of(INSPECTIONS, FAILURES), POLICIES, LABELS, LABELS)
def test_the_label_is_at_least_what_was_declared_and_the_floor(inspection, policy, declared, floor):
    label = classify(inspection, policy, declared=declared, floor=floor).label
    assert declared <= label
    assert floor <= label


@given(INSPECTIONS, POLICIES, LABELS, LABELS)
def test_the_label_is_the_join_of_its_causes_and_nothing_else(inspection, policy, declared, floor):
    causes = [declared, floor, *(label_of(found, policy) for found in inspection.findings)]
    if inspection.cut or inspection.failed:
        causes.append(policy.unknown)
    assert classify(inspection, policy, declared=declared, floor=floor).label == join(causes)


@given(INSPECTIONS, FINDINGS, POLICIES, LABELS, LABELS, LABELS)
def test_a_further_finding_declaration_or_floor_only_raises(inspection, further, policy, declared, floor, more):
    before = classify(inspection, policy, declared=declared, floor=floor).label
    grown = inspection._replace(findings=(*inspection.findings, further))
    assert before <= classify(grown, policy, declared=declared, floor=floor).label
    assert before <= classify(inspection, policy, declared=declared | more, floor=floor).label
    assert before <= classify(inspection, policy, declared=declared, floor=floor | more).label


@given(st.data(), INSPECTIONS, POLICIES, LABELS, LABELS)
def test_the_order_of_findings_changes_neither_label_nor_reasons(data, inspection, policy, declared, floor):
    shuffled = tuple(data.draw(st.permutations(inspection.findings)))
    other = inspection._replace(findings=shuffled)
    one = classify(inspection, policy, declared=declared, floor=floor)
    two = classify(other, policy, declared=declared, floor=floor)
    assert one.label == two.label
    assert told(one) == told(two)


@given(FAILURES, POLICIES, LABELS, LABELS)
def test_a_failure_counts_as_unread(failure, policy, declared, floor):
    classified = classify(failure, policy, declared=declared, floor=floor)
    assert policy.unknown <= classified.label
    assert "unread" in {reason.code for reason in classified.reasons}


@given(INSPECTIONS, POLICIES)
def test_findings_that_were_cut_count_as_unread(inspection, policy):
    cut = Inspection(inspection.findings, inspection.layers, inspection.detectors, cut=True)
    assert policy.unknown <= classify(cut, policy).label


@given(FINDINGS, LABELS)
def test_a_finding_that_no_row_maps_is_unknown_and_not_nothing(finding, unknown):
    assert classify(Inspection((finding,)), Policy(unknown=unknown)).label == unknown


@given(st.one_of(INSPECTIONS, FAILURES), POLICIES, LABELS, LABELS)
def test_every_label_above_public_has_a_reason_and_reasons_are_bounded(inspection, policy, declared, floor):
    classified = classify(inspection, policy, declared=declared, floor=floor)
    assert bool(classified.reasons) or classified.label == PUBLIC
    assert len(classified.reasons) <= MOST_REASONS
    for reason in classified.reasons:
        assert reason.code
        assert reason.rule
        assert reason.fact
        assert reason.fix


@given(INSPECTIONS, POLICIES)
def test_a_reason_never_tells_a_key_of_the_callers_own(inspection, policy):
    assert all("Jean Dupont" not in reason.fact for reason in classify(inspection, policy).reasons)


def test_a_details_own_row_goes_before_its_types():
    policy = Policy(map={"MARK": Label(Level.CONFIDENTIAL), "MARK:tlp-clear": PUBLIC})
    clear = Finding("MARK", "", 0, 9, 0.9, "mark", "tlp-clear")
    other = Finding("MARK", "", 0, 9, 0.9, "mark", "confidential")
    assert label_of(clear, policy) == PUBLIC
    assert label_of(other, policy) == Label(Level.CONFIDENTIAL)


def test_a_reason_names_type_count_and_first_place():
    policy = Policy(map={"IBAN": Label(Level.CONFIDENTIAL)})
    seen = Inspection(tuple(Finding("IBAN", f"/messages/{n}/content", 0, 9, 0.9, "iban") for n in (3, 1, 2)))
    (reason,) = classify(seen, policy).reasons
    assert reason.fact == "3 findings of IBAN, the first in /messages/1/content: `confidential`."


def test_more_causes_than_are_listed_are_counted():
    findings = tuple(Finding("MARK", "", 0, 1, 0.9, "mark", f"mark-{n}") for n in range(MOST_REASONS + 5))
    policy = Policy(map={"MARK": Label(Level.INTERNAL)})
    classified = classify(Inspection(findings), policy, floor=Label(Level.CONFIDENTIAL))
    assert len(classified.reasons) == MOST_REASONS
    assert classified.reasons[0].code == "floor"
    assert (classified.reasons[-1].code, classified.reasons[-1].fact[:2]) == ("more", "7 ")


def test_nothing_found_declared_or_required_is_public():
    assert classify(Inspection(layers=("patterns",)), Policy()).label == PUBLIC


@given(st.one_of(INSPECTIONS, FAILURES), POLICIES, LABELS, LABELS)
def test_the_codes_are_those_of_the_reasons_in_their_order(inspection, policy, declared, floor):
    classified = classify(inspection, policy, declared=declared, floor=floor)
    codes = classified.codes
    assert codes == tuple(dict.fromkeys(reason.code for reason in classified.reasons))


@given(st.integers(MOST_REASONS - 2, MOST_REASONS + 2), LABELS, POLICIES)
def test_the_codes_are_those_of_the_reasons_where_some_are_not_listed(many, floor, policy):
    findings = tuple(Finding("MARK", "", 0, 1, 0.9, "mark", f"mark-{n}") for n in range(many))
    classified = classify(Inspection(findings), policy, floor=floor)
    assert classified.codes == tuple(dict.fromkeys(reason.code for reason in classified.reasons))


@given(INSPECTIONS, POLICIES, LABELS)
def test_a_layer_that_failed_counts_as_unknown_beside_what_the_others_found(inspection, policy, declared):
    failed = inspection._replace(failed=(Failure("meaning", "late"),))
    classified = classify(failed, policy, declared=declared)
    assert policy.unknown <= classified.label
    assert classify(inspection, policy, declared=declared).label <= classified.label
    assert "unread" in classified.codes


@given(INSPECTIONS, POLICIES, st.dictionaries(KEYS, LABELS, max_size=8))
def test_an_owner_with_a_map_of_its_own_is_labelled_by_it_and_nobody_else_is(inspection, policy, own):
    policy = replace(policy, owners={"acme": own})
    assert classify(inspection, policy, owner="acme").label == classify(inspection, replace(policy, map=own)).label
    assert classify(inspection, policy, owner="other").label == classify(inspection, policy).label


LAYERS = st.frozensets(st.sampled_from(["patterns", "meaning"]))


@given(st.one_of(INSPECTIONS, FAILURES), POLICIES, LABELS, LABELS, LAYERS)
def test_what_a_conversation_was_only_raises_and_unread_turns_count_as_unknown(
    inspection, policy, floor, earlier, unread
):
    alone = classify(inspection, policy, floor=floor)
    later = going_on(alone, earlier, unread, policy.unknown)
    assert later.label == alone.label | earlier | (policy.unknown if unread else PUBLIC)
    assert ("conversation" in later.codes) == (later.label != alone.label)


def test_a_conversations_reason_says_the_rule_the_fact_and_the_fix():
    secret = Label(Level.CONFIDENTIAL, frozenset({"pci"}))
    alone = classify(Inspection(), Policy())
    reasons = told(going_on(alone, secret, {"meaning"}, Label(Level.RESTRICTED)))
    assert [reason["fact"] for reason in reasons] == [
        "Earlier turns of this conversation stayed on the premises, and `meaning` did not read them: `restricted`.",
        "Earlier turns of this conversation were `confidential {pci}`.",
    ]
    assert all(reason["code"] == "conversation" and reason["rule"] and reason["fix"] for reason in reasons)

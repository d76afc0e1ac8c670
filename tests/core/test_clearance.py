"""The choke point: no permit without every check, and none that outlives what it was given for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_routing import KEY, deployment, snapshot

from douane.core.label import PUBLIC, RESTRICTED, Label, Level
from douane.core.models.catalogue import Assurance
from douane.core.reason import Reason
from douane.core.traffic.clearance import Cleared, Passage, Revocations, clear, confirm
from douane.core.traffic.snapshot import Policy, Snapshot
from douane.errors import ClearanceBroken

SNAP = snapshot(deployment("cheap", "cloud", price=1), deployment("own", "premises"))
NONE = Revocations()


def passage(name: str = "cheap", label: Label = PUBLIC, **more: object) -> Passage:
    base = Passage(label, name, KEY, "chat", SNAP, NONE, 100)
    return base._replace(**more)


def permit() -> Cleared:
    cleared = clear(passage(), b"payload")
    assert isinstance(cleared, Cleared)
    return cleared


def test_nobody_else_makes_a_permit() -> None:
    ours = permit()
    with pytest.raises(TypeError, match="clearance alone"):
        replace(ours, asked=passage(label=RESTRICTED), seal=object())


def test_a_permit_cannot_be_turned_into_another() -> None:
    with pytest.raises(AttributeError):
        permit().asked = passage(label=RESTRICTED)  # type: ignore[misc]


REFUSED = {
    "not_in_route": passage("elsewhere"),
    "label_not_cleared": passage(label=Label(Level.INTERNAL)),
    "masking_not_allowed": passage(origin=Label(Level.CONFIDENTIAL), masked=frozenset({"IBAN"})),
    "forbidden_route": passage(key=replace(KEY, routes=frozenset({"other"}))),
    "zone_not_in_key": passage(key=replace(KEY, zones=frozenset({"premises"}))),
    "key_revoked": passage(revoked=Revocations(keys=frozenset({KEY.digest}))),
    "key_expired": passage(key=replace(KEY, expires_at=100)),
    "blocked": passage(revoked=Revocations(deployments=frozenset({"cheap"}))),
    "not_verified": passage(snapshot=snapshot(deployment("cheap", "cloud", price=1, assurance=Assurance.DECLARED))),
    "unread": passage(
        snapshot=replace(SNAP, policy=Policy(layers=frozenset({"patterns", "meaning"}))), layers=("patterns",)
    ),
}


@pytest.mark.parametrize("code", REFUSED)
def test_each_check_refuses_for_itself_and_says_what_would_help(code: str) -> None:
    reason = clear(REFUSED[code], b"payload")
    assert isinstance(reason, Reason)
    assert reason.code == code
    assert reason.fact
    assert reason.fix


MASKING = replace(
    SNAP, zones={**SNAP.zones, "cloud": replace(SNAP.zones["cloud"], mask=frozenset({"IBAN", "SECRET:aws"}))}
)
CONFIDENTIAL = Label(Level.CONFIDENTIAL)


def masked(*types: str, **more: object) -> Passage:
    return passage(**{"snapshot": MASKING, "origin": CONFIDENTIAL, "masked": frozenset(types), **more})


def test_a_masked_payload_is_cleared_by_its_own_label_and_by_what_may_be_masked() -> None:
    cleared = clear(masked("IBAN", "SECRET"), b"payload")
    assert isinstance(cleared, Cleared)
    assert (cleared.label, cleared.asked.origin, cleared.asked.masked) == (
        PUBLIC,
        CONFIDENTIAL,
        frozenset({"IBAN", "SECRET"}),
    )
    confirm(cleared, b"payload", MASKING, NONE, 100)


@pytest.mark.parametrize(
    ("passed", "code"),
    [
        (masked("IBAN", label=CONFIDENTIAL), "label_not_cleared"),
        (masked("IBAN", "EMAIL"), "masking_not_allowed"),
        (masked("IBAN", origin=RESTRICTED), "masking_not_allowed"),
        (masked("IBAN", snapshot=SNAP), "masking_not_allowed"),
    ],
)
def test_a_masked_payload_is_refused_for_what_is_left_and_for_what_policy_does_not_let_be_masked(
    passed: Passage, code: str
) -> None:
    reason = clear(passed, b"payload")
    assert isinstance(reason, Reason)
    assert reason.code == code


def names_wanted(*mask: str) -> Snapshot:
    """Return a snapshot whose policy has names found, and whose cloud may mask these types."""
    return replace(
        SNAP,
        policy=Policy(name_layers=frozenset({"names"})),
        zones={**SNAP.zones, "cloud": replace(SNAP.zones["cloud"], mask=frozenset(mask))},
    )


def test_where_policy_has_names_found_what_was_not_read_for_them_is_not_sent_masked() -> None:
    wanted = names_wanted("IBAN", "PERSON")
    reason = clear(masked("IBAN", snapshot=wanted, layers=("patterns",)), b"payload")
    assert isinstance(reason, Reason)
    assert reason.code == "unread"
    assert "`names`" in reason.fact
    assert "policy.names" in reason.fix
    assert isinstance(clear(masked("IBAN", snapshot=wanted, layers=("patterns", "names")), b"payload"), Cleared)


def test_names_need_be_found_only_in_what_is_masked_and_where_they_may_be_masked() -> None:
    assert isinstance(clear(masked("IBAN", snapshot=names_wanted("IBAN")), b"payload"), Cleared)
    assert isinstance(clear(passage(snapshot=names_wanted("IBAN", "PERSON")), b"payload"), Cleared)


def test_a_policy_that_asks_for_names_counts_at_the_hop() -> None:
    before = replace(names_wanted("IBAN", "PERSON"), policy=Policy())
    cleared = clear(masked("IBAN", snapshot=before), b"payload")
    assert isinstance(cleared, Cleared)
    with pytest.raises(ClearanceBroken, match="names"):
        confirm(cleared, b"payload", names_wanted("IBAN", "PERSON"), NONE, 100)


def test_a_mask_that_policy_takes_away_counts_at_the_hop() -> None:
    cleared = clear(masked("IBAN"), b"payload")
    assert isinstance(cleared, Cleared)
    with pytest.raises(ClearanceBroken, match="masked"):
        confirm(cleared, b"payload", SNAP, NONE, 100)


def test_a_permit_holds_while_nothing_changed() -> None:
    confirm(permit(), b"payload", SNAP, NONE, 100)


def test_a_permit_does_not_cover_other_bytes() -> None:
    with pytest.raises(ClearanceBroken, match="bytes"):
        confirm(permit(), b"payload ", SNAP, NONE, 100)


def test_a_reload_ends_every_permit() -> None:
    with pytest.raises(ClearanceBroken, match="configuration changed"):
        confirm(permit(), b"payload", replace(SNAP, version="v2"), NONE, 100)


@pytest.mark.parametrize(
    ("revoked", "now_s"),
    [(Revocations(keys=frozenset({KEY.digest})), 100), (Revocations(deployments=frozenset({"cheap"})), 100)],
)
def test_a_revocation_or_a_block_counts_at_the_hop(revoked: Revocations, now_s: int) -> None:
    with pytest.raises(ClearanceBroken):
        confirm(permit(), b"payload", SNAP, revoked, now_s)


def test_a_key_that_expires_between_clearing_and_the_hop_sends_nothing() -> None:
    cleared = clear(passage(key=replace(KEY, expires_at=101)), b"payload")
    assert isinstance(cleared, Cleared)
    with pytest.raises(ClearanceBroken):
        confirm(cleared, b"payload", SNAP, NONE, 101)


def test_every_check_runs_again_at_the_hop() -> None:
    tightened = replace(
        SNAP, policy=Policy(), zones={**SNAP.zones, "cloud": replace(SNAP.zones["premises"], name="cloud")}
    )
    cleared = clear(passage(label=RESTRICTED, snapshot=tightened), b"payload")
    assert isinstance(cleared, Cleared)
    with pytest.raises(ClearanceBroken):
        confirm(cleared, b"payload", SNAP, NONE, 100)


def test_what_stays_on_the_premises_needs_no_further_layer() -> None:
    strict = replace(SNAP, policy=Policy(layers=frozenset({"patterns", "meaning"})))
    assert isinstance(clear(passage("own", snapshot=strict), b"payload"), Cleared)
    assert isinstance(clear(passage(snapshot=strict, layers=("meaning", "patterns")), b"payload"), Cleared)

"""The lattice: join and order, and clearances that only ever permit downwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from douane.core.label import COMPARTMENTS, PUBLIC, Clearance, Label, Level, join

labels = st.builds(Label, st.sampled_from(Level), st.frozensets(st.sampled_from(sorted(COMPARTMENTS)), max_size=4))
clearances = st.builds(
    Clearance, st.sampled_from(Level), st.frozensets(st.sampled_from(sorted(COMPARTMENTS)), max_size=4), st.booleans()
)


@given(labels, labels, labels)
def test_join_is_associative_commutative_and_idempotent(a: Label, b: Label, c: Label) -> None:
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a
    assert a | a == a


@given(labels, labels)
def test_join_is_the_least_upper_bound(a: Label, b: Label) -> None:
    both = a | b
    assert a <= both
    assert b <= both
    assert both.level in (a.level, b.level)
    assert both.compartments == a.compartments | b.compartments


@given(labels, labels)
def test_order_is_what_join_says(a: Label, b: Label) -> None:
    assert (a <= b) == ((a | b) == b)


@given(st.lists(labels, max_size=6))
def test_joining_many_never_falls_below_any(many: list[Label]) -> None:
    assert all(label <= join(many) for label in many)
    assert join([]) == PUBLIC


@given(clearances, labels, labels)
def test_what_is_permitted_stays_permitted_when_the_label_falls(zone: Clearance, low: Label, high: Label) -> None:
    if zone.permits(low | high):
        assert zone.permits(low)
        assert zone.permits(high)


@given(clearances, labels)
def test_a_clearance_permits_no_compartment_that_it_does_not_list(zone: Clearance, label: Label) -> None:
    if zone.permits(label):
        assert label.level <= zone.level
        assert zone.every_compartment or label.compartments <= zone.compartments


def test_a_level_is_read_from_its_word_alone() -> None:
    assert [Level.parse(word) for word in ("public", "internal", "confidential", "restricted")] == list(Level)
    assert Level.parse("RESTRICTED") is None
    assert Level.parse("") is None

"""Pseudonyms: one for a value, none that can be guessed, none that gives a credential back."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from douane.core.pseudonym import MOST_PSEUDONYMS, PLACEHOLDER, Pseudonyms, normal_form

KEY, OTHER = b"k" * 32, b"o" * 32
IBAN = "FR14 2004 1010 0505 0001 3M02 606"


def test_one_value_has_one_pseudonym_however_it_is_spelt() -> None:
    ours = Pseudonyms(KEY)
    first = ours.issue("IBAN", IBAN)
    spellings = (IBAN, IBAN.replace(" ", ""), IBAN.replace(" ", "-").lower(), IBAN.replace(" ", "\u202f"))
    assert {ours.issue("IBAN", spelling) for spelling in spellings} == {first}
    assert first is not None
    assert first.value == IBAN
    assert ours.fresh == [first]


def test_values_that_only_look_alike_are_told_apart() -> None:
    for kind, one, other in (
        ("EMAIL", "jean.d@x.fr", "jeand@x.fr"),
        ("IBAN", "RlIxNCAyMDA0", "rLiXnCaYmda0"),  # base64 of other texts
        ("SECRET", "a-b-c-1-2-3", "abc123x"),
        ("PERSON", "Anne Marie", "Annemarie"),
    ):
        assert normal_form(kind, one) != normal_form(kind, other)


def test_numbers_go_by_the_order_of_first_appearance() -> None:
    ours = Pseudonyms(KEY)
    issued = [ours.issue(kind, value) for kind, value in (("EMAIL", "a@x.fr"), ("IP", "10.0.0.1"), ("EMAIL", "b@x.fr"))]
    assert [(each.type, each.number) for each in issued if each] == [("EMAIL", 1), ("IP", 1), ("EMAIL", 2)]


def test_another_conversation_has_other_nonces_and_knows_none_of_ours() -> None:
    ours, theirs = Pseudonyms(KEY), Pseudonyms(OTHER)
    mine, hers = ours.issue("EMAIL", "a@x.fr"), theirs.issue("EMAIL", "a@x.fr")
    assert mine is not None
    assert hers is not None
    assert mine.nonce != hers.nonce
    assert theirs.find(mine.nonce, 1) is None


@given(st.text(max_size=40), st.sampled_from(("EMAIL", "IBAN", "FR_ID", "PERSON")))
def test_a_pseudonym_is_read_back_and_looks_like_no_number(value: str, kind: str) -> None:
    issued = Pseudonyms(KEY).issue(kind, value)
    assert issued is not None
    told = PLACEHOLDER.fullmatch(str(issued))
    assert told is not None
    assert told.groups() == (kind, "1", issued.nonce)
    assert not re.search("[0-9]{3}", issued.nonce)


def test_a_conversation_goes_on_where_it_was() -> None:
    before = Pseudonyms(KEY)
    kept = [before.issue("EMAIL", "a@x.fr"), before.issue("SECRET", "hunter2-and-more")]
    after = Pseudonyms(KEY, [each for each in kept if each is not None])
    assert [after.issue("EMAIL", "A@X.fr"), after.issue("SECRET", "hunter2-and-more")] == kept
    assert after.fresh == []
    further = after.issue("EMAIL", "b@x.fr")
    assert further is not None
    assert further.number == 2


def test_a_credential_is_never_kept() -> None:
    ours = Pseudonyms(KEY)
    issued = ours.issue("SECRET", "sk-live-0123456789")
    assert issued is not None
    assert issued.value is None
    assert not ours.reversible(issued.nonce)


def test_there_are_only_so_many() -> None:
    ours = Pseudonyms(KEY)
    assert all(ours.issue("PERSON", f"Person {number}") for number in range(MOST_PSEUDONYMS))
    assert ours.issue("PERSON", "one more") is None
    assert ours.issue("PERSON", "Person 7") is not None

"""A body scanned unit by unit shows what a scan of the whole body shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.core.finding import Inspection
from douane.detect.units import joined, units
from douane.detect.walk import walk
from douane.detect.whole import BULK_FROM, MOST_PER_TYPE

PIECES = [
    "jean.dupont@exemple.fr", "a.b@exemple.fr ", "06 12 34 56 78", "FR76 3000 6000 ", "0112 3456 7890 189", "4970 1012",
    " 3456 7893", "4970101234567893 ", "TLP:RED", "password: Tr0ub4dor&3", "Bonjour. ", "é", " ", "\n", "12",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
PART = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"]), "text": TEXT})
MESSAGE = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.one_of(TEXT, st.lists(PART, max_size=3))}
    ),
    TEXT,
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "model": st.just("m"),
        "system": TEXT,
        "messages": st.lists(MESSAGE, max_size=5),
        "input": st.one_of(TEXT, st.lists(MESSAGE, max_size=3), st.lists(st.integers(0, 9), max_size=3)),
        "metadata": st.dictionaries(TEXT, TEXT, max_size=2),
    },
)


def by_units(scanner, body, key=b"k"):
    cut = units(body)
    return joined(cut, [scanner.scan_unit(unit, key) for unit in cut])


@given(BODY)
def test_every_leaf_of_a_body_is_a_leaf_of_one_unit(body):
    leaves = [
        leaf
        for unit in units(body)
        for leaf in walk(
            {unit.word: [unit.value]} if unit.word else {k: v for k, v in unit.value.items() if k not in unit.lists}
        ).leaves
    ]
    assert sorted(leaves) == sorted(walk(body).leaves)


@given(BODY)
def test_joined_units_show_at_least_what_one_scan_of_the_body_shows(scanner, body):
    whole, parts = scanner.scan(body), by_units(scanner, body)
    assert {(f.type, f.pointer, f.start, f.end) for f in whole.findings} <= {
        (f.type, f.pointer, f.start, f.end) for f in parts.findings
    }
    assert set(whole.causes) <= set(parts.causes)
    assert (whole.layers, whole.detectors, whole.chars) == (parts.layers, parts.detectors, parts.chars)
    assert parts.cut or not whole.cut


def test_a_list_of_people_over_several_messages_is_bulk(scanner):
    messages = [{"role": "user", "content": f"p{n}@exemple.fr"} for n in range(BULK_FROM)]
    assert [f.detail for f in by_units(scanner, {"messages": messages}).findings if f.type == "BULK"] == ["email"]
    assert [f for f in by_units(scanner, {"messages": messages[1:]}).findings if f.type == "BULK"] == []
    same = [{"role": "user", "content": "p@exemple.fr"}] * BULK_FROM
    assert [f for f in by_units(scanner, {"messages": same}).findings if f.type == "BULK"] == []


def test_a_message_scanned_alone_points_into_itself(scanner):
    body = {
        "messages": [
            {"role": "user", "content": "."},
            {"role": "user", "content": [{"type": "text", "text": "a@b.fr"}]},
        ]
    }
    unit = units(body)[2]
    (found,) = scanner.scan_unit(unit).findings
    assert (unit.pointer, found.pointer) == ("/messages/1", "/content/0/text")


def test_what_a_unit_follows_is_part_of_it(scanner):
    body = {"messages": [{"role": "user", "content": "4970 1012 "}, {"role": "user", "content": "3456 7893"}]}
    cut = units(body)
    assert [unit.carried for unit in cut] == [("", ""), ("", ""), ("4970 1012 ", "4970 1012 ")]
    assert [len(scanner.scan_unit(unit).findings) for unit in cut] == [0, 0, 1]


def test_seals_are_equal_for_equal_values_and_say_nothing_without_their_key(scanner):
    unit = units({"messages": [{"role": "user", "content": "a@b.fr A@B.fr c@d.fr"}]})[1]
    (_, one), (_, same), (_, other) = scanner.scan_unit(unit, b"key").sealed
    assert one == same != other
    assert len(one) == 8
    assert one != scanner.scan_unit(unit, b"another key").sealed[0][1]
    assert b"a@b" not in repr(scanner.scan_unit(unit)).encode()


def test_findings_of_many_units_are_bounded_and_the_inspection_says_so(scanner):
    message = {"role": "user", "content": "jean@exemple.fr\n" * 100}
    inspection = by_units(scanner, {"messages": [message] * 3})
    assert (len(inspection.findings), inspection.cut) == (MOST_PER_TYPE, True)


def test_units_that_were_not_all_scanned_are_not_joined(scanner):
    cut = units({"messages": ["a"]})
    with pytest.raises(ValueError, match="as many inspections as units"):
        joined(cut, [scanner.scan_unit(cut[0])])
    assert isinstance(joined(cut, [scanner.scan_unit(unit) for unit in cut]), Inspection)


WORDS = [
    "BSN ",
    "111222333 ",
    "numéro de sécurité sociale ",
    "2 69 05 49 588 157 80 ",
    "SIREN ",
    "732 829 320 ",
    "order ",
]
SAID = st.lists(st.sampled_from(WORDS), max_size=3).map("".join)


@given(
    st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": SAID}), max_size=5),
    st.dictionaries(st.sampled_from(["system", "metadata", "BSN"]), SAID, max_size=2),
    st.dictionaries(st.sampled_from(["user", "tools", "SIREN"]), SAID, max_size=2),
)
def test_a_word_in_one_message_tells_a_number_in_the_next(scanner, messages, before, after):
    body = {**before, "messages": messages, **after}
    whole, parts = scanner.scan(body), by_units(scanner, body)
    assert set(whole.causes) <= set(parts.causes)
    assert whole.chars == parts.chars

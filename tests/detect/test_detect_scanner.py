from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from douane.config import detector_rules
from douane.core.finding import FINDING_TYPES, Inspection
from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.scanner import BULK_FROM, MOST_PER_TYPE, Scanner
from douane.detect.walk import KEY_END
from douane.errors import ConfigurationError

HOSTILE = {
    "halves_of_addresses": "a.b@",
    "digits": "1",
    "spaced_digits": "1 ",
    "pairs": "12 ",
    "trunk_zeros": "01 ",
    "international_zeros": "001 ",
    "brackets": "[",
    "addresses": "a@b.co ",
    "colons": "a::",
    "dots": "1.",
    "urls": "://a:b",
    "names_of_settings": "key=",
    "passwords": "password:",
    "halves_of_tokens": "eyJaaaaaaaaaa",
    "countries": " FR76 3000",
    "base64": "aA1/",
    "key_heads": "-----BEGIN PRIVATE KEY-----",
    "marks": "SECRET ",
    "half_marks": "tlp:",
    "blanks": " ",
    "card_groups": "4970 1012 3456 7890 ",
    "wrapped_base64": "A1b" * 20 + "\n",
    "data_urls": "data:a/b;base64,",
    "corsica": "1850 2A 1",
    "zero_pairs": "00 00 ",
    "authorizations": "authorization: bearer ",
    "no_break_spaces": "\u00a0",
}


@given(st.text(max_size=30), st.text(max_size=30))
@example("", KEY_END)
def test_offsets_count_code_points_of_the_leaf(scanner, before, after):
    address = "jean.dupont@exemple.fr"
    text = f"{before} <{address}> {after}"
    found = [f for f in scanner.scan({"x": [text]}).findings if f.type == "EMAIL" and f.pointer == "/x/0"]
    assert [address] == [text[f.start : f.end] for f in found if text[f.start : f.end] == address]


@given(
    st.lists(
        st.sampled_from(["é", "\U0001f600", "a", " ", "\n", "jean@exemple.fr ", "06 12 34 56 78 ", "\u202f"]),
        max_size=40,
    )
)
def test_every_finding_lies_within_its_leaf(scanner, pieces):
    text = "".join(pieces)
    for found in scanner.scan(text).findings:
        assert 0 <= found.start <= found.end <= len(text)
        if found.type == "EMAIL":
            assert text[found.start : found.end].endswith("jean@exemple.fr")


def test_a_finding_in_a_key_points_at_the_key(scanner):
    (found,) = scanner.scan({"metadata": {"jean@exemple.fr": 1}}).findings
    assert (found.type, found.pointer, found.start, found.end) == ("EMAIL", "/metadata/jean@exemple.fr~key", 0, 15)


def test_nothing_is_found_across_two_leaves_that_are_no_messages(scanner):
    assert scanner.scan({"metadata": {"a": "4970 1012", "b": "3456 7893"}}).findings == ()


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool", "developer"])
def test_every_role_and_every_field_is_read(scanner, role):
    iban = "BE68 5390 0754 7034"
    call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": f'{{"iban": "{iban}"}}'}}
    body = {
        "model": "chat",
        "messages": [
            {"role": role, "name": iban, "content": iban, "tool_calls": [call], "unheard_of": {"deep": [iban]}}
        ],
        "user": iban,
        "metadata": {"note": iban},
        "stop": [iban],
        "tools": [{"type": "function", "function": {"name": "f", "description": iban}}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": {"title": iban}}},
    }
    assert {f.pointer for f in scanner.scan(body).findings if f.type == "IBAN"} == {
        "/messages/0/name",
        "/messages/0/content",
        "/messages/0/tool_calls/0/function/arguments",
        "/messages/0/unheard_of/deep/0",
        "/user",
        "/metadata/note",
        "/stop/0",
        "/tools/0/function/description",
        "/response_format/json_schema/schema/title",
    }


def test_an_inspection_names_its_layers_and_versions_and_counts_code_points(scanner):
    seen = scanner.scan({"role": "é\U0001f600"})
    assert (seen.findings, seen.layers, seen.detectors, seen.cut, seen.chars) == (
        (),
        ("patterns",),
        scanner.detectors,
        False,
        2,
    )
    assert scanner.detectors.startswith("patterns-")


def test_other_rows_or_regions_are_another_version(scanner):
    assert Scanner(detector_rules(), regions=("FR",)).detectors != scanner.detectors
    rows = detector_rules()
    fewer = {**rows, "marks": {**rows["marks"], "mark": rows["marks"]["mark"][:3]}}
    assert Scanner(fewer).detectors != scanner.detectors
    assert Scanner(detector_rules()).detectors == scanner.detectors


def test_rows_that_are_missing_are_refused():
    rows = {name: table for name, table in detector_rules().items() if name != "marks"}
    with pytest.raises(ConfigurationError, match=r"`marks\.toml`"):
        Scanner(rows)


@pytest.mark.parametrize(
    ("kind", "write"),
    [("email", lambda n: f"p{n}@exemple.fr"), ("phone", lambda n: f"06 12 34 5{n // 10} {n % 10}0")],
    ids=["email", "phone"],
)
def test_a_list_of_people_is_bulk_from_the_tenth_on(scanner, kind, write):
    def bulk(count):
        lines = "\n".join(map(write, range(count)))
        return [f.detail for f in scanner.scan(lines).findings if f.type == "BULK"]

    assert bulk(BULK_FROM - 1) == []
    assert bulk(BULK_FROM) == [kind]
    assert bulk(3 * BULK_FROM) == [kind]


def test_one_address_repeated_is_no_list_of_people(scanner):
    assert [f for f in scanner.scan("jean@exemple.fr\n" * 30).findings if f.type == "BULK"] == []


def test_findings_are_bounded_and_the_inspection_says_so(scanner):
    few = scanner.scan("jean@exemple.fr\n" * MOST_PER_TYPE)
    many = scanner.scan("jean@exemple.fr\n" * (MOST_PER_TYPE + 1))
    assert (len(few.findings), few.cut) == (MOST_PER_TYPE, False)
    assert (len(many.findings), many.cut) == (MOST_PER_TYPE, True)


@pytest.mark.parametrize("name", HOSTILE)
def test_64_kb_of_anything_repeated_ends_with_bounded_findings(scanner, name):
    seen = scanner.scan(HOSTILE[name] * (65_536 // len(HOSTILE[name])))
    assert len(seen.findings) <= len(FINDING_TYPES) * MOST_PER_TYPE
    assert all(found.type in FINDING_TYPES for found in seen.findings)


@given(
    st.recursive(
        st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_scanning_is_a_function_of_the_value(scanner, value):
    assert scanner.scan(value) == scanner.scan(value)


def test_lone_surrogates_are_read_and_do_no_harm(scanner):
    (found,) = scanner.scan("\ud800 jean@exemple.fr").findings
    assert (found.start, found.end) == (2, 17)


class Shibboleth:
    name = "shibboleth"
    version = "1"
    probes = (Probe(b"shibboleth"),)

    def find(self, data, ends):
        for end in ends[0]:
            yield Candidate("DICTIONARY", end - 10, end, 1.0)


def test_a_detector_of_a_third_party_joins_the_table():
    scanner = Scanner(detector_rules(), extra=(Shibboleth(),))
    (found,) = scanner.scan("é shibboleth").findings
    assert (found.type, found.start, found.end, found.detector) == ("DICTIONARY", 2, 12, "shibboleth")
    assert scanner.versions["shibboleth"] == "1"


def test_no_value_found_is_in_what_is_found():
    for file in (Path(__file__).parent.parent / "corpus" / "detect" / "texts").glob("*.txt"):
        text = file.read_text()
        for found in Scanner(detector_rules(), "re").scan(text).findings:
            value = text[found.start : found.end]
            assert not value or value not in repr(found)


@given(
    st.lists(st.sampled_from(["é a@b.fr ", "BE68 5390 0754 7034 ", "06 12 34 56 78\n", "TLP:RED\n", "x"]), max_size=40)
)
def test_what_is_counted_is_what_is_placed(scanner, pieces):
    body = {"input": ["".join(pieces), 7], "file_id": "f", "a@b.fr": None}
    counted = scanner.scan(body)
    placed = tuple(scanner.scan(body).findings)
    assert counted.causes == Inspection(placed).causes
    assert list(counted.causes) == list(Inspection(placed).causes)
    assert len(counted.findings) == len(placed)
    assert counted.findings == placed


def test_findings_that_wait_to_be_placed_hold_no_value(scanner):
    waiting = scanner.scan({"input": "jean@exemple.fr"}).findings
    place = waiting._place
    assert "jean@exemple.fr" not in str(place.args[1:]) + str(waiting)
    assert waiting._place is None

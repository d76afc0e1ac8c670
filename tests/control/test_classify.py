import json

import pytest

from douane.config import detector_rules
from douane.control.classify import LONGEST_TEXT_BYTES, classify_lines, classify_text
from douane.core.label import Label, Level
from douane.core.traffic.snapshot import Policy
from douane.detect.scanner import Scanner
from douane.errors import InvalidRequest, TooLarge

POLICY = Policy(map={"IBAN": Label(Level.CONFIDENTIAL), "EMAIL": Label(Level.INTERNAL)})
IBAN = "BE68 5390 0754 7034"


@pytest.fixture(scope="module")
def scanner():
    return Scanner(detector_rules())


def test_a_bare_text_is_one_leaf(scanner):
    found = classify_text(f"é {IBAN}".encode(), scanner, POLICY, id="x")
    assert (found["id"], found["level"], found["compartments"]) == ("x", "confidential", [])
    (finding,) = found["findings"]
    assert (finding["type"], finding["start"], finding["end"], finding["pointer"]) == ("IBAN", 2, 21, "")
    assert found["layers"] == ["patterns"]


def test_a_json_object_is_read_as_a_body_with_pointers(scanner):
    body = json.dumps({"messages": [{"role": "user", "content": IBAN}]}).encode()
    (finding,) = classify_text(b"\n" + body + b"\n", scanner, POLICY)["findings"]
    assert finding["pointer"] == "/messages/0/content"


@pytest.mark.parametrize("text", ["{not json %s", '{"a": 1, "a": "%s"}', "[1, 2] and %s", '"%s"', "%s"])
def test_what_is_no_strict_json_is_read_whole_as_text(scanner, text):
    (finding,) = classify_text((text % IBAN).encode(), scanner, POLICY)["findings"]
    assert finding["pointer"] == ""


def test_text_that_is_not_utf_8_is_refused_without_a_quote(scanner):
    with pytest.raises(InvalidRequest) as caught:
        classify_text(b"secret \xff", scanner, POLICY)
    assert "secret" not in caught.value.problem


def test_a_text_beyond_the_bound_is_refused(scanner):
    with pytest.raises(TooLarge):
        classify_text(b" " * (LONGEST_TEXT_BYTES + 1), scanner, POLICY)


def test_a_broken_line_gives_an_error_and_the_others_go_on(scanner):
    lines = [
        b'{"id": "a", "text": "jean@exemple.fr"}\n',
        b"\n",
        b"{broken\n",
        b'{"id": "b"}\n',
        b'{"id": "c", "text": 7}\n',
        b'{"id": {"x": 1}, "text": "jean"}\n',
        b'{"id": 7, "text": "rien"}',
    ]
    answers = list(classify_lines(lines, scanner, POLICY))
    assert [(a["id"], a.get("level")) for a in answers] == [
        ("a", "internal"),
        (None, None),
        (None, None),
        (None, None),
        (None, None),
        (7, "public"),
    ]
    assert [a.get("line") for a in answers] == [None, 3, 4, 5, 6, None]
    assert all(set(a["error"]) == {"code", "rule", "fact", "fix"} for a in answers if "error" in a)


def test_no_value_is_in_an_answer(scanner):
    assert IBAN not in json.dumps(classify_text(f"mon iban {IBAN}".encode(), scanner, POLICY))

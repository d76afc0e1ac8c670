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


@pytest.mark.parametrize(
    "text", ["{not json %s", "[1, 2] and %s", '[1] see "%s"', "[note] C:\\tmp %s", '"%s"', "%s", "{%s}", "[%s"]
)
def test_what_is_no_json_is_read_whole_as_text(scanner, text):
    found = classify_text((text % IBAN).encode(), scanner, POLICY)
    (finding,) = found["findings"]
    assert (finding["pointer"], found["level"]) == ("", "confidential")


def test_prose_in_brackets_is_public(scanner):
    for text in ("[1] see notes", "{ curly } prose", '[2026-11-23] user "bob" came', "[", "{"):
        assert classify_text(text.encode(), scanner, POLICY)["level"] == "public"


ESCAPED = "\\u0042E68 5390 0754 7034"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"a": 1, "a": 2, "c": "{ESCAPED}"}}',
        f'{{"c": "{ESCAPED}"',
        f'{{"c": "{ESCAPED}"}} trailing',
        f'{{"c": "{ESCAPED}"}}\n{{"c": "{ESCAPED}"}}\n',
        f'[1, "{ESCAPED}"',
        f'[["{ESCAPED}"], 1e400]',
        f'[{{"c": "{ESCAPED}"}},]',
        '{"a": 1, "a": 2, "content": [{"type": "image_url", "image_url": {"url": "https://x.example/y.png"}}]}',
        "[1, 99999999999999999999999999]",
        "[" * 70 + "1" + "]" * 70,
    ],
)
def test_what_is_like_json_and_not_strict_counts_as_unread(scanner, text):
    found = classify_text(text.encode(), scanner, POLICY)
    assert found["level"] == "restricted"
    assert ("UNREADABLE", "json") in [(one["type"], one["detail"]) for one in found["findings"]]


def test_what_a_scan_of_the_text_finds_stands_beside_what_is_unread(scanner):
    found = classify_text(f'{{"a": 1, "a": "{IBAN}"}}'.encode(), scanner, POLICY)
    assert [one["type"] for one in found["findings"]] == ["UNREADABLE", "IBAN"]


def test_a_byte_order_mark_hides_no_body(scanner):
    found = classify_text(f'\ufeff{{"content": "{ESCAPED}"}}'.encode(), scanner, POLICY)
    assert [one["pointer"] for one in found["findings"]] == ["/content"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_marked_or_not(scanner, encoding):
    (finding,) = classify_text(f"é {IBAN}".encode(encoding), scanner, POLICY)["findings"]
    assert (finding["type"], finding["start"], finding["end"]) == ("IBAN", 2, 21)
    body = json.dumps({"messages": [{"role": "user", "content": IBAN}]}).encode(encoding)
    (finding,) = classify_text(body, scanner, POLICY)["findings"]
    assert finding["pointer"] == "/messages/0/content"


def test_a_json_string_hides_nothing_behind_its_escapes(scanner):
    text = '"' + "".join(f"\\u{ord(sign):04x}" for sign in IBAN) + '"'
    (finding,) = classify_text(text.encode(), scanner, POLICY)["findings"]
    assert (finding["type"], finding["start"], finding["end"]) == ("IBAN", 1, len(text) - 1)


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
        ("b", None),
        ("c", None),
        (None, None),
        (7, "public"),
    ]
    assert [a.get("line") for a in answers] == [None, 3, 4, 5, 6, None]
    assert all(set(a["error"]) == {"code", "rule", "fact", "fix"} for a in answers if "error" in a)


def test_no_value_is_in_an_answer(scanner):
    assert IBAN not in json.dumps(classify_text(f"mon iban {IBAN}".encode(), scanner, POLICY))

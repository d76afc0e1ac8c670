"""The same value in another form is found, and told where it stands in the original."""

import base64
import json
import random
from collections import Counter
from itertools import pairwise

import pytest
from bench.disguises import TRANSFORMS, cells, values
from hypothesis import given
from hypothesis import strategies as st

from douane.config import detector_rules
from douane.detect.rules import decode
from douane.detect.views.escapes import escape_views
from douane.detect.views.extract import Edited, Extract, edited
from douane.detect.views.levels import MOST_TIMES, SPARE, Known, _bounded
from douane.detect.views.stretches import merged, widened
from douane.detect.views.table import views

IBAN = "FR76 3000 6000 0112 3456 7890 189"
WHOLE_FORMS = [
    "zero-width between characters", "one joiner in the middle", "soft hyphen", "Cyrillic look-alikes", "full width",
    "Arabic-Indic digits", "mathematical bold digits", "JSON escapes", "percent escapes", "HTML entities", "base64",
    "hex", "markdown inside", "newline every four", "every character spaced", "dots between characters",
]  # fmt: skip
OUTER = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "JSON": lambda text: "".join(
        f"\\u{text.encode('utf-16-be')[at : at + 2].hex()}" for at in range(0, len(text.encode("utf-16-be")), 2)
    ),
    "HTML": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
}
AROUND = st.text(st.sampled_from("abé€\U0001f600 ,;\n"), max_size=12)


def found(scanner, text, kind):
    return [f for f in scanner.scan(text).findings if f.type == kind]


def test_hardly_a_disguise_hides_a_value(scanner):
    seen, all_of = Counter(), Counter()
    for cell in cells(12, 11):
        key = cell["transform"], cell["label"]
        all_of[key] += 1
        seen[key] += any(
            f.start < cell["end"] and f.end > cell["start"] for f in found(scanner, cell["text"], cell["label"])
        )
    low = {key: seen[key] for key in all_of if seen[key] < 0.95 * all_of[key]}
    assert len(low) <= 3, low
    assert {transform for transform, _ in low} <= {"reversed", "rot13", "leet O and l"}


@pytest.mark.parametrize("transform", WHOLE_FORMS)
@given(seed=st.integers(0, 10**6), label=st.sampled_from(["IBAN", "CARD", "EMAIL"]), before=AROUND, after=AROUND)
def test_a_finding_lies_on_the_disguised_value(scanner, transform, seed, label, before, after):
    shown = TRANSFORMS[transform](values(random.Random(seed))[label])
    text = f"{before} : {shown} . {after}"
    start = len(before) + 3
    places = [(f.start, f.end) for f in found(scanner, text, label) if f.start < start + len(shown) and f.end > start]
    assert any(begin - 8 <= start and start + len(shown) <= end + 8 for begin, end in places), (text, places)
    assert all(0 <= begin < end <= len(text) for begin, end in places)


@given(seed=st.integers(0, 10**6), inner=st.sampled_from(WHOLE_FORMS), outer=st.sampled_from(sorted(OUTER)))
def test_forms_within_forms_are_made_out(scanner, seed, inner, outer):
    value = OUTER[outer](TRANSFORMS[inner](values(random.Random(seed))["IBAN"]))
    text = f"é {value} merci"
    places = found(scanner, text, "IBAN")
    assert places, text
    assert all(f.start < 2 + len(value) and f.end > 2 for f in places)


def test_a_finding_names_the_views_it_was_made_out_by(scanner):
    twice = base64.b64encode(base64.b64encode(IBAN.encode())).decode()
    (one,) = found(scanner, f"voici {twice} !", "IBAN")
    assert (one.detector, one.start, one.end) == ("iban@base64+base64", 6, 6 + len(twice.rstrip("=")))


def test_what_is_found_as_it_is_written_is_told_once(scanner):
    text = f"IBAN\u200b {IBAN}, 06 12 34 56 78 \\u0041 %41 &#65;"
    assert [(f.type, f.detector) for f in scanner.scan(text).findings] == [("IBAN", "iban"), ("PHONE", "phone")]


def test_text_encoded_deeper_than_is_read_is_unreadable(scanner):
    text = f"voici un IBAN : {IBAN}"
    for _ in range(3):
        text = base64.b64encode(text.encode()).decode()
    assert [f.type for f in scanner.scan(text).findings] == ["IBAN"]
    text = base64.b64encode(text.encode()).decode()
    assert ("UNREADABLE", "nested") in scanner.scan(text).causes


def test_an_encoded_run_that_holds_text_is_no_blob(scanner):
    letter = "Bonjour, voici le compte rendu de la réunion de lundi. " * 8
    assert scanner.scan(base64.b64encode(letter.encode()).decode()).findings == ()
    assert scanner.scan(letter.encode().hex()).findings == ()
    lines = base64.encodebytes(letter.encode()).decode()
    assert scanner.scan(f"Content-Transfer-Encoding: base64\n\n{lines}\n").findings == ()
    noise = random.Random(1).randbytes(300)
    assert [f.type for f in scanner.scan(base64.b64encode(noise).decode()).findings] == ["BLOB"]


def test_a_data_url_of_text_is_read_and_any_other_is_not(scanner):
    inside = base64.b64encode(f"IBAN {IBAN}".encode()).decode()
    assert [f.type for f in scanner.scan(f"<data:text/plain;base64,{inside}>").findings] == ["IBAN"]
    assert [f.type for f in scanner.scan(f"<data:image/svg+xml;base64,{inside}>").findings] == ["IBAN"]
    causes = scanner.scan(f"<data:image/png;base64,{inside}>").causes
    assert set(causes) == {("UNREADABLE", "data-url"), ("IBAN", "FR")}
    behind = base64.b64encode(random.Random(1).randbytes(60)).decode()
    for url in (f"image/svg+xml;base64,{inside}%0A{behind}", f"image/svg+xml;base64,{behind}"):
        assert ("UNREADABLE", "data-url") in scanner.scan(f"<data:{url}>").causes


def test_json_within_json_is_read_however_deep_its_escapes_are(scanner):
    hidden = "".join(f"\\u{ord(sign):04x}" for sign in IBAN)
    value: str = f'{{"a": "{hidden}"}}'
    for _ in range(4):
        body = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": value}}]}]}
        (one,) = found(scanner, body, "IBAN")
        assert one.pointer == "/messages/0/tool_calls/0/function/arguments"
        value = json.dumps({"a": value})


@pytest.mark.parametrize(
    "text",
    [
        "Il a dit : « c’est l’été », à 14\u202f500\u00a0€ — soit 12\u00a0% ; n’est-ce pas\u202f?",
        "Привет, как дела? Сегодня 25 градусов.",
        "α et β, 25 °C, m², 1ᵉʳ, œuvre, Noël, naïve, über, ¿qué?",
        "Un emoji 👨\u200d👩\u200d👧 et ❤️ !",
        "Appelle-moi deux ou trois fois, à quatre heures.",
        "- un\n- deux\n- trois\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "at this point it is done; version 2.4.1 of 12 rows, 0.3 to 0.12 percent",
    ],
)
def test_ordinary_text_has_nothing_to_make_out(scanner, text):
    assert scanner.scan(text).findings == ()


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 20_000,
        "\ud800\udc00\ud800" * 5_000,
        "\u0000" * 5_000 + "1\u0000" * 5_000,
        "%" * 50_000,
        "%F" * 30_000,
        "&#" * 30_000,
        "\\u" * 30_000,
        "\\u0031 " + "\\" * 60_000,
        "0123456789" * 8 + "-z ",
        "Calle " + "de la " * 30 + "x",
        "demeurant boulevard " + "des " * 40 + "x",
        "BP 12, P" + "\u015c" * 40 + "\u015d!!",
        "&#99999999999;" * 3_000,
        "&#xD800;\\ud800%ED%A0%80" * 2_000,
        "[at]" * 16_000,
        "one two " * 8_000,
        "A" * 65_536,
        "0 " * 32_768,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_text_ends_with_bounded_findings(scanner, text):
    assert len(scanner.scan(text).findings) <= 2_000


def test_nulls_inside_a_leaf_hide_nothing_and_move_nothing(scanner):
    text = "\u0000é\u0000" + "\u0000".join(IBAN) + "\u0000."
    (one,) = found(scanner, {"x": ["\u0000", text]}, "IBAN")
    assert (one.pointer, text[one.start : one.end]) == ("/x/1", "\u0000".join(IBAN))


def test_a_hundred_thousand_findings_are_cut(scanner):
    seen = scanner.scan("".join(f"%70{n}%40b.fr " for n in range(100_000)))
    assert seen.cut


def test_extracts_are_bounded_by_the_text_they_come_from():
    extracts = [Extract("x", b"a" * 1000, lambda start, end: (start, end), 0)] * 100
    kept, left, cut = _bounded(extracts, MOST_TIMES * 1000 + SPARE)
    assert (len(kept), left, cut) == ((MOST_TIMES * 1000 + SPARE) // 1001, 0, True)


def test_every_view_has_a_row_and_every_row_a_view():
    rules = decode(detector_rules())
    assert {view.name for view in views(rules)} | {"carried"} == set(rules.reports)


@given(st.text(st.sampled_from("a%41\\u00e9&#;x+ é\n"), max_size=60), st.data())
def test_an_edited_stretch_leads_back_to_what_it_was_made_from(text, data):
    raw = text.encode()
    view = data.draw(st.sampled_from(escape_views()))
    made = edited(view.name, raw, 0, len(raw), view._escape, view._write)
    for start in range(len(made.data)):
        first, last = made.back(start, start + 1)
        assert 0 <= first < last <= len(raw)
        source = raw[first:last]
        sign = made.data[start : start + 1]
        assert sign in (source, b" ") or sign in view._escape.sub(view._write, source)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=8))
def test_what_was_found_is_known_wherever_it_overlaps(spans):
    known = Known(())
    taken: set[int] = set()
    for start, size in spans:
        fresh = taken.isdisjoint(range(start, start + size))
        assert known.is_new("X", start, start + size) is fresh
        taken |= set(range(start, start + size)) if fresh else set()


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 12), st.integers(0, 12))
def test_a_widened_span_stays_within_its_leaf(data, at, before, after):
    data = b"\x00" + data.replace(b"\x00", b"x\x00y") + b"\x00"
    at = min(at, len(data) - 1)
    low, high = widened(data, at, at, before, after)
    assert at - before <= low <= at <= high <= at + after
    assert b"\x00" not in data[low:high]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), max_size=9))
def test_merged_spans_cover_the_same(spans):
    spans = sorted((start, start + size) for start, size in spans)
    union = {at for start, end in spans for at in range(start, end)}
    joined = list(merged(spans))
    assert {at for start, end in joined for at in range(start, end)} == union
    assert all(one[1] < other[0] for one, other in pairwise(joined))


def test_the_way_back_of_what_was_left_out_is_none():
    back = Edited(0, lambda: [(2, 4, b"")], only=True)
    assert back(0, 2) is None
    assert back(1, 3) == (1, 5)


@given(before=st.integers(0, 700), seed=st.integers(0, 10**6))
def test_digits_are_read_in_words_anywhere_in_a_long_run_of_words(scanner, before, seed):
    card = values(random.Random(seed))["CARD"]
    shown = TRANSFORMS["digits in words"](card)
    text = f"{'two cats and ' * before}. Card {shown}. Cats, {'one dog or ' * 400}"
    assert [text[f.start : f.end].strip(" .") for f in scanner.scan(text).findings if f.type == "CARD"] == [shown]

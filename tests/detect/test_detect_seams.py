"""Text that was cut between parts, messages and turns is read as if it had not been."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.detect.seams import TAIL, seams_of

VALUES = {
    "IBAN": ["FR76 3000 6000 0112 3456 7890 189", "FR7630006000011234567890189", "NL91 ABNA 0417 1643 00"],
    "CARD": ["4970 1012 3456 7893", "4970101234567893"],
    "NIR": ["2 95 10 99 126 111 93", "295109912611193"],
    "EMAIL": ["jean.dupont@exemple.fr"],
    "PHONE": ["06 12 34 56 78", "0612345098", "+33 6 12 34 56 78"],
    "SECRET": ["AKIA" + "Q3X7Z2LTB4VNMKJW"],
}
CUTS = [(kind, value, at) for kind, values in VALUES.items() for value in values for at in range(1, len(value))]


def says(role, text):
    return {"role": role, "content": text}


def shapes(before, after):
    parts = [{"type": "text", "text": before}, {"type": "text", "text": after}]
    yield "parts", {"messages": [says("user", parts)]}, "/messages/0/content/1/text"
    yield "messages", {"messages": [says("user", before), says("user", after)]}, "/messages/1/content"
    turns = [says("user", before), says("assistant", "D'accord, et la suite ?"), says("user", after)]
    yield "turns", {"messages": turns}, "/messages/2/content"
    yield "input", {"input": [says("user", before), says("user", after)]}, "/input/1/content"
    yield "strings", {"input": [before, after]}, "/input/1"
    yield "system", {"system": before, "messages": [says("user", after)]}, "/messages/0/content"
    blocks = [{"type": "text", "text": before}, {"type": "text", "text": after}]
    yield "blocks", {"system": blocks, "messages": []}, "/system/1/text"


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_cut_anywhere_is_found_and_told_in_the_later_piece(scanner, kind):
    missed = []
    for of, value, at in CUTS:
        if of != kind:
            continue
        for shape, body, pointer in shapes(f"Voici : {value[:at]}", f"{value[at:]} merci"):
            found = [f for f in scanner.scan(body).findings if f.type == kind]
            if not any(f.pointer == pointer and f.start == 0 for f in found if "@carried" in f.detector) and not found:
                missed.append((shape, value, at))
    assert missed == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_value_said_in_crumbs_is_put_together(scanner, size):
    value = "FR7630006000011234567890189"
    crumbs = [value[at : at + size] for at in range(0, len(value), size)]
    messages = [m for crumb in crumbs for m in (says("user", crumb), says("assistant", "Suite ?"))]
    (found,) = [f for f in scanner.scan({"messages": messages}).findings if f.type == "IBAN"]
    assert (found.pointer, found.start, found.end) == (f"/messages/{len(messages) - 2}/content", 0, len(crumbs[-1]))
    assert found.detector == "iban@carried"


def test_what_lies_on_one_side_of_a_seam_is_told_once(scanner):
    body = {"messages": [says("user", "Mon IBAN est BE68 5390 0754 7034"), says("user", "6 fois, merci")]}
    assert [(f.type, f.pointer) for f in scanner.scan(body).findings] == [("IBAN", "/messages/0/content")]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=200)), max_size=8))
def test_a_seam_holds_the_end_of_what_was_said_and_the_beginning_of_what_follows(turns):
    body = {"messages": [says(role, text) for role, text in turns]}
    for seam in seams_of(body):
        number = seam.words[1]
        text = turns[number][1]
        assert text.startswith(seam.after)
        assert len(seam.before) <= TAIL >= len(seam.after)
        anybody = "".join(said for _, said in turns[:number])
        same = "".join(said for role, said in turns[:number] if role == turns[number][0])
        assert seam.before
        assert anybody.endswith(seam.before) or same.endswith(seam.before)


def test_ordinary_messages_have_no_seams():
    talk = ["Bonjour, peux-tu relire ce contrat ?", "Bien sûr, envoyez-le moi.", "Le voici", "Merci beaucoup"]
    assert seams_of({"messages": [says("user" if n % 2 else "assistant", text) for n, text in enumerate(talk)]}) == []


@pytest.mark.parametrize(
    "body",
    [{"messages": [says(["user"], "1"), says({}, "2")]}, {"messages": [1, None, [says("user", "1")], says("user", "2")]},
     {"messages": {"content": "1"}}, {"input": "1"}, {"prompt": ["1", 2, ["3"]]}, {"messages": [says("user", "\ud800 1"), says("user", "2")]}],
)  # fmt: skip
def test_bodies_of_no_dialect_do_no_harm(scanner, body):
    scanner.scan(body)

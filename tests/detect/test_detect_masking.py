"""Masking: no leaf of a masked body holds what was masked, and what could not be masked is still found."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench import disguises
from douane.bootstrap import Start, configuration_of, kinds_installed
from douane.core.finding import Finding, Inspection
from douane.core.pseudonym import PLACEHOLDER, Pseudonyms, normal_form
from douane.detect.masking import MOST_ROUNDS, Masking
from douane.detect.scanner import Scanner
from douane.detect.walk import pointer, walk
from douane.wire.unmasking.text import TextUnmasker

KEY = b"k" * 32
IBAN = "FR14 2004 1010 0505 0001 3M02 606"
CARD = 4111111111111111
TYPES = frozenset({"EMAIL", "PHONE", "IBAN", "CARD", "NIR", "IP", "SECRET"})


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner.of(configuration_of(Start(), kinds_installed()).detectors)


def masked(scanner: Scanner, value: Any, types: frozenset[str] = TYPES) -> tuple[Masking, Inspection, Pseudonyms]:
    pseudonyms = Pseudonyms(KEY)
    masking = Masking(value, types, pseudonyms)
    inspection = scanner.scan(value)
    for _ in range(MOST_ROUNDS):
        if not masking.take(inspection):
            break
        inspection = scanner.scan(masking.value)
    return masking, masking.own_removed(inspection), pseudonyms


def chat(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents], **more}


def restored(text: str, pseudonyms: Pseudonyms, *, is_json: bool = False) -> str:
    unmasker = TextUnmasker(pseudonyms.find, is_json=is_json)
    return unmasker.feed(text) + unmasker.finish()


def test_every_place_of_a_value_gets_the_same_pseudonym(scanner: Scanner) -> None:
    masking, left, pseudonyms = masked(
        scanner,
        chat(f"pay {IBAN}", f"again: {IBAN.replace(' ', '')}.", metadata={"jean@example.org": CARD}, user="jean@example.org"),
    )  # fmt: skip
    told = orjson.dumps(masking.value).decode()
    assert masking.masked == {"IBAN", "EMAIL", "CARD"}
    assert not left.findings
    assert "jean" not in told
    assert str(CARD) not in told
    assert len(pseudonyms.fresh) == 3
    assert masking.value["metadata"][masking.value["user"]] == str(pseudonyms.issue("CARD", str(CARD)))


def test_json_within_json_stays_json(scanner: Scanner) -> None:
    arguments = orjson.dumps({"card": CARD, "to": ["jean@example.org", 7], "iban": IBAN}).decode()
    arguments = arguments.replace("jean@", "jean\\u0040")
    value = {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}
    masking, left, pseudonyms = masked(scanner, value)
    text = masking.value["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert orjson.loads(text)["card"] == str(pseudonyms.issue("CARD", str(CARD)))
    assert not left.findings
    back = orjson.loads(restored(text, pseudonyms, is_json=True))
    assert back == {"card": str(CARD), "to": ["jean@example.org", 7], "iban": IBAN}


def test_a_value_that_goes_on_in_the_next_message_is_not_masked_by_half(scanner: Scanner) -> None:
    value = chat("Mon IBAN : FR14 2004 1010 ", "0505 0001 3M02 606, jean@example.org")
    masking, left, _ = masked(scanner, value)
    assert masking.given_up
    assert masking.value == value
    assert {found.type for found in left.findings} >= {"IBAN"}


def test_what_policy_does_not_list_is_left_and_found(scanner: Scanner) -> None:
    masking, left, _ = masked(scanner, chat(f"{IBAN} jean@example.org"), frozenset({"EMAIL"}))
    assert IBAN in masking.value["messages"][0]["content"]
    assert [found.type for found in left.findings] == ["IBAN"]


def test_a_detail_may_be_listed_alone() -> None:
    found = (Finding("SECRET", "", 0, 3, 1.0, "d", "aws"), Finding("SECRET", "", 4, 7, 1.0, "d", "github"))
    masking = Masking("abc def", frozenset({"SECRET:aws"}), Pseudonyms(KEY))
    assert masking.take(Inspection(found))
    assert masking.value.endswith(" def")
    assert "abc" not in masking.value


def test_a_value_is_masked_where_no_detector_saw_it() -> None:
    value = {"a": "Jean Dupont", "b": ["so said Jean Dupont", {"Jean Dupont": '{"who": "Jean Dupont"}'}]}
    masking = Masking(value, frozenset({"PERSON"}), Pseudonyms(KEY))
    assert masking.take(Inspection((Finding("PERSON", "/a", 0, 11, 0.9, "people"),)))
    assert "Jean" not in orjson.dumps(masking.value).decode()


def test_two_keys_that_become_one_are_not_masked() -> None:
    value = {"m": {"a@x.fr": 1, "A@x.fr": 2}}
    found = [Finding("EMAIL", f"/m/{key}~key", 0, 6, 1.0, "email") for key in value["m"]]
    masking = Masking(value, TYPES, Pseudonyms(KEY))
    assert not masking.take(Inspection(tuple(found)))
    assert masking.given_up
    assert masking.value == value


def test_overlapping_findings_are_one_place_and_a_credential_is_the_stronger() -> None:
    found = (Finding("EMAIL", "", 0, 12, 1.0, "email"), Finding("SECRET", "", 8, 15, 1.0, "secrets"))
    pseudonyms = Pseudonyms(KEY)
    masking = Masking("abcdefghijklmnop", TYPES, pseudonyms)
    assert masking.take(Inspection(found))
    assert masking.value == f"{pseudonyms.fresh[0]}p"
    assert pseudonyms.fresh[0].value is None


def test_a_finding_that_reaches_beyond_a_pseudonym_takes_it_in_and_is_still_put_back() -> None:
    pseudonyms = Pseudonyms(KEY)
    masking = Masking("12 rue Jean Dupont, Paris", frozenset({"PERSON", "ADDRESS"}), pseudonyms)
    assert masking.take(Inspection((Finding("PERSON", "", 7, 18, 0.9, "p"),)))
    inner = len(masking.value)
    assert masking.take(Inspection((Finding("ADDRESS", "", 0, inner - 10, 0.9, "a"),)))
    assert PLACEHOLDER.match(masking.value)
    assert restored(masking.value, pseudonyms) == "12 rue Jean Dupont, Paris"


def test_what_a_detector_sees_in_our_own_pseudonym_alone_is_nothing() -> None:
    masking = Masking("say Jean Dupont", TYPES | {"PERSON"}, Pseudonyms(KEY))
    assert masking.take(Inspection((Finding("PERSON", "", 4, 15, 0.9, "p"),)))
    ours = Finding("SECRET", "", 8, 20, 0.9, "entropy")
    beyond = Finding("SECRET", "", 2, 20, 0.9, "entropy")
    assert masking.own_removed(Inspection((ours, beyond))).findings == (beyond,)
    assert not masking.take(Inspection((ours,)))


def test_somebody_elses_pseudonym_is_text_like_any_other() -> None:
    forged = "[[IBAN_1_abcdefabcd]]"
    masking = Masking(f"{forged} Jean Dupont", frozenset({"PERSON"}), Pseudonyms(KEY))
    assert masking.take(Inspection((Finding("PERSON", "", 22, 33, 0.9, "p"),)))
    found = Finding("SECRET", "", 2, 19, 0.9, "entropy")
    assert masking.own_removed(Inspection((found,))).findings == (found,)


def test_a_body_that_would_take_long_is_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("douane.detect.masking.MOST_WORK", 10)
    masking = Masking("say Jean Dupont", frozenset({"PERSON"}), Pseudonyms(KEY))
    assert not masking.take(Inspection((Finding("PERSON", "", 4, 15, 0.9, "p"),)))
    assert masking.given_up


def test_a_disguised_value_that_is_found_is_masked_whole_and_put_back_as_it_was(scanner: Scanner) -> None:
    """Whatever the scanner sees through, today or with further views."""
    seen = 0
    for cell in disguises.cells(per_cell=2):
        if not scanner.scan(cell["text"]).findings:
            continue
        seen += 1
        masking, left, pseudonyms = masked(
            scanner, cell["text"], TYPES | {"PERSON", "ADDRESS", "DOB", "SIREN", "SIRET"}
        )
        assert not left.findings, cell
        assert cell["text"][cell["start"] : cell["end"]] not in masking.value
        assert restored(masking.value, pseudonyms) == cell["text"]
    assert seen > 40


# --- any body --------------------------------------------------------------------------------------------------------

LEAF = st.text(st.sampled_from('ab@.7 é\\[]"_{}\n'), min_size=1, max_size=12) | st.integers(0, 10**16)
BODY = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text("xyz/~@9", min_size=1), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@st.composite
def found_in_body(draw: st.DrawFn) -> tuple[Any, list[Finding], list[str]]:
    """Return a body, findings in it, and their values."""
    value = draw(BODY)
    document = walk(value)
    findings, values = [], []
    for leaf, path in document.paths(range(len(document.leaves))).items():
        text = document.leaves[leaf].removesuffix("\x01") if path.is_key else document.leaves[leaf]
        if not text or not draw(st.booleans()):
            continue
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        kind = draw(st.sampled_from(("DICTIONARY", "PERSON")))
        findings.append(Finding(kind, pointer(path.words, key=path.is_key), start, end, 1.0, "d"))
        values.append(text[start:end])
    return value, findings, values


def leaves_of(value: Any) -> list[str]:
    return [leaf.removesuffix("\x01") for leaf in walk(value).leaves]


@settings(max_examples=400, deadline=None)
@given(found_in_body())
@example(("{}", [Finding("DICTIONARY", "", 0, 1, 1.0, "d")], ["{"]))
@example(({"a": 9999999900000000, "99999999": {}}, [Finding("DICTIONARY", "/a", 0, 8, 1.0, "d")], ["99999999"]))
def test_any_body_is_restored_and_holds_no_masked_value(case: tuple[Any, list[Finding], list[str]]) -> None:
    value, findings, values = case
    pseudonyms = Pseudonyms(KEY)
    masking = Masking(value, frozenset({"DICTIONARY", "PERSON"}), pseudonyms)
    if not masking.take(Inspection(tuple(findings))):
        assert masking.given_up or masking.value == value, "nothing that was found is taken for masked"
        return
    for number, text in enumerate(leaves_of(masking.value)):
        bare = PLACEHOLDER.sub("\0", text)
        assert not any(len(found) >= 8 and found in bare for found in values), number
    spelt_once = len({normal_form("PERSON", spelling) for spelling in values}) == len(set(values))
    if spelt_once and not any(is_changed_in_kind(leaf) for leaf in scalars(value)):
        assert [restored(text, pseudonyms) for text in leaves_of(masking.value)] == leaves_of(value)


def is_changed_in_kind(leaf: Any) -> bool:
    """Tell whether a masked leaf comes back as a text that says the same: a number, or JSON with numbers or escapes."""
    return type(leaf) is not str or leaf.lstrip()[:1] in ("[", "{")


def scalars(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in scalars(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in scalars(inner)]
    return [value]


NAMED = frozenset({"EMAIL", "PERSON"})


def named(value: Any, text: str) -> list[Finding]:
    """Return the first place of a text in each leaf, as what a model of language would tell."""
    document = walk(value)
    places = [(number, leaf.find(text)) for number, leaf in enumerate(document.leaves)]
    paths = document.paths([number for number, at in places if at >= 0])
    return [
        Finding("PERSON", pointer(paths[number].words), at, at + len(text), 0.5, "names")
        for number, at in places
        if at >= 0
    ]


def test_names_are_masked_wherever_they_stand(scanner: Scanner) -> None:
    body = chat("Hier Zoé Lefèvre est venue.", "Et Zoé Lefèvre ?", metadata={"Zoé Lefèvre": 1})
    masking, left, _ = masked(scanner, body, NAMED)
    assert masking.mask_names(named(body, "Zoé Lefèvre")[:1], left)
    assert "Zoé" not in orjson.dumps(masking.value).decode()
    assert masking.masked == {"PERSON"}


def test_what_another_detector_found_is_not_masked_as_a_name(scanner: Scanner) -> None:
    body = chat(f"Jean Perrec {CARD} ici")
    masking, left, _ = masked(scanner, body, NAMED)
    assert [one.type for one in left.findings] == ["CARD"]
    masking.mask_names(named(body, f"Jean Perrec {CARD}"), left)
    assert str(CARD) in orjson.dumps(masking.value).decode()
    assert "Perrec" not in orjson.dumps(masking.value).decode()


def test_a_name_that_cannot_be_replaced_is_told(scanner: Scanner) -> None:
    body = chat('{"a": "Zoé", "b": 1}')
    masking, left, _ = masked(scanner, body, NAMED)
    assert not masking.mask_names(named(body, '"Zoé", "b"'), left)
    assert masking.value == body


def test_names_that_none_may_mask_are_left(scanner: Scanner) -> None:
    body = chat("Hier Zoé Lefèvre est venue.")
    masking, left, _ = masked(scanner, body, frozenset({"EMAIL"}))
    assert masking.mask_names(named(body, "Zoé Lefèvre"), left)
    assert masking.value is body

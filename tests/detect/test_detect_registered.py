"""A tenant's names and documents are found in its own requests, however they are written, and kept as hashes only."""

from __future__ import annotations

import random
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from douane.config import detector_rules
from douane.detect.registered.names import FEWEST_CHARS, MOST_WORDS, Unfit, dictionary, words_of
from douane.detect.registered.prints import GRAM, RECOGNISED, SHORTEST, WINDOW, fingerprint, winnowed
from douane.detect.registered.seal import Seal, read, written
from douane.detect.registered.watch import Registered, Watch, find, registered_of
from douane.detect.registered.words import BARRIER, places, tokens
from douane.detect.scanner import Scanner
from douane.detect.settings import DetectorSettings, settings_of
from douane.errors import ConfigurationError

KEY = "5a" * 32
OTHER_KEY = "5b" * 32
SEAL = Seal(KEY)
NAMES = ("Projet Aurore", "Société Générale d’Énergie", "K2-18", "Großmann & Söhne", "Zeppelin")


def names(*given_names: str, name: str = "projects", owners: tuple[str, ...] = (), key: str = KEY) -> Registered:
    return Registered(name, owners, key, dictionary(map(words_of, given_names), Seal(key)))


def documents(*texts: str, name: str = "board", owners: tuple[str, ...] = (), boilerplate: str = "") -> Registered:
    content = fingerprint([text.encode() for text in texts], SEAL, [boilerplate.encode()])
    return Registered(name, owners, KEY, content)


def found_in(text: str, *registered: Registered, owner: str = "") -> list[tuple[str, str, str]]:
    """Return what is found: type, name, and the text at its place."""
    data = b"\0" + text.encode("utf-8", "surrogatepass") + b"\0"
    candidates, cut = find(Watch(registered).books(owner), data)
    assert not cut
    return [(one.type, one.detail, data[one.start : one.end].decode("utf-8", "surrogatepass")) for one in candidates]


def scanner_of(*registered: Registered) -> Scanner:
    return Scanner.of(DetectorSettings(detector_rules(), registered=registered))


# --- words -----------------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
@settings(max_examples=400)
def test_a_text_has_as_many_places_as_words(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    words = tokens(data)
    spans = places(data, [(number, number) for number in range(len(words))])
    assert all(low < high for low, high in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for word, (low, high) in zip(words, spans, strict=True):
        assert tokens(data[low:high]) == [word]
    with pytest.raises(KeyError):
        places(data, [(len(words), len(words))])


@given(st.text(max_size=120))
def test_words_are_plain_letters_and_digits(text: str) -> None:
    for word in tokens(text.encode("utf-8", "surrogatepass")):
        assert word == BARRIER or (word.isalnum() and word.isascii() and word == word.lower())


@pytest.mark.parametrize(
    ("written_one_way", "written_another"),
    [
        ("Élan d’Été", "elan D'ETE"), ("cœur", "COEUR"), ("Straße", "strasse"), ("ﬁn", "FIN"), ("Ａｂｃ１", "abc1"),
        ("Łódź", "ŁÓDŹ"), ("Σίσυφος", "ΣΊΣΥΦΟΣ"), ("Ærø", "aero"), ("пројекат", "ПРОЈЕКАТ"),
        ("e\u0301te\u0301", "été"), ("auro\u00adre", "aurore"), ("auro\u200bre", "Aurore"),
        ("a\u202fb", "a b"), ("a_b", "a-b"), ("x²", "x2"), ("\u0130zmir", "izmir"),
    ],
)  # fmt: skip
def test_case_accents_and_typography_do_not_count(written_one_way: str, written_another: str) -> None:
    assert tokens(written_one_way.encode()) == tokens(written_another.encode())


# --- names -----------------------------------------------------------------------------------------------------------

WRITTEN = (
    "Projet Aurore", "projet aurore", "PROJET AURORE", "projet-aurore", "Projet_Aurore", "ProjetAurore",
    "projet\naurore", "projet \u202f« Aurore", "**Projet** Aurore", "Pro\u00adjet Au\u200brore", "#projetaurore",
    "SOCIETE GENERALE D'ENERGIE", "société générale d énergie", "k2 18", "K2/18", "grossmann, söhne", "GROSSMANN+SOHNE",
    "zeppelin",
)  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    found = found_in(f"Que dit l’équipe de {text} cette semaine ?", names(*NAMES))
    assert [(kind, name) for kind, name, _ in found] == [("DICTIONARY", "projects")]
    assert tokens(found[0][2].encode()) == tokens(text.encode())


@pytest.mark.parametrize(
    "text",
    ["le projet et l'aurore", "aurore projet", "projets aurores", "K2", "18 K2", "zeppelins", "societe d'energie", ""],
)
def test_what_is_no_name_of_the_list_is_not_found(text: str) -> None:
    assert found_in(text, names(*NAMES)) == []


@given(st.lists(st.text("abcdeé0-. ", min_size=1, max_size=12), min_size=1, max_size=6), st.data())
def test_every_name_of_a_list_is_found_between_other_words(drawn: list[str], data: st.DataObject) -> None:
    fit = []
    for one in drawn:
        try:
            fit.append((one, words_of(one)))
        except Unfit:
            continue
    registered = names(*(one for one, _ in fit))
    for one, words in fit:
        left, right = (
            data.draw(st.sampled_from(("", "vois ", "« ", "x\ny "))),
            data.draw(st.sampled_from(("", ".", " zz"))),
        )
        found = found_in(left + one + right, registered)
        assert any(tokens(text.encode()) == words for _, _, text in found) or any(
            len(tokens(text.encode())) > len(words) for _, _, text in found
        )


def test_of_names_within_names_the_longest_is_told_once() -> None:
    registered = names("Aurore", "Projet Aurore", "Projet Aurore Bleue")
    assert found_in("le Projet Aurore Bleue avance", registered) == [("DICTIONARY", "projects", "Projet Aurore Bleue")]
    assert len(found_in("Projet Aurore; Aurore", registered)) == 2


def test_two_dictionaries_tell_both_their_names() -> None:
    first, second = names("Projet Aurore"), names("Aurore", name="customers")
    assert {name for _, name, _ in found_in("Projet Aurore", first, second)} == {"projects", "customers"}
    again = names("Projet Aurore", name="customers")
    assert {name for _, name, _ in found_in("Projet Aurore", first, again)} == {"projects", "customers"}


def test_a_name_does_not_reach_across_leaves() -> None:
    assert found_in("projet\0aurore", names(*NAMES)) == []


@pytest.mark.parametrize(
    "name", ["", "   ", "abc", "é é é", "...", "a b c d e f g h i", "x" * 257, "\0\0\0\0\0"], ids=repr
)
def test_what_can_be_no_name_is_told_without_naming_it(name: str) -> None:
    with pytest.raises(Unfit) as told:
        words_of(name)
    assert not name.strip() or name not in str(told.value)


def test_names_have_bounds() -> None:
    assert len(words_of(" ".join(["ab"] * MOST_WORDS))) == MOST_WORDS
    assert words_of("a" * FEWEST_CHARS)


def test_names_may_be_added_to_those_that_are_kept() -> None:
    former = names("Zeppelin")
    more = dictionary(map(words_of, (f"Projet Numéro {number}" for number in range(500))), SEAL, former.content)
    registered = Registered("projects", (), KEY, more)
    assert more.count == 501
    assert len(found_in("Zeppelin, projet numero 7, PROJET NUMÉRO 499", registered)) == 3


# --- documents -------------------------------------------------------------------------------------------------------

VOCABULARY = [
    f"{a}{b}{c}" for a in ("mar", "to", "lé", "qui", "sen") for b in ("na", "do", "ru", "xi") for c in "aeopt"
]


def prose(rng: random.Random, count: int) -> list[str]:
    """Return as many words, drawn from 3,000."""
    return [rng.choice(VOCABULARY) + str(rng.randrange(30)) for _ in range(count)]


def disguised(rng: random.Random, words: list[str]) -> str:
    """Return words as somebody may paste them: other lines, quotes, list markers, case, accents, punctuation."""
    text = ""
    for word in words:
        if rng.random() < 0.2:
            word = word.upper()
        if rng.random() < 0.2:
            word = unicodedata.normalize("NFD", word)
        if rng.random() < 0.1:
            word = f"**{word}**"
        text += word + rng.choice((" ", " ", " ", "  ", ", ", ".\n> ", "\n- ", "\n> > ", " — ", "\u202f: ", "\t"))
    return text


@given(st.integers(0, 10**9).map(random.Random), st.integers(RECOGNISED, 400), st.data())
@settings(max_examples=60, deadline=None)
def test_a_page_cut_anywhere_out_of_a_document_is_recognised(
    rng: random.Random, length: int, data: st.DataObject
) -> None:
    whole = prose(rng, length)
    begin = data.draw(st.integers(0, length - RECOGNISED))
    end = data.draw(st.integers(begin + RECOGNISED, length))
    around = prose(rng, 50)
    text = f"Résume : {' '.join(around[:25])}\n{disguised(rng, whole[begin:end])}\n{' '.join(around[25:])}"
    found = found_in(text, documents(" ".join(whole)))
    assert [(kind, name) for kind, name, _ in found] == [("FINGERPRINT", "board")]
    assert set(tokens(found[0][2].encode())) <= set(tokens(" ".join(whole[begin:end] + around).encode()))


@given(st.integers(0, 10**9).map(random.Random), st.integers(1, SHORTEST - 1))
@settings(max_examples=60, deadline=None)
def test_a_shared_phrase_is_no_page(rng: random.Random, length: int) -> None:
    whole = prose(rng, 300)
    begin = rng.randrange(300 - length)
    text = " ".join(prose(rng, 30) + whole[begin : begin + length] + prose(rng, 30))
    assert found_in(text, documents(" ".join(whole))) == []


def test_a_page_with_a_word_changed_here_and_there_is_recognised() -> None:
    rng = random.Random(7)
    whole = prose(rng, 400)
    page = whole[100:220]
    for place in range(5, len(page), 15):
        page[place] = "autre"
    assert [name for _, name, _ in found_in(" ".join(page), documents(" ".join(whole)))] == ["board"]


def test_boilerplate_leaves_no_print() -> None:
    rng = random.Random(3)
    notice, own = prose(rng, 120), prose(rng, 200)
    registered = documents(" ".join(own + notice), boilerplate=" ".join(notice))
    assert found_in(" ".join(notice), registered) == []
    assert len(found_in(" ".join(own), registered)) == 1
    assert len(found_in(" ".join(notice), documents(" ".join(own + notice)))) == 1


def test_passages_of_two_documents_are_told_by_their_names() -> None:
    rng = random.Random(5)
    one, two = prose(rng, 200), prose(rng, 200)
    both = documents(" ".join(one)), documents(" ".join(two), name="merger")
    text = " ".join(one[:80] + prose(rng, 60) + two[40:140])
    assert [name for _, name, _ in found_in(text, *both)] == ["board", "merger"]
    shared = documents(" ".join(one)), documents(" ".join(one), name="copy")
    assert {name for _, name, _ in found_in(" ".join(one), *shared)} == {"board", "copy"}


def test_a_page_over_many_leaves_is_recognised() -> None:
    rng = random.Random(9)
    whole = prose(rng, 200)
    lines = [" ".join(whole[at : at + 20]) for at in range(0, 200, 20)]
    found = found_in("\0".join(lines), documents(" ".join(whole)))
    assert [name for _, name, _ in found] == ["board"]


@given(st.lists(st.integers(0, 50), max_size=80))
def test_of_each_window_one_print_is_kept(hashes: list[int]) -> None:
    kept = winnowed(hashes)
    assert kept <= set(range(len(hashes)))
    for first in range(len(hashes) - WINDOW + 1):
        assert kept & set(range(first, first + WINDOW))
    assert not hashes or kept
    assert RECOGNISED - GRAM + 1 >= WINDOW


# --- whose requests --------------------------------------------------------------------------------------------------


def test_what_an_owner_registered_is_found_in_its_requests_alone() -> None:
    scanner = scanner_of(names("Projet Aurore", owners=("research", "legal")), names("Zeppelin", name="all"))
    body = {"messages": [{"role": "user", "content": "Projet Aurore et Zeppelin"}]}
    seen = {owner: {one.detail for one in scanner.scan(body, owner).findings} for owner in ("research", "sales", "")}
    assert seen == {"research": {"projects", "all"}, "sales": {"all"}, "": {"all"}}


def test_what_is_registered_with_another_key_is_found_beside() -> None:
    both = names("Projet Aurore"), names("Zeppelin", name="customers", key=OTHER_KEY)
    assert {name for _, name, _ in found_in("Zeppelin: Projet Aurore", *both)} == {"projects", "customers"}


def test_a_finding_tells_its_place_in_the_body_and_the_name_of_its_list() -> None:
    scanner = scanner_of(names("Projet Aurore"))
    body = {"messages": [{"role": "user", "content": "l’été : Projet Aurore !"}], "x": {"Projet Aurore": 1}}
    places_told = {(one.pointer, one.start, one.end, one.detail) for one in scanner.scan(body).findings}
    assert places_told == {("/messages/0/content", 8, 21, "projects"), ("/x/Projet Aurore~key", 0, 13, "projects")}


def test_the_detectors_version_names_what_is_registered() -> None:
    versions = {
        scanner_of(*registered).detectors
        for registered in ((), (names("Zeppelin"),), (names("Aurore"),), (names("Zeppelin", owners=("a",)),))
    }
    assert len(versions) == 4
    assert not any("eppelin" in version for version in versions)


def test_settings_with_registered_names_go_to_another_process_whole() -> None:
    given_settings = DetectorSettings(
        detector_rules(), registered=(names("Zeppelin", owners=("a",)), documents("a b c"))
    )
    assert settings_of(given_settings.as_fields(), pytest.fail) == given_settings


# --- at rest ---------------------------------------------------------------------------------------------------------


def test_a_file_holds_no_word_of_a_name_and_says_nothing_without_its_key() -> None:
    for registered in (names(*NAMES), documents(" ".join(prose(random.Random(1), 200)))):
        file = written(registered.content)
        for word in tokens(" ".join(NAMES).encode()):
            assert len(word) < 4 or word not in file.lower()
        other = dictionary(map(words_of, NAMES), Seal(OTHER_KEY))
        assert other.hashes != registered.content.hashes
        with pytest.raises(ConfigurationError, match="another key"):
            read(file, registered.content.kind, Seal(OTHER_KEY))
        assert read(file, registered.content.kind, SEAL) == registered.content
        assert KEY not in repr(registered)


def test_the_sieve_at_rest_tells_no_guess_from_another() -> None:
    one, other = (dictionary([words_of(name)], SEAL) for name in ("Zeppelin", "Aurore"))
    assert sum(a != b for a, b in zip(one.sieve, other.sieve, strict=True)) > len(one.sieve) // 2


FILE = written(names("Zeppelin").content)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"\xff", b"[dictionaries]", FILE[:-20], FILE.replace(b'"format": 1', b'"format": 2'),
        FILE.replace(b'"dictionary"', b'"fingerprint"'), FILE.replace(b'"hashes": "', b'"hashes": "AAAA'),
        FILE.replace(b'"sieve": "', b'"sieve": "AAAA'), FILE.replace(b'"anchors": "', b'"anchors": "AAAA'),
        FILE.replace(b'"count": 1', b'"count": "x"'),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(data, "dictionary", SEAL)
    assert told.value.fix


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
@settings(max_examples=200)
def test_a_damaged_file_is_refused_or_is_still_a_file(at: int, byte: int) -> None:
    damaged = bytearray(FILE)
    damaged[at] = byte
    try:
        content = read(bytes(damaged), "dictionary", SEAL)
    except ConfigurationError:
        return
    found_in("Zeppelin", Registered("projects", (), KEY, content))


@pytest.mark.parametrize("key", ["", "5a", "zz" * 32, "5a" * 33, "my secret"])
def test_a_key_is_64_hexadecimal_digits_and_never_quoted(key: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        Seal(key)
    assert not key or key not in str(told.value)


# --- hostile texts ---------------------------------------------------------------------------------------------------

HOSTILE = {
    "one word": "a" * 65536, "no words": ". " * 32768, "one anchor": "aurore " * 9000, "nothing": "",
    "barriers": "\0" * 65536, "marks": "\u0301" * 32768, "signs": "\ud800" * 20000, "letters": "ж" * 32768,
    "all letters": "".join(map(chr, range(0x4E00, 0x4E00 + 20000))), "projet": "projet aurore " * 4600,
    "ligatures": "ﷺ" * 20000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_to_its_end_or_told_as_cut(name: str) -> None:
    registered = names(*NAMES), documents(" ".join(prose(random.Random(1), 300)), "aurore " * 200)
    scanner = scanner_of(*registered)
    inspection = scanner.scan(HOSTILE[name])
    assert inspection.layers == ("patterns",)
    if name == "projet":
        assert inspection.cut  # more findings than are told


def test_what_would_cost_too_much_is_cut_and_not_guessed() -> None:
    registered = names(*(f"aurora {'x ' * count}y{number}" for count in range(7) for number in range(3)))
    rng = random.Random(1)
    text = " ".join(f"aurora {''.join(rng.choices('xyz', k=6))}" for _ in range(30000))
    _, cut = find(Watch((registered,)).books(""), text.encode())
    assert cut


def test_a_table_of_few_words_that_repeat_is_read_to_its_end() -> None:
    rng = random.Random(1)
    registered = documents(" ".join(prose(rng, 300)), "0 " * 100 + "0 1 1 0 " * 50), names(*NAMES)
    text = " ".join(rng.choice("01") for _ in range(200_000))
    assert find(Watch(registered).books(""), text.encode())[1] is False


def test_two_equal_settings_are_equal_after_the_way_through_json() -> None:
    one = documents("a b c d e f g h i j k l")
    assert registered_of(one.as_fields()) == one

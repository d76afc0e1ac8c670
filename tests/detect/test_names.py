"""Names in running text: what is read of a body, in which pieces, and what of a model's answer is a name."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.adapters.inspector.name_words import shipped_words
from douane.core.pseudonym import Pseudonyms
from douane.detect.names.readable import LONGEST_WORD_CHARS, OVERLAP_CHARS, PIECE_CHARS, Readable
from douane.detect.names.reader import read
from douane.detect.names.spans import joined, names_in, without
from douane.testing.name_finder import ListedNames

WORDS = shipped_words()
NAME = "Zoé Lefèvre"
spans = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda one: (one[0], one[0] + one[1])))


def seen(value, finder=None):
    """Return the pointers of the names in a body, and the words that stand there."""
    found = []
    for one in read(value, (finder or ListedNames()).find, WORDS):
        leaf = value
        for word in one.pointer.split("/")[1:]:
            leaf = leaf[int(word)] if isinstance(leaf, list) else leaf[word.replace("~1", "/").replace("~0", "~")]
        found.append((one.pointer, leaf[one.start : one.end]))
    return found


def names(text):
    return [text[start:end] for start, end in names_in(text, [(0, len(text))], WORDS.before)]


def test_every_string_of_more_than_one_word_is_read():
    body = {
        "model": "Jean",
        "messages": [
            {"role": "user", "content": f"Bonjour {NAME}."},
            {"role": "tool", "content": [{"type": "text", "text": f"vu par {NAME}"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": f"The calendar of {NAME}."}}],
        f"key of {NAME}": 1,
        "metadata": {"a/b": f"for {NAME}"},
    }
    assert seen(body) == [
        ("/messages/0/content", NAME),
        ("/messages/1/content/0/text", NAME),
        ("/tools/0/function/description", NAME),
        ("/metadata/a~1b", NAME),
    ]


def test_a_bare_text_is_read():
    (found,) = read(f"Bonjour {NAME}.", ListedNames().find, WORDS)
    assert (found.type, found.pointer, found.start, found.end, found.detector) == ("PERSON", "", 8, 19, "names")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_in_json_is_read_without_its_escapes_and_told_with_them(ascii_only):
    inner = json.dumps({"client": f"vu\n{NAME}", "note": '"x" \\ é'}, ensure_ascii=ascii_only)
    ((_, raw),) = seen({"arguments": inner})
    assert json.loads(f'"{raw}"') == NAME


def test_a_backslash_in_prose_is_a_backslash():
    assert Readable("C:\\new Zoé").text == "C:\\new Zoé"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_view_of_json_maps_every_sign_back(text):
    leaf = json.dumps([text])
    readable = Readable(leaf)
    for at in range(len(readable.text)):
        start, end = readable.place(at, at + 1)
        assert 0 <= start < end <= len(leaf)
    assert readable.place(0, len(readable.text)) == (0, len(leaf))


@given(st.text(st.sampled_from("aé b\n.,(\ud800"), max_size=200).flatmap(lambda text: st.just(text * 40)))
def test_pieces_are_short_hold_every_letter_and_are_the_view(text):
    readable = Readable(text)
    held = set()
    for piece in readable.pieces():
        assert len(piece.text) <= PIECE_CHARS
        assert readable.text[piece.start : piece.start + len(piece.text)] == piece.text
        held.update(range(piece.start, piece.start + len(piece.text)))
    assert all(at in held for at, sign in enumerate(readable.text) if sign.isalpha())


@given(st.integers(0, 2 * PIECE_CHARS))
def test_a_name_is_whole_in_a_piece_wherever_it_stands(before):
    assert len(NAME) < OVERLAP_CHARS
    text = ("mot " * PIECE_CHARS)[:before] + f" {NAME} " + "mot " * 900
    assert [words for _, words in seen({"content": text})] == [NAME]


def test_a_long_word_is_cut_at_its_punctuation_and_no_name_in_it_is_lost():
    row = ",".join(["x1", "2026-11-23", "Zoé", "rue", "75011", "a.b@example.org"] * 4)
    assert len(row) > LONGEST_WORD_CHARS
    text = Readable(f"row: {row}").text
    assert max(map(len, re.findall(r"\S+", text))) <= LONGEST_WORD_CHARS
    assert text.count("Zoé") == 4


def test_a_pseudonym_of_ours_is_not_read():
    ours = str(Pseudonyms(b"k" * 32).issue("PERSON", "Jean"))
    text = f"Bonjour {ours} et Zoé"
    assert Readable(text).text == f"Bonjour {' ' * len(ours)} et Zoé"


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("Mme Zoé Le Guennec", ["Zoé Le Guennec"]),
        ("Bonjour Jean", ["Jean"]),
        ("Veuillez", []),
        ("M. J.-P. O’Neill's", ["J.-P. O’Neill"]),
        ("Dupont, Jean", ["Dupont", "Jean"]),
        ('Jean Dupont", "city', ["Jean Dupont"]),
        ("jean", []),
        ("REF", []),
        ("TVA FR", []),
        ("DUPONT", ["DUPONT"]),
        ("Anne-Marie", ["Anne-Marie"]),
        ("Dupont\nParis", ["Dupont", "Paris"]),
        ("12 A. b", []),
    ],
)
def test_of_what_a_model_tells_names_are_kept(told, wanted):
    assert names(told) == wanted


@given(st.text(), spans)
def test_names_lie_within_what_was_told(text, told):
    told = [(start, min(end, len(text))) for start, end in told if start < len(text)]
    for start, end in names_in(text, told, WORDS.before):
        assert any(low <= start < end <= high for low, high in told)


@given(spans, spans)
def test_what_others_took_is_left_to_them(wanted, taken):
    def places(some):
        return {at for start, end in some for at in range(start, end)}

    assert places(without(wanted, taken)) == places(wanted) - places(taken)
    assert places(joined(wanted)) == places(wanted)

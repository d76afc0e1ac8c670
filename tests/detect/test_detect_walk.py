import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from douane.core.api_words import API_WORDS, public_place
from douane.detect.walk import KEY_END, MAX_DEPTH, READABLE_PARTS, digits_of, pointer, walk

BODIES = Path(__file__).parent.parent / "corpus" / "detect" / "bodies"

KEYS = st.one_of(
    st.sampled_from(sorted(API_WORDS)),
    st.sampled_from(["file_ids", "input_ids", "encrypted_content", "a/b", "c~d", "jean@example.org", "properties", ""]),
    st.text(max_size=6),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["image_url", "text", "input_audio", "message"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=30,
)


def resolve(value, path):
    for step in path:
        value = value[step]
    return value


def every_leaf(value):
    """What law 2 asks for, written as plainly as possible: strings, keys of the caller's own, numbers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield "key", key
            yield from every_leaf(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_leaf(inner)
    elif isinstance(value, str):
        yield "text", value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield "text", str(value) if isinstance(value, int) else digits_of(value)


@given(VALUES)
def test_every_string_and_number_is_a_leaf_in_document_order(value):
    texts = [text for kind, text in every_leaf(value) if kind == "text"]
    assert [leaf for leaf in walk(value).leaves if not leaf.endswith(KEY_END)] == [
        t for t in texts if t[-1:] != KEY_END
    ]


@given(VALUES)
def test_every_key_that_is_not_a_word_of_the_api_is_a_leaf_unless_it_names_something_unreadable(value):
    opaque = {"file_ids", "input_ids", "encrypted_content"}
    keys = {key for kind, key in every_leaf(value) if kind == "key"}
    leaves = set(walk(value).leaves)
    assert all(key + KEY_END in leaves for key in keys - API_WORDS - opaque)
    assert not any(key + KEY_END in leaves for key in keys & API_WORDS)


@given(VALUES)
@example({"own": f"own{KEY_END}"})
def test_each_pointer_leads_back_to_its_leaf(value):
    document = walk(value)
    paths = document.paths(range(len(document.leaves)))
    assert len(paths) == len(document.leaves)
    for number, leaf in enumerate(document.leaves):
        words, is_key = paths[number]
        if is_key:
            assert leaf == f"{words[-1]}{KEY_END}"
            assert words[-1] in resolve(value, words[:-1])
        else:
            found = resolve(value, words)
            assert leaf == (digits_of(found) if isinstance(found, float) else str(found))


@given(VALUES)
def test_an_unreadable_part_points_at_something_that_is_there(value):
    document = walk(value)
    paths = document.paths([unread.leaf for unread in document.unreadable])
    for unread in document.unreadable:
        resolve(value, paths[unread.leaf].words[: unread.depth])


@pytest.mark.parametrize("file", sorted(BODIES.glob("*.json")), ids=lambda file: file.stem)
def test_what_no_text_scan_reads_is_named_with_its_place(file):
    case = json.loads(file.read_text())
    document = walk(case["body"])
    paths = document.paths([unread.leaf for unread in document.unreadable])
    found = [[unread.kind, pointer(paths[unread.leaf].words[: unread.depth])] for unread in document.unreadable]
    assert found == case["unreadable"]


def test_a_text_beyond_the_greatest_depth_is_reported_and_not_forgotten():
    value: object = "deep"
    for _ in range(MAX_DEPTH + 5):
        value = [value]
    document = walk({"messages": value})
    assert [unread.kind for unread in document.unreadable] == ["depth"]
    assert "deep" not in document.leaves


@pytest.mark.parametrize("kind", sorted(READABLE_PARTS))
def test_parts_of_text_are_readable(kind):
    assert walk({"messages": [{"role": "user", "content": [{"type": kind, "text": "hello"}]}]}).unreadable == []


def test_a_pointer_escapes_what_rfc_6901_escapes_and_marks_keys():
    assert pointer(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"
    assert pointer(("metadata", "x"), key=True) == "/metadata/x~key"


@given(st.lists(st.one_of(KEYS, st.integers(0, 10**9)), max_size=6))
def test_a_place_that_is_told_holds_words_of_the_api_and_positions_only(path):
    told = public_place(pointer(tuple(path)))
    if told != "the text":
        for word in told[1:].split("/"):
            assert word in API_WORDS or word == "..." or word.isdecimal()

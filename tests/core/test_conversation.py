"""By what an answer is known again, and what a mark is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from douane.core.label import Label, Level
from douane.core.traffic.conversation import LONGEST, MOST_READ, SHORTEST, Gathered, Mark, beginnings, spoken

LABELS = st.builds(
    lambda level, words: Label(level, frozenset(words)), st.sampled_from(Level), st.sets(st.sampled_from("abc"))
)
LAYERS = st.frozensets(st.sampled_from("xyz"))
MARKS = st.builds(Mark, LABELS, LAYERS, LABELS, LAYERS)
WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=9), min_size=9
)


@given(MARKS, MARKS)
def test_a_joined_mark_is_at_least_both_and_was_read_by_what_read_both(a: Mark, b: Mark) -> None:
    both = a.joined(b)
    assert a.label <= both.label
    assert b.label <= both.label
    assert both.layers == a.layers & b.layers
    assert both.masked_layers == a.masked_layers & b.masked_layers
    assert (both.label, both.masked) == (a.label | b.label, a.masked | b.masked)
    assert both == b.joined(a) == both.joined(a)


@given(WORDS, st.sampled_from([" ", "\n", "\r\n", "  \t", "\u00a0"]))
def test_spaces_tell_nothing(words: list[str], space: str) -> None:
    if len(space.join(words)) < MOST_READ:
        assert spoken(f" \n{space.join(words)}\n") == spoken(" ".join(words))


@given(st.text(max_size=300), st.text(max_size=5000))
def test_what_is_known_has_bounds(head: str, tail: str) -> None:
    said = spoken(head + tail)
    assert said == "" or SHORTEST <= len(said) <= LONGEST
    assert all(said.startswith(word) for word in beginnings(said))


@given(st.integers(64, 1500), st.integers(64, 1500))
def test_an_answer_that_was_cut_is_known_by_what_arrived(passed: int, arrived: int) -> None:
    text = "".join(chr(97 + (number * number) % 26) for number in range(max(passed, arrived)))
    assert set(beginnings(spoken(text[:passed]))) & set(beginnings(spoken(text[:arrived])))


def test_thoughts_are_left_out_as_callers_leave_them_out() -> None:
    answer = "The capital of France is Paris, as it has been for most of the last thousand years."
    whole = f"<think>{'The user asks. ' * 400}</think>\n\n{answer}"
    assert spoken(whole) == spoken(answer) != ""
    for step in (1, 3, 7, 100):
        gathered = Gathered()
        for at in range(0, len(whole), step):
            gathered.add(whole[at : at + step])
        assert spoken(gathered.text) == spoken(answer)


@given(st.lists(st.text(max_size=40), max_size=200))
def test_what_is_gathered_is_known_as_the_whole_is(pieces: list[str]) -> None:
    gathered = Gathered()
    for piece in pieces:
        gathered.add(piece)
    assert spoken(gathered.text) == spoken("".join(pieces))

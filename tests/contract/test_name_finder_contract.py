"""What every finder of names keeps: places within the text, the same for the same text, whatever the text holds."""

import pytest

from douane.testing.name_finder import ListedNames

TEXTS = ["Bonjour.", "", " ", "a\0b", "日本語の文", "x" * 3000, "(.[" * 20, "👩‍👩‍👧 et e\u0301\u0301", "\n\t\n"]
FRENCH = "Hier, j'ai vu Zoé Lefèvre à la réunion du comité, et elle est partie avec Jean."
ENGLISH = "Yesterday I met Rajesh Koothrappali at the office, and he was with his sister Priya."


@pytest.fixture(params=["fake", "spacy"], scope="module")
def finder(request):
    if request.param == "fake":
        return ListedNames()
    pytest.importorskip("spacy", reason="the extra `ner` is not installed")
    from douane.adapters.inspector.spacy_names import SpacyNames

    return SpacyNames()


@pytest.mark.parametrize("text", [*TEXTS, FRENCH, ENGLISH])
def test_places_lie_within_the_text_and_are_the_same_every_time(finder, text):
    found = sorted(finder.find(text))
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert sorted(finder.find(text)) == found


@pytest.mark.parametrize(("text", "name"), [(FRENCH, "Zoé Lefèvre"), (ENGLISH, "Rajesh Koothrappali")])
def test_a_name_in_running_text_is_found(finder, text, name):
    assert name in [text[start:end] for start, end in finder.find(text)]


def test_a_text_without_a_name_has_none(finder):
    assert not list(finder.find("Le pain est cuit dans le four, et il est bon."))

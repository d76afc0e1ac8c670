"""The prompts that the heads for meaning learn from: enough of them, of all levels and languages, no two alike."""

import json
import re
from collections import Counter, defaultdict
from importlib.resources import files

import pytest
from training.meaning import prompts as source

PROMPTS = source.prompts()
UNSEEN = source.prompts([source.UNSEEN])
DEMANDED = {"fr": 600, "en": 600, "de": 100, "es": 100, "it": 100}


def test_the_shipped_model_was_trained_on_these_prompts():
    facts = json.loads(files("douane").joinpath("data", "meaning", "model.json").read_text())
    assert facts["prompts"] == source.digest()


def test_there_are_as_many_prompts_as_demanded():
    counts = Counter(prompt.lang for prompt in PROMPTS)
    assert len(PROMPTS) >= 1500
    assert {lang: counts[lang] for lang, least in DEMANDED.items() if counts[lang] < least} == {}


@pytest.mark.parametrize("lang", DEMANDED)
def test_every_language_has_every_level_and_hard_negatives(lang):
    of_lang = [prompt for prompt in PROMPTS if prompt.lang == lang]
    assert {prompt.level for prompt in of_lang} == {0, 1, 2, 3}
    assert {(prompt.kind, prompt.level >= 2) for prompt in of_lang} >= {("about", False), ("data", True)}


def test_a_prompt_that_only_talks_about_a_subject_is_never_above_internal():
    assert [prompt.id for prompt in PROMPTS if prompt.kind != "data" and prompt.level >= 2] == []


def test_ids_are_unique():
    every = [*PROMPTS, *UNSEEN]
    assert len({prompt.id for prompt in every}) == len(every)


def test_what_judges_the_heads_has_every_level_and_no_topic_that_they_learnt_from():
    assert {prompt.topic for prompt in UNSEEN}.isdisjoint({prompt.topic for prompt in PROMPTS})
    assert {prompt.level for prompt in UNSEEN} == {0, 1, 2, 3}
    assert len({prompt.topic for prompt in UNSEEN}) >= 100


def test_no_two_prompts_are_nearly_the_same():
    shingles = {}
    holders = defaultdict(list)
    for prompt in PROMPTS:
        words = re.findall(r"\w+", prompt.text.casefold())
        shingles[prompt.id] = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
        for shingle in shingles[prompt.id]:
            holders[shingle].append(prompt.id)
    shared = Counter()
    for ids in holders.values():
        if len(ids) < 40:
            shared.update((one, other) for at, one in enumerate(ids) for other in ids[at + 1 :])
    alike = [
        (one, other)
        for (one, other), count in shared.items()
        if count > 3 and count > 0.6 * min(len(shingles[one]), len(shingles[other]))
    ]
    assert alike == []


def test_the_parts_for_judging_share_no_topic():
    parts = list(source.parts(PROMPTS, 4))
    judged = sorted(number for _, numbers in parts for number in numbers)
    assert judged == list(range(len(PROMPTS)))
    for learnt, numbers in parts:
        unseen = {PROMPTS[at].topic for at in numbers if PROMPTS[at].file != source.MIXED}
        assert unseen.isdisjoint(PROMPTS[at].topic for at in learnt)

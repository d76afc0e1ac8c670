"""No text makes a pattern try many times: what an outsider writes costs at most so many steps a sign.

What is counted are the steps of a plain matcher on the texts that an analysis of the pattern names, never time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from zlib import crc32

import pytest
from tests.patterns.verdict import PLENTY, Verdict, verdicts

MOST_OF_ONE_START = 150
"""Steps a sign of the text: an attempt may go through its text so often, and costs no more on a longer one."""

TRIED_SELDOM = {
    "douane.config.endpoints._NAME": "matches an address of the configuration once",
    "douane.config.endpoints._NUMBER": "matches an address of the configuration once",
    "douane.config.endpoints._PATH": "matches an address of the configuration once",
    "douane.config.problems._BARE": "matches a key of the configuration once",
    "douane.config.text._NAME": "matches a reference of the configuration once",
    "douane.control.classify._STRING_FIRST": "matches a file's beginning once",
    "douane.core.pseudonym._EMAIL": "matches a value found once",
    "douane.detect.accounts._PART": "reads rows of the product",
    "douane.detect.addresses": "tried after a word for a home; costs much, but no more on a longer text",
    "douane.detect.births": "matches a cell of a table once",
    "douane.detect.engine._SIGN": "reads rows of the product",
    "douane.detect.engine._SIGNS": "reads rows of the product",
    "douane.detect.marks._TITLE_RIGHT": "matches the rest of a line, 200 bytes at most",
    "douane.detect.masking._STRING_OR_NUMBER": "reads what parsed as JSON: every string ends",
    "douane.detect.phones": "tried at a number once; costs much, but no more on a longer text",
    "douane.detect.seams._GOES_ON": "searches 45 signs",
    "douane.detect.secrets.alive._REFERENCE": "matches a value found once",
    "douane.detect.secrets.settings._NAME": "matches what stands before a value, 64 bytes at most",
    "douane.detect.views.encoded._NEXT_LINE": "matches where a line of a run ended",
    "douane.detect.views.mirrors._TURNED_ACCOUNT": "what it looks for ahead, it does where no letter stands before",
    "douane.detect.views.mirrors._TURNED_PHONE": "matches a number found once",
    "douane.detect.words._PAD": "matches what stands between a word and its number, 160 bytes at most",
    "douane.gateway.declare._TOKEN": "matches a header's value once",
    "douane.wire.openai_request._SCHEME": "matches an address once",
}
"""Patterns that take many steps where they are tried at every sign, and why nobody does."""

HAD_TO_BE_MENDED = [
    (rb"(?:[0-9A-F]{2}|[0-9a-f]{2})+", True),
    (r"(?:\\|\]|:(?:\\?/|\\u00?2?f?|\\)*|w{1,3})\Z", False),
    (rb"(?<![a-z])[A-Z](?:(?:[A-Z]|\xc4[\x80-\xbf])|(?:[a-z]|\xc4[\x80-\xbf])|['\-]){1,30}(?![A-Za-z\xc4])", False),
    (rb"(?:[A-Z][A-Z'\-]{1,30}|\xc3[\x80-\x9e]){1,30} \Z", False),
    (rb"(?:(?:de la|de|la) )*[A-Z]", False),
    (rb"this(?:[ \t\n]{1,4}[^\x20.!?\x00]{2,14}){0,9} is", False),
    (rb"[ \t]*(?:__)?[ \t]*(?:\Z|[/|])", False),
    (rb"x(?:a*)*b", False),
    (rb"xa*a*b", False),
    (rb"(?>(?:a|a)*b)", False),
]
LOOKED_FOR_FROM_EVERY_SIGN = [rb"\\+u[0-9a-f]{4}", rb"\w+\s*=", rb"(?<![a-z])(?:[a-z]|\xc3[\x80-\xff])+x", rb"x.*y"]
HARMLESS = [
    rb"(?<!a)(?:a|a)*+b",
    rb"(?<![a-z])[a-z]+x",
    rb"\b\w+\s*=",
    rb"(?<!a)(?>a+)b",
    rb"(?:aa|ab)+",
    rb"[0-9]{3,40}x{2}",
]


@pytest.fixture(autouse=True)
def _deep() -> Iterator[None]:
    """The matcher that counts calls itself once a sign."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(60_000)
    yield
    sys.setrecursionlimit(before)


def of_one_start(found: list[Verdict]) -> float:
    return max((one.steps for one in found if one.one_start), default=0)


def of_all_starts(found: list[Verdict]) -> float:
    return max((one.steps for one in found if not one.one_start), default=0)


@pytest.mark.parametrize(("pattern", "whole"), HAD_TO_BE_MENDED)
def test_what_was_mended_would_be_told(pattern: str | bytes, whole: bool) -> None:
    assert of_one_start(verdicts(pattern, whole=whole)) > MOST_OF_ONE_START


@pytest.mark.parametrize("pattern", LOOKED_FOR_FROM_EVERY_SIGN)
def test_what_every_sign_begins_anew_is_told(pattern: bytes) -> None:
    assert of_all_starts(verdicts(pattern)) >= PLENTY


@pytest.mark.parametrize("pattern", HARMLESS)
def test_what_is_read_in_one_way_is_not_told(pattern: bytes) -> None:
    found = verdicts(pattern)
    assert of_one_start(found) <= MOST_OF_ONE_START
    assert of_all_starts(found) < PLENTY


SHARES = 12


@pytest.fixture(scope="session")
def patterns() -> list[tuple[str, str, bool, int, bool]]:
    """Return every pattern of the product: its name, itself, whether of bytes, its flags, whether it matches all."""
    printed = subprocess.run(
        [sys.executable, "-m", "tests.patterns.every"], check=True, capture_output=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )  # fmt: skip
    return [tuple(json.loads(line)) for line in printed.stdout.splitlines()]


def test_every_pattern_is_seen(patterns) -> None:
    names = {name for name, *_ in patterns}
    assert len(patterns) > 1000
    assert set(TRIED_SELDOM) < names


@pytest.mark.parametrize("share", range(SHARES))
def test_no_text_makes_a_pattern_of_the_product_try_many_times(patterns, share: int) -> None:
    slow: list[tuple[str, str, Verdict]] = []
    seldom: set[str] = set()
    for name, text, of_bytes, flags, whole in patterns:
        if _share(name) != share:
            continue
        for one in verdicts(text.encode("latin-1") if of_bytes else text, flags, whole=whole):
            if one.one_start and one.steps > MOST_OF_ONE_START:
                slow.append((name, text, one))
            elif not one.one_start and one.steps >= PLENTY:
                seldom.add(name)
                if name not in TRIED_SELDOM:
                    slow.append((name, text, one))
    assert not slow
    assert seldom == {name for name in TRIED_SELDOM if _share(name) == share}


def _share(name: str) -> int:
    return crc32(name.encode()) % SHARES

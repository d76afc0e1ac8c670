"""What putting values back into a stream costs, and whether any way to cut it changes what is said."""

from __future__ import annotations

import random
from collections.abc import Iterator
from time import thread_time

from bench.detection.measure import Found, Measure
from bench.detection.world import World
from douane.core.pseudonym import Pseudonyms
from douane.wire.unmasking.text import TextUnmasker

CHUNKINGS = 20_000
LIMIT_US = 5.0
SIGNS_A_CHUNK = 4
VALUES = (("IBAN", "FR14 2004 1010 0505 0001 3M02 606"), ("EMAIL", "jean@example.org"), ("PERSON", "Jean Dupont"))


def unmasking(world: World) -> Iterator[Found]:
    """Wrong texts of 20,000 random chunkings; CPU of one chunk of four signs, the least of its rounds."""
    pseudonyms = Pseudonyms(b"bench" * 6)
    issued = [pseudonyms.issue(kind, value) for kind, value in VALUES]
    sentence = "The account {0} of {2} (a[1], [[x]]) is in [the book](https://e.example/{0}); write to {1}. "
    text = sentence.format(*issued)
    whole = _said(pseudonyms, [text])
    chance = random.Random(world.seed)
    count = CHUNKINGS // 10 if world.quick else CHUNKINGS
    wrong = sum(_said(pseudonyms, _cut(chance, text)) != whole for _ in range(count))
    yield Measure(
        "wrong texts when unmasking, of random chunkings", wrong, 0, "", at_least=False, note=f"{count} of them"
    )
    long = text * 40
    chunks = [long[at : at + SIGNS_A_CHUNK] for at in range(0, len(long), SIGNS_A_CHUNK)]
    least = min(_cost_us(pseudonyms, chunks) for _ in range(5 if world.quick else 15))
    yield Measure("CPU of unmasking, a chunk", least, LIMIT_US, "us", at_least=False, note=f"{SIGNS_A_CHUNK} signs")


def _cut(chance: random.Random, text: str) -> list[str]:
    points = sorted(chance.sample(range(1, len(text)), chance.randint(1, 24)))
    return [text[low:high] for low, high in zip([0, *points], [*points, len(text)], strict=True)]


def _said(pseudonyms: Pseudonyms, chunks: list[str]) -> str:
    unmasker = TextUnmasker(pseudonyms.find)
    return "".join([unmasker.feed(chunk) for chunk in chunks]) + unmasker.finish()


def _cost_us(pseudonyms: Pseudonyms, chunks: list[str]) -> float:
    started = thread_time()
    _said(pseudonyms, chunks)
    return (thread_time() - started) / len(chunks) * 1_000_000

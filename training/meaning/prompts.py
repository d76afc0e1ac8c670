"""The prompts, their digest, and how they are parted into topics that were seen and topics that were not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "prompts"
UNSEEN = Path(__file__).parent / "unseen.jsonl"
"""Prompts of topics that none of the others has: they judge, and nothing learns from them."""
LEVELS = ("public", "internal", "confidential", "restricted")
MIXED = "mix"
"""The file whose prompts pair over languages and kinds: they stay together, in one part."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of a file of prompts; LABELS.md tells the fields. `level` is a number."""

    id: str
    lang: str
    level: int
    topic: str
    kind: str
    text: str
    file: str


def files() -> list[Path]:
    """Return the files of prompts, in the order in which they are read."""
    return sorted(FOLDER.glob("*.jsonl"))


def digest() -> str:
    """Return the SHA-256 of all files of prompts, one after another."""
    return sha256(b"".join(file.read_bytes() for file in files())).hexdigest()


def prompts(of: Sequence[Path] | None = None) -> list[Prompt]:
    """Return every prompt of these files, or of our own."""
    found = []
    for file in files() if of is None else of:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            level = LEVELS.index(row["level"])
            found.append(Prompt(row["id"], row["lang"], level, row["topic"], row["kind"], row["text"], file.stem))
    return found


def parts(given: Sequence[Prompt], count: int, seed: int = 0) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the numbers to learn from and to be judged by: the latter's topics are absent from the former.

    Topics with confidential or restricted prompts, and those without, are dealt out evenly.
    """
    chance = random.Random(seed)  # noqa: S311 - a part is to be the same at every run
    topics = sorted({prompt.topic for prompt in given if prompt.file != MIXED})
    chance.shuffle(topics)
    grave = {prompt.topic for prompt in given if prompt.level >= 2}
    part = {}
    for of_kind in ([t for t in topics if t in grave], [t for t in topics if t not in grave]):
        part |= {topic: number % count for number, topic in enumerate(of_kind)}
    for number in range(count):
        judged = [
            at
            for at, prompt in enumerate(given)
            if (number == count - 1 if prompt.file == MIXED else part[prompt.topic] == number)
        ]
        unseen = {given[at].topic for at in judged if given[at].file != MIXED}
        learnt = [
            at
            for at, prompt in enumerate(given)
            if prompt.topic not in unseen and not (prompt.file == MIXED and number == count - 1)
        ]
        yield learnt, judged

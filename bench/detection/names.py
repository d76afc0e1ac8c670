"""Names of persons, by patterns alone and with what reads running text for masking: `python -m bench.detection.names`.

On data that detectors' authors may read (DOUANE_TEST_DATA), so these figures flatter. Precision counts a finding as
right that touches a name: what is masked beside a name costs the answer, not the person.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.detection.match import Span, fits
from bench.detection.samples import data_folder
from douane.adapters.inspector.name_words import shipped_words
from douane.adapters.inspector.spacy_names import SpacyNames
from douane.bootstrap import Start, configuration_of, kinds_installed, scanner_of
from douane.detect.names.reader import read
from douane.detect.names.spans import joined

PERSON = "PERSON"
Find = Callable[[str], list[Span]]


class Text(NamedTuple):
    text: str
    names: tuple[Span, ...]


class Row:
    """What is counted for one way of finding names."""

    def __init__(self) -> None:
        self.there = self.found = self.told = self.right = self.free = self.flagged = 0

    def add(self, text: Text, told: list[Span]) -> None:
        self.there += len(text.names)
        self.told += len(told)
        self.found += sum(any(fits(name, one) for one in told) for name in text.names)
        self.right += sum(any(_touch(name, one) for name in text.names) for one in told)
        if not text.names:
            self.free += 1
            self.flagged += bool(told)

    def __str__(self) -> str:
        return (
            f"recall {self.found / max(1, self.there):.3f} of {self.there}, "
            f"precision {self.right / max(1, self.told):.3f} of {self.told}, "
            f"{self.flagged} of {self.free} texts without a name flagged"
        )


def main() -> None:
    scanner = scanner_of(configuration_of(Start(), kinds_installed()))
    finder, words = SpacyNames(), shipped_words()

    def patterns(text: str) -> list[Span]:
        return [Span(one.start, one.end, PERSON) for one in scanner.scan(text).findings if one.type == PERSON]

    def running(text: str) -> list[Span]:
        return [Span(one.start, one.end, PERSON) for one in read(text, finder.find, words)]

    for title, texts in _sets():
        before, after, cpu_s = Row(), Row(), 0.0
        for text in texts:
            plain = patterns(text.text)
            started_s = time.process_time()
            read_for = running(text.text)
            cpu_s += time.process_time() - started_s
            both = joined([(one.start, one.end) for one in (*plain, *read_for)])
            before.add(text, plain)
            after.add(text, [Span(start, end, PERSON) for start, end in both])
        size_kb = sum(len(text.text.encode()) for text in texts) / 1024
        print(f"{title}, {len(texts)} texts, {1000 * cpu_s / size_kb:.0f} ms of CPU for 1 KB of them")
        print(f"  patterns: {before}\n  with ner: {after}")
    long = " ".join(text.text for text in _sets_of("fr"))[: 16 * 1024]
    for size_kb in (1, 16):
        cost_s = min(_cost_s(lambda: running(long[: size_kb * 1024])) for _ in range(5))  # noqa: B023 - at once
        print(f"{size_kb} KB of French in one text: {1000 * cost_s:.0f} ms of CPU")


def _sets() -> Iterator[tuple[str, list[Text]]]:
    for lang in ("fr", "en"):
        yield f"generated documents, {lang}", _sets_of(lang)
    yield "presidio-research synth v2, en", _presidio()


def _sets_of(lang: str) -> list[Text]:
    rows = [json.loads(line) for line in (_folder() / "pii_dev_b.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Text(row["text"], tuple([Span(start, end, kind) for start, end, kind in row["spans"] if kind == PERSON]))
        for row in rows
        if row["lang"] == lang
    ]


def _presidio() -> list[Text]:
    rows = json.loads((_folder() / "presidio_research_synth_v2.json").read_text(encoding="utf-8"))
    return [
        Text(
            row["full_text"],
            tuple(
                [
                    Span(one["start_position"], one["end_position"], PERSON)
                    for one in row["spans"]
                    if one["entity_type"] == PERSON
                ]
            ),
        )
        for row in rows
    ]


def _folder() -> Path:
    return data_folder() / "classification"


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _cost_s(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


if __name__ == "__main__":
    main()

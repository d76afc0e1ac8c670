"""What is measured on: while developing, data that detectors' authors may read; once, what was held out.

Third parties' data and our own of the research lie below the folder that DOUANE_TEST_DATA names.
"""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench import disguises
from bench.detection import clean_dev
from bench.detection.match import Span
from bench.held_out import sealing, vendors

CHECKED = (
    "IBAN", "CARD", "NIR", "SIREN", "SIRET", "VAT", "DE_IDNR", "ES_NIF", "ES_NIE", "IT_CF", "BE_NN", "NL_BSN",
    "PL_PESEL", "PT_NIF",
)  # fmt: skip
"""Types with check digits."""
APART = ("UK_NINO", "US_SSN")
OTHERS = ("EMAIL", "PHONE", "IP")
NUMBERS, DISGUISES, PROMPTS = "numbers4.py", "disguises4.py", "prompts.jsonl"
SEALED = (NUMBERS, DISGUISES, PROMPTS)
"""What `--open` measures on. What was opened and mended by is for developing from then on."""
OPENED_NUMBERS = ("numbers.py", "numbers2.py", "numbers3.py")
OPENED_DISGUISES = ("disguises.py", "disguises2.py", "disguises3.py")
TRAINING = Path(__file__).resolve().parents[2] / "training/meaning/prompts"
_LABELS = {
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "PHONE_NUMBER": "PHONE",
}


class Sample(NamedTuple):
    """A text and what is in it. Spans whose label begins with NEG are look-alikes."""

    id: str
    lang: str
    family: str
    text: str
    spans: tuple[Span, ...]

    @property
    def true(self) -> tuple[Span, ...]:
        """Return what is to be found."""
        return tuple(span for span in self.spans if not span.label.startswith("NEG"))


class Prompt(NamedTuple):
    """A prompt and its level by meaning. `unseen`: whether its topic is absent from training."""

    text: str
    level: str
    lang: str
    kind: str = ""
    unseen: str = ""


class Disguised(NamedTuple):
    """A disguised value in a text."""

    transform: str
    text: str
    span: Span
    keyword: bool


@dataclass(frozen=True, slots=True)
class Samples:
    """Where each case gets its material. `held_out` says which of the two."""

    held_out: bool
    data: Path
    quick: bool = False

    def documents(self) -> list[Sample]:
        """Return documents with identifiers and look-alikes."""
        if self.held_out:
            return [_sample(row) for row in sealing.module(NUMBERS).documents(3000)]
        rows = [*self._dev("a"), *self._dev("b")]
        rows += [row for name in OPENED_NUMBERS for row in sealing.module(name).documents(3000)]
        return [_sample(row) for row in (rows[::6] if self.quick else rows)]

    def clean(self) -> list[Sample]:
        """Return documents without anybody's data."""
        if self.held_out:
            return [_sample(row) for row in sealing.module(NUMBERS).clean(1500)]
        rows = [row for row in (*self._dev("a"), *self._dev("b")) if all(span[2] == "NEG" for span in row["spans"])]
        made = clean_dev.documents(300 if self.quick else 1000)
        made += [row for name in OPENED_NUMBERS for row in sealing.module(name).clean(300 if self.quick else 1500)]
        return [*(_sample({**row, "family": "research"}) for row in rows), *(_sample(row) for row in made)]

    def binaries(self) -> list[Sample]:
        """Return documents with an image or a font in base64."""
        return [_sample(row) for row in sealing.module(NUMBERS).binaries(100)] if self.held_out else []

    def disguised(self) -> list[Disguised]:
        """Return disguised values: so many for each of 24 transforms and five types."""
        made = [sealing.module(DISGUISES)] if self.held_out else [disguises, *map(sealing.module, OPENED_DISGUISES)]
        cells = [row for one in made for row in one.cells(20 if self.quick else 60)]
        return [
            Disguised(row["transform"], row["text"], Span(row["start"], row["end"], row["label"]), row["keyword"])
            for row in cells
        ]

    def presidio_research(self) -> list[Sample]:
        """Return presidio-research's synthetic documents; nothing of them was tuned on but the phones' formats."""
        rows = json.loads(self._file("presidio_research_synth_v2.json"))
        return [
            Sample(
                str(at),
                "en",
                "",
                row["full_text"],
                tuple(
                    Span(
                        one["start_position"], one["end_position"], _LABELS.get(one["entity_type"], one["entity_type"])
                    )
                    for one in row["spans"]
                ),
            )
            for at, row in enumerate(rows)
        ]

    def prompts(self) -> list[Prompt]:
        """Return prompts of four levels."""
        if not self.held_out:
            made: dict[str, dict[int, dict[str, list[str]]]] = {}
            exec(self._file("semantic_dev.py"), made)
            levels = ("public", "internal", "confidential", "restricted")
            return [
                Prompt(text, levels[level], lang)
                for level, by_lang in made["S"].items()
                for lang, texts in by_lang.items()
                for text in texts
            ]
        trained = {
            json.loads(line)["topic"]
            for path in sorted(TRAINING.glob("*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.strip()
        }
        rows = [json.loads(line) for line in sealing.opened(PROMPTS).decode().splitlines()]
        return [
            Prompt(row["text"], row["level"], row["lang"], row["kind"], "no" if row["topic"] in trained else "yes")
            for row in rows
        ]

    def harmless(self) -> list[tuple[str, str]]:
        """Return prompts that are harmless, with the name of their set."""
        found: dict[str, str] = {}
        for name in ("one", "two", "three"):
            for row in json.loads(self._file(f"piguard_NotInject_{name}.json")):
                found.setdefault(row["prompt"], "NotInject")
        for row in json.loads(self._file("piguard_valid.json")):
            if str(row["label"]) == "0":
                found.setdefault(row["prompt"], "PIGuard valid, benign")
        for prompts in json.loads(self._file("piguard_BIPIA_text.json")).values():
            for prompt in prompts:
                found.setdefault(prompt, "BIPIA questions")
        return [(name, prompt) for prompt, name in found.items()]

    def secrets(self) -> list[tuple[str, str]]:
        """Return rule and example of one half of the vendors."""
        if self.held_out and vendors.digest(self.data) != sealing.digests()[vendors.NAME]:
            raise SystemExit("The examples set aside are not those that were recorded.")
        return vendors.examples(self.data, set_aside=self.held_out)

    def library_files(self) -> list[Path]:
        """Return files of the standard library, tests and generated tables left out: every other one, by its place."""
        root = Path(sysconfig.get_path("stdlib"))
        skip = {"test", "tests", "site-packages", "__pycache__", "idlelib", "lib2to3", "pydoc_data", "ensurepip"}
        files = [
            path
            for path in sorted(root.rglob("*.py"))
            if not skip & set(path.relative_to(root).parts) and 200 < path.stat().st_size < 200_000
        ]
        return files[1 if self.held_out else 0 :: 2][: 60 if self.quick else 260]

    def _dev(self, name: str) -> Iterator[dict[str, object]]:
        for line in self._file(f"pii_dev_{name}.jsonl").splitlines():
            yield json.loads(line)

    def _file(self, name: str) -> str:
        return (self.data / "classification" / name).read_text(encoding="utf-8")


def data_folder() -> Path:
    """Return where the research's data are."""
    folder = Path(os.environ.get("DOUANE_TEST_DATA", ""))
    if not (folder / "classification").is_dir():
        raise SystemExit("DOUANE_TEST_DATA names no folder with `classification` in it.")
    return folder


def _sample(row: dict[str, object]) -> Sample:
    spans: Iterable[tuple[int, int, str]] = row["spans"]  # type: ignore[assignment]
    return Sample(
        str(row["id"]),
        str(row["lang"]),
        str(row.get("family", "")),
        str(row["text"]),
        tuple(Span(*span) for span in spans),
    )

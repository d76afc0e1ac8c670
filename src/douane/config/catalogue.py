"""The models that a configuration may name: the shipped rows of data/models/*.toml, and those of `[models]`.

A row of one's own may not take a shipped id: an id means one model everywhere. Unverified cells are left out of the
rows, and are unknown (law 8).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from douane.config import schema
from douane.config.problems import Path, Problems, dotted
from douane.core.models.catalogue import KindFacts, Model

HUB = "hub"
"""The name under which a row holds a model's Hugging Face id."""


def shipped_models() -> dict[str, Model]:
    """Return the models that the product knows, by id."""
    models: dict[str, Model] = {}
    folder = files("douane").joinpath("data", "models")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for name, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
                models[name] = _model(name, row)
    return models


def _model(name: str, row: Mapping[str, Any]) -> Model:
    return Model(
        name, row["family"], row["names"], row.get("context_tokens"), row.get("licence"), row["source"], row["date"]
    )


def compile_models(
    given: Mapping[str, schema.Model], shipped: Mapping[str, Model], problems: Problems
) -> dict[str, Model]:
    """Return the shipped models and those of the configuration."""
    models = dict(shipped)
    for name, row in given.items():
        path: Path = ("models", name)
        if name in shipped:
            problems.refuse(
                path,
                "An id means one model everywhere.",
                f"`{dotted(path)}` takes the id of a model of the catalogue.",
                "Give it another id; to change only the name that is sent, set `upstream_model` in its deployments.",
            )
            continue
        models[name] = Model(name, row.family, row.names, row.context_tokens, row.licence, row.source, row.date)
    return models


def upstream_name(model: Model, kind: str, facts: KindFacts) -> str | None:
    """Return what an upstream kind calls a model, or None where that is unknown.

    Servers of one's own and brokers call it by its Hugging Face id where the row says nothing else.
    """
    name = model.names.get(kind)
    if name is None and not facts.supervised and (facts.broker or not facts.managed):
        name = model.names.get(HUB)
    return name

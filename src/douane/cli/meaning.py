"""What reads for meaning in a command: in this process, and imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from douane.ports import Understand


def understand_with(layers: Sequence[str]) -> Understand | None:
    """Return what reads with these layers, or None where there are none. Raises ConfigurationErrors."""
    from douane.control.extra_packages import require_meaning

    if not layers:
        return None
    require_meaning(layers)
    from douane.adapters.inspector.at_once import AtOnce

    return AtOnce(layers)

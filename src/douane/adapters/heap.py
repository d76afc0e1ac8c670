"""Gives memory that was only needed to start back to the system.

Compiling the detectors' patterns takes some 45 MB for a moment, which the C library would keep for later.
"""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return what the C library's heap holds free. Harmless where the C library has no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

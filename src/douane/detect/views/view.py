"""What a view is: gates for the one-pass scan, and what it extracts around the places where they hit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.views.extract import Extract

Shared = tuple[tuple[str, int], ...]
"""Probes of detectors, by the detector's name and the probe's place, that a view looks at, too."""


class View(Protocol):
    """`extracts` gets the ends of its own gates' hits, by gate, then those of the shared ones.

    `wild` views read what hardly anybody writes: none of them is applied to what another one made.
    """

    name: str
    version: str
    wild: bool
    probes: tuple[Probe, ...]
    shared: Shared

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], found: Sequence[Candidate]) -> Iterator[Extract]: ...

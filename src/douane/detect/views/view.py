"""What a view is: gates, and what it extracts around the places where they hit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.views.extract import Extract

Shared = tuple[tuple[str, int], ...]
"""Probes of detectors, by the detector's name and the probe's place, that a view looks at, too."""


class View(Protocol):
    """`probes` are gates of the first pass, `closer` ones are asked only where a coarse gate fired (`gates`).

    `extracts` gets the ends of the hits of `probes`, of `closer` and of the shared probes, in this order.

    `wild` views read what hardly anybody writes: none of them is applied to what another one made.
    """

    name: str
    version: str
    wild: bool
    probes: tuple[Probe, ...]
    closer: tuple[Probe, ...]
    shared: Shared

    def extracts(
        self, data: bytes, ends: Sequence[Sequence[int]], found: Sequence[Candidate], /
    ) -> Iterator[Extract]: ...

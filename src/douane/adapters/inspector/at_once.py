"""Reads for meaning in the caller's own thread: for commands that classify without sending, where nobody waits."""

from __future__ import annotations

from typing import Any

from douane.adapters.inspector.meaning_model import reader_of
from douane.core.finding import Inspection
from douane.detect.meaning.reader import Memory
from douane.detect.settings import MeaningSettings


class AtOnce:
    """The model, loaded once, and what it said of the windows of the text at hand: nothing outlives a text."""

    def __init__(self, settings: MeaningSettings) -> None:
        self._reader, self._version = reader_of(settings)

    def __call__(self, value: Any, inspection: Inspection, _owner: str) -> Inspection:
        """Return the inspection with what reading for meaning adds."""
        seen: Memory = {}
        reading = self._reader.read(value, seen.get, seen.__setitem__)
        return inspection._replace(
            findings=(*inspection.findings, *reading.findings),
            layers=(*inspection.layers, *reading.layers),
            detectors=f"{inspection.detectors} {self._version}",
        )

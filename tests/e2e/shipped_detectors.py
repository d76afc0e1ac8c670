"""An inspector with the shipped detectors, compiled once for all tests of a process: compiling takes seconds."""

from __future__ import annotations

from functools import cache
from typing import Any

from douane import config
from douane.adapters.inspector.inspector import ScanningInspector
from douane.detect.scanner import Scanner
from douane.detect.settings import DetectorSettings

SETTINGS = DetectorSettings(config.detector_rules())


@cache
def shipped_scanner() -> Scanner:
    return Scanner.of(SETTINGS)


def shipped_inspector(**given: Any) -> ScanningInspector:
    return ScanningInspector(SETTINGS, scanner=shipped_scanner(), **given)

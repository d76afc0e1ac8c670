"""Douane as it is measured: the scanner with the shipped rows, and the label by the default policy, in this process."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from bench.detection.match import Span
from douane.bootstrap import Start, configuration_of, kinds_installed
from douane.config import detector_rules
from douane.core.finding import Inspection
from douane.core.label import Label
from douane.core.traffic.classification import classify
from douane.core.traffic.snapshot import Policy
from douane.detect.scanner import Scanner

WORLD_REGIONS = (
    "US", "GB", "FR", "DE", "ES", "IT", "BE", "CH", "LU", "PT", "NL", "IE", "AU", "NZ", "DK", "SE", "NO", "FI", "AT",
    "PL", "CZ", "HU",
)  # fmt: skip
"""Regions for documents whose phones are of any country."""


@cache
def policy() -> Policy:
    """Return the default policy, which does not miss other layers where the patterns are measured alone."""
    return replace(configuration_of(Start(None), kinds_installed()).snapshot.policy, layers=frozenset())


@cache
def scanner(regions: tuple[str, ...] = ()) -> Scanner:
    """Return the pattern layer, for its own regions or for those given."""
    return Scanner(detector_rules(), regions=regions) if regions else Scanner(detector_rules())


class Seen(NamedTuple):
    """What one text gave, and the CPU that it took."""

    spans: list[Span]
    label: Label
    cpu_ms: float
    inspection: Inspection


def look(text: Any, regions: tuple[str, ...] = ()) -> Seen:
    """Scan one text with the patterns alone."""
    scan = scanner(regions).scan
    begin = time.thread_time()
    inspection = scan(text)
    findings = tuple(inspection.findings)
    spent = (time.thread_time() - begin) * 1e3
    spans = [Span(found.start, found.end, found.type) for found in findings]
    return Seen(spans, classify(inspection, policy()).label, spent, inspection)


def least_ms(text: Any, rounds: int = 7, regions: tuple[str, ...] = ()) -> float:
    """Return the least CPU time of several scans of one value, findings placed."""
    scan = scanner(regions).scan
    times = []
    for _ in range(rounds):
        begin = time.thread_time()
        tuple(scan(text).findings)
        times.append(time.thread_time() - begin)
    return min(times) * 1e3

"""Detectors of third parties: what other packages name in the entry point group `douane.detectors`.

Rules enforced:
1. One that is installed is at work in every process that scans, or nothing starts: a detector that is missing finds
   nothing, and nobody would notice.
2. Its name is its own: findings and receipts name it.

What a detector has to be is in `douane.detect.detector`; it runs with the same trust as Douane's own code.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from douane.detect.detector import Detector
from douane.detect.engine import Probe
from douane.detect.settings import Installed
from douane.errors import ConfigurationError, ConfigurationErrors

GROUP = "douane.detectors"


@cache
def detectors_installed() -> tuple[Installed, ...]:
    """Return the detectors that other packages bring, by name. Raises ConfigurationErrors where one can't be used."""
    found = [Installed(point.value, loaded(point.value)) for point in entry_points(group=GROUP)]
    names = [one.detector.name for one in found]
    for one in found:
        if names.count(one.detector.name) > 1:
            raise _unusable(one.origin, f"calls itself `{one.detector.name}`, as another one does")
    return tuple(sorted(found, key=lambda one: one.detector.name))


def loaded(origin: str) -> Detector:
    """Return a detector by its place, `module:attribute`, which makes one. Raises ConfigurationErrors."""
    try:
        detector = EntryPoint(origin, origin, GROUP).load()()
    except Exception as error:
        raise _unusable(origin, f"can't be made ({type(error).__name__})") from error
    if not isinstance(getattr(detector, "name", None), str) or not isinstance(getattr(detector, "version", None), str):
        raise _unusable(origin, "has no name or no version")
    probes = getattr(detector, "probes", ())
    if not probes or not all(isinstance(probe, Probe) for probe in probes):
        raise _unusable(origin, "has no probes")
    if not callable(getattr(detector, "find", None)):
        raise _unusable(origin, "has no `find`")
    made: Detector = detector
    return made


def _unusable(origin: str, what: str) -> ConfigurationErrors:
    problem = ConfigurationError(
        f"The detector `{origin}` {what}.",
        "Mend or uninstall the package that brings it; docs/how-to/add-a-detector.md says what a detector is.",
        rule=f"What is named in the entry point group `{GROUP}` is a detector, and at work.",
    )
    return ConfigurationErrors((problem,))

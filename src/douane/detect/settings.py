"""What a configuration decides about detection: all that a scanner is compiled from, in one value.

A reload makes a new one and puts it in force whole, in the gateway and in its child, which gets it as plain fields.
Reading it from files is left to `douane.config`, what it comes to, to `douane.detect.scanner`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from douane.detect.detector import Detector
from douane.detect.phones import DEFAULT_REGIONS
from douane.detect.registered.watch import Registered, registered_of


@dataclass(frozen=True, slots=True)
class MeaningSettings:
    """`layers` read for meaning what could leave the premises, in so many processes, each request by its deadline.

    Of a request, so many windows that were not known before are read in full.
    """

    layers: tuple[str, ...] = ()
    deadline_s: float = 3.0
    processes: int = 1
    windows: int = 32


@dataclass(frozen=True, slots=True)
class NamesSettings:
    """Whether names in running text are found for masking, and how many seconds reading a request for them may take."""

    wanted: bool = False
    deadline_s: float = 2.0


NO_MEANING: Final = MeaningSettings()
NO_NAMES: Final = NamesSettings()
MEANING_LAYERS: Final = ("meaning-light", "meaning")
"""What reads for meaning, in the order in which it does."""


class Installed(NamedTuple):
    """A detector of another package, and where it is made: `module:attribute`."""

    origin: str
    detector: Detector


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """`rows` are the parsed files of data/detectors, by name; `regions` whose national phone numbers are looked for.

    `registered` are the dictionaries and fingerprints of tenants; `meaning` and `names` are what processes of their own
    read for;
    `installed` are the detectors that other packages bring.
    """

    rows: Mapping[str, Mapping[str, Any]]
    engine: str = "auto"
    regions: tuple[str, ...] = DEFAULT_REGIONS
    registered: tuple[Registered, ...] = ()
    meaning: MeaningSettings = NO_MEANING
    names: NamesSettings = NO_NAMES
    installed: tuple[Installed, ...] = ()

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON for another process."""
        registered = [one.as_fields() for one in self.registered]
        return {
            "rows": self.rows,
            "engine": self.engine,
            "regions": self.regions,
            "registered": registered,
            "installed": [one.origin for one in self.installed],
        }


def settings_of(fields: Mapping[str, Any], load: Callable[[str], Detector]) -> DetectorSettings:
    """Return what `as_fields` gave; `load` makes a detector that is installed, by its place."""
    registered = tuple(map(registered_of, fields["registered"]))
    installed = tuple(Installed(origin, load(origin)) for origin in fields["installed"])
    return DetectorSettings(fields["rows"], fields["engine"], tuple(fields["regions"]), registered, installed=installed)

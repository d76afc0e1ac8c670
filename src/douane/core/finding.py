"""What a detector found, and what a whole inspection says of a request. Never the value found (law 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, overload

FINDING_TYPES: tuple[str, ...] = (
    "EMAIL", "PHONE", "IP", "IBAN", "CARD", "PERSON", "ADDRESS", "DOB", "NIR", "SIREN", "SIRET", "VAT", "FR_ID",
    "FR_PASSPORT", "DE_IDNR", "ES_NIF", "ES_NIE", "IT_CF", "BE_NN", "NL_BSN", "PL_PESEL", "PT_NIF", "UK_NINO", "US_SSN",
    "SECRET", "MARK", "DICTIONARY", "FINGERPRINT", "BULK", "COMBINATION", "BLOB", "MEANING", "UNREADABLE",
)  # fmt: skip


class Finding(NamedTuple):
    """One hit. `start` and `end` count code points of the leaf at the JSON `pointer` (RFC 6901; "" for bare text).

    A pointer that names an object's key rather than its value ends in `~key` (no RFC 6901 pointer can).
    `detail` is a word of a closed vocabulary that refines the type (a mark's name, a vendor of secrets), or "".
    """

    type: str
    pointer: str
    start: int
    end: int
    confidence: float
    detector: str
    detail: str = ""


Causes: TypeAlias = Mapping[tuple[str, str], int]
"""How many findings there are, by type and detail."""


class Findings(Sequence[Finding]):
    """Findings whose places are told when somebody asks: the label needs only what was found, and how often.

    `place` tells them, once; it may hold on to the request, so these last no longer than the request does.
    """

    __slots__ = ("_place", "_told", "causes")

    def __init__(self, causes: Causes, place: Callable[[], tuple[Finding, ...]]) -> None:
        self.causes = causes
        self._place: Callable[[], tuple[Finding, ...]] | None = place
        self._told: tuple[Finding, ...] = ()

    def _all(self) -> tuple[Finding, ...]:
        if self._place is not None:
            self._told = self._place()
            self._place = None
        return self._told

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._all())

    def __len__(self) -> int:
        return sum(self.causes.values())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Findings) else other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


@dataclass(frozen=True, slots=True)
class Failure:
    """A layer that erred, was late or was killed: what it was to read counts as unread (law 2)."""

    layer: str
    cause: str
    detectors: str = ""


def layers_of(seen: Inspection | Failure | None, required: Iterable[str]) -> tuple[str, ...]:
    """Return the layers that a label counts: what they found, or `policy.unknown` where they failed."""
    if seen is None:
        return ()
    if not isinstance(seen, Inspection):
        return tuple(required)
    if not seen.failed:
        return seen.layers
    return (*seen.layers, *[failure.layer for failure in seen.failed])


class Inspection(NamedTuple):
    """What inspecting one request gave.

    `layers` names those that ran to their end, `detectors` their versions as one short string for the receipt.
    `cut` tells that findings were capped: at least those listed are there. `failed` names the layers that did not read
    what they were to read; the findings of the others stand.
    """

    findings: Sequence[Finding] = ()
    layers: tuple[str, ...] = ()
    detectors: str = ""
    cut: bool = False
    chars: int = 0
    failed: tuple[Failure, ...] = ()

    @property
    def causes(self) -> Causes:
        """Return how many findings there are of each type and detail, in the order of the findings."""
        if type(self.findings) is Findings:
            return self.findings.causes
        counts: dict[tuple[str, str], int] = {}
        for found in self.findings:
            cause = found.type, found.detail
            counts[cause] = counts.get(cause, 0) + 1
        return counts

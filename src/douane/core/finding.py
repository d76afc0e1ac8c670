"""What a detector found, and what a whole inspection says of a request. Never the value found (law 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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


class Inspection(NamedTuple):
    """What inspecting one request gave.

    `layers` names those that ran to their end, `detectors` their versions as one short string for the receipt.
    `cut` tells that findings were capped: at least those listed are there.
    """

    findings: tuple[Finding, ...] = ()
    layers: tuple[str, ...] = ()
    detectors: str = ""
    cut: bool = False
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A layer that erred, was late or was killed: what it was to read counts as unread (law 2)."""

    layer: str
    cause: str
    detectors: str = ""

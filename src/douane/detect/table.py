"""The one table of detectors. A new one is one file and one line here; third parties' come in through `extra`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from douane.detect.accounts import IbanDetector, VatDetector
from douane.detect.addresses import AddressDetector
from douane.detect.births import BirthDetector
from douane.detect.blobs import BlobDetector
from douane.detect.detector import Detector
from douane.detect.emails import EmailDetector
from douane.detect.identifiers import IdentifierDetector
from douane.detect.marks import MarkDetector
from douane.detect.networks import IpDetector
from douane.detect.numbers import NumberDetector
from douane.detect.persons import PersonDetector
from douane.detect.phones import DEFAULT_REGIONS, AskedPhoneDetector
from douane.detect.rules import Rules
from douane.detect.secrets import secret_detectors

ACCOUNTS: Final = IbanDetector.name
OUTRANKED: Final = frozenset((VatDetector.name, NumberDetector.name))
"""Detectors that need not look inside an account number: none of their candidates stands against one."""


def detectors(
    rules: Rules, regions: Sequence[str] = DEFAULT_REGIONS, extra: Sequence[Detector] = ()
) -> tuple[Detector, ...]:
    """Return every detector of the pattern layer, in the order in which they run."""
    return (
        EmailDetector(rules.people.mailboxes),
        AskedPhoneDetector(),
        IpDetector(),
        IbanDetector(rules.iban_lengths),
        VatDetector(rules.vat_structures),
        NumberDetector(rules, regions),
        IdentifierDetector(rules.identifiers, rules.words),
        BirthDetector(rules.people.births, rules.people.months),
        AddressDetector(rules.people.streets, rules.people.residence),
        PersonDetector(rules.people),
        *secret_detectors(rules),
        MarkDetector(rules.marks),
        BlobDetector(),
        *extra,
    )

"""Which vendors' secrets are set aside: half of them, by hash, fixed before any rule was written for them.

A rule's author may read the samples of the other half only; those set aside are read by the measurement alone.
"""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path

EXAMPLES = "classification/kingfisher_rule_examples.json.gz"
NAME = "kingfisher examples of the vendors set aside"


def vendor_of(rule: str) -> str:
    """Return the vendor of a rule's name.

    >>> vendor_of("kingfisher.adafruitio.1")
    'adafruitio'
    """
    return rule.split(".")[1]


def is_set_aside(vendor: str) -> bool:
    """Tell whether a vendor belongs to the half that no rule was tuned on."""
    return sha256(f"set aside: {vendor}".encode()).digest()[0] < 128


def examples(data: Path, *, set_aside: bool) -> list[tuple[str, str]]:
    """Return rule and example of one half of the vendors, sorted."""
    rows = json.loads(gzip.decompress((data / EXAMPLES).read_bytes()))
    return sorted((rule, example) for rule, example in rows if is_set_aside(vendor_of(rule)) is set_aside)


def digest(data: Path) -> str:
    """Return the sha256 of the examples set aside; DIGESTS has it under `NAME`."""
    return sha256(json.dumps(examples(data, set_aside=True)).encode()).hexdigest()

"""Which vendors' secrets are set aside: half of them, by hash, fixed before any rule was written for them.

A rule's author may read the samples of the other half only; those set aside are read by the measurement alone.
"""

from __future__ import annotations

from hashlib import sha256


def vendor_of(rule: str) -> str:
    """Return the vendor of a rule's name.

    >>> vendor_of("kingfisher.adafruitio.1")
    'adafruitio'
    """
    return rule.split(".")[1]


def is_set_aside(vendor: str) -> bool:
    """Tell whether a vendor belongs to the half that no rule was tuned on."""
    return sha256(f"set aside: {vendor}".encode()).digest()[0] < 128

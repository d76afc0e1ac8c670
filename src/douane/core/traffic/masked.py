"""The masked form of a request, as those see it that decide where it may go: a second payload with a label of its own.

Rules enforced:
1. Its label is the join of the declaration, the key's floor and what is still found in it: what was masked counts no
   more, all else does. The request's own label stays what it is (law 3).
2. It is made for one zone: what that zone's policy lets be masked, and no more.
"""

from __future__ import annotations

from typing import NamedTuple

from douane.core.finding import Failure, Inspection
from douane.core.label import PUBLIC, Label
from douane.core.reason import Reason
from douane.core.traffic.classification import classify, types_above
from douane.core.traffic.snapshot import Policy
from douane.core.zone import Zone

MOST_TOLD = 8


class MaskedForm(NamedTuple):
    """`types` are those that were masked, `left` those that the zone is not cleared for, `whole` whether all could be.

    `layers` are those that the label counts, as in `Passage`.
    """

    label: Label
    layers: tuple[str, ...]
    types: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    whole: bool = True

    def objection(self, zone: Zone) -> Reason:
        """Say why it may not go to its zone either."""
        if not self.whole:
            fact = (
                "A value goes on in another message, or stands where it can't be replaced: nothing was masked for it."
            )
        elif self.left:
            fact = f"Masked for zone `{zone.name}`, it is still `{self.label}`: {', '.join(self.left)}."
        else:
            fact = f"Masked for zone `{zone.name}`, it is still `{self.label}`."
        return Reason(
            "masking_insufficient",
            "A masked payload goes only to zones cleared for the label that it has itself.",
            fact,
            f"Remove it, or add its type to `zones.{zone.name}.mask` where it may be masked.",
        )


def form_of(
    inspection: Inspection | Failure,
    layers: tuple[str, ...],
    zone: Zone,
    policy: Policy,
    *,
    types: frozenset[str],
    whole: bool = True,
    declared: Label = PUBLIC,
    floor: Label = PUBLIC,
    owner: str = "",
) -> MaskedForm:
    """Return the form that the last inspection of a masked payload gives for a zone."""
    classified = classify(inspection, policy, declared=declared, floor=floor, owner=owner)
    left: list[str] = []
    if isinstance(inspection, Inspection):
        left = types_above(zone.clearance, inspection, policy, owner)
    left += [code for code in classified.codes if code != "finding"]
    return MaskedForm(classified.label, layers, types, tuple(left[:MOST_TOLD]), whole)

"""The masked form of a request as a zone gets it: the ask, what decides about it, and what puts values back."""

from __future__ import annotations

from dataclasses import dataclass, field

from douane.core.traffic.masked import MaskedForm
from douane.wire.call import Ask
from douane.wire.unmasking.answers import Unmasking


@dataclass(frozen=True, slots=True)
class MaskedPayload:
    """What a zone gets instead of the request. Its answer, and no other, is unmasked with `unmasking`."""

    ask: Ask = field(repr=False)
    form: MaskedForm
    unmasking: Unmasking = field(repr=False)

    @property
    def type_line(self) -> str:
        """Return the types that were masked, for the receipt and the answer's headers."""
        return ",".join(sorted(self.form.types))

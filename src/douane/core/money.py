"""Money in integer micro-units, and prices per million tokens (law 8: an unknown price is None, never 0).

A price of 0.18 USD per million tokens is 180,000 micro-USD per million tokens. A cost is computed over all tokens of an
attempt at once, in integers, and rounded half up to one micro-unit: sums of rows are exact, no float takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MICRO = 1_000_000


def micro(amount: Decimal) -> int:
    """Return a decimal amount in micro-units; an amount finer than that is an error.

    >>> micro(Decimal("0.18"))
    180000
    """
    scaled = amount * MICRO
    if scaled != scaled.to_integral_value():
        raise ValueError("finer than one micro-unit")
    return int(scaled)


@dataclass(frozen=True, slots=True)
class Price:
    """What a deployment charges: micro-units of `currency` per million tokens, with its source and date (ISO)."""

    input_micro: int
    output_micro: int
    currency: str
    source: str
    date: str

    def cost_micro(self, input_tokens: int, output_tokens: int) -> int:
        """Return the cost of an attempt in micro-units, rounded half up.

        >>> Price(180_000, 180_000, "USD", "", "").cost_micro(1000, 500)
        270
        """
        total = self.input_micro * input_tokens + self.output_micro * output_tokens
        return (total + MICRO // 2) // MICRO

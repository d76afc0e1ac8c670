"""Money is exact: integers, rounded once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.core.money import Price, micro
from douane.core.traffic.snapshot import Rates

tokens = st.integers(0, 10**7)


@given(tokens, tokens, st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_cost_is_within_half_a_micro_unit_of_the_exact_one(i: int, o: int, pi: int, po: int) -> None:
    exact = Decimal(pi * i + po * o) / 1_000_000
    assert abs(Price(pi, po, "EUR", "", "").cost_micro(i, o) - exact) <= Decimal("0.5")


@given(st.decimals(min_value=0, max_value=10**6, places=6))
def test_a_decimal_amount_is_kept_exactly(amount: Decimal) -> None:
    assert Decimal(micro(amount)) / 1_000_000 == amount


def test_an_amount_finer_than_a_micro_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="micro-unit"):
        micro(Decimal("0.0000001"))


@given(st.integers(0, 10**12), st.integers(1, 10**7))
def test_conversion_never_rounds_down(amount: int, rate: int) -> None:
    converted = Rates({("USD", "EUR"): rate}).convert_micro(amount, "USD", "EUR")
    assert converted is not None
    assert converted * 1_000_000 >= amount * rate


def test_an_unknown_rate_is_not_one() -> None:
    assert Rates().convert_micro(5, "USD", "EUR") is None
    assert Rates().convert_micro(5, "EUR", "EUR") == 5

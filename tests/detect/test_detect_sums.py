"""Sums of many numbers at once are those of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.detect.identifiers import passes_luhn
from douane.detect.sums import LuhnSum, Sum

BSN = [9, 8, 7, 6, 5, 4, 3, 2, -1]
NUMBERS = st.lists(st.text("0123456789", min_size=14, max_size=14).map(str.encode), max_size=80)


@given(NUMBERS)
def test_numbers_pass_together_as_they_do_alone(numbers):
    assert LuhnSum(14).passing(numbers) == [number for number in numbers if passes_luhn(number)]
    assert LuhnSum(9).passing(numbers) == [number for number in numbers if passes_luhn(number[:9])]
    by_hand = [n for n in numbers if sum(w * (d - 48) for w, d in zip(BSN, n, strict=False)) % 11 in (0, 1)]
    assert Sum(BSN, 11, (0, 1)).passing(numbers) == by_hand


def test_a_sum_that_would_run_over_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        Sum([50] * 9, 97, (0,))


def test_a_number_is_found_among_many_groups_as_among_few(scanner):
    filling = "1 22 4444 55555 7 "
    for number in ("732 829 320 00074", "4970 1012 3456 7893", "2 95 10 99 126 111 93"):
        few = f"{filling} ; {number} ; {filling}"
        many = f"{filling * 40} ; {number} ; {filling * 40}"
        alone = [(f.type, f.detail) for f in scanner.scan(few).findings]
        assert alone
        assert [(f.type, f.detail) for f in scanner.scan(many).findings] == alone
        within = f"{filling * 40}{number} {filling * 40}"
        short = f"{filling}{number} {filling}"
        assert {f.type for f in scanner.scan(short).findings} <= {f.type for f in scanner.scan(within).findings}

"""Weighted sums of the digits of many numbers at once.

What a check digit is compared with is a sum over the places of a number. For many numbers of one length, the signs of
each place make one long integer, a byte a number, and the integers are added: no sum exceeds a byte, so none runs over
into its neighbour. A number costs a fiftieth of what it costs alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final

_LARGEST: Final = 255
_ZERO: Final = ord("0")


class Sum:
    """A sum by weights, each product taken modulo `modulus`, that is one of `remainders` for what passes.

    >>> Sum([9, 8, 7, 6, 5, 4, 3, 2, -1], 11, [0]).passing([b"111222333", b"111222334"])
    [b'111222333']
    """

    __slots__ = ("_places", "_verdict")

    def __init__(self, weights: Sequence[int], modulus: int, remainders: Iterable[int]) -> None:
        self._learn([[digit * weight % modulus for digit in range(10)] for weight in weights], modulus, remainders)

    def _learn(self, products: Sequence[Sequence[int]], modulus: int, remainders: Iterable[int]) -> None:
        if sum(map(max, products)) > _LARGEST:
            raise ValueError("a sum does not fit into a byte")
        rest = bytes(256 - 10 - _ZERO)
        self._places = [bytes(_ZERO) + bytes(of_digit) + rest for of_digit in products]
        wanted = frozenset(remainders)
        self._verdict = bytes(value % modulus in wanted for value in range(256))

    def passing(self, numbers: Sequence[bytes]) -> list[bytes]:
        """Return those that pass of some numbers, all of them digits and no fewer than there are weights."""
        if not numbers:
            return []
        size = len(numbers[0])
        joined = b"".join(numbers)
        total = 0
        for place, products in enumerate(self._places):
            total += int.from_bytes(joined[place::size].translate(products), "little")
        return list(compress(numbers, total.to_bytes(len(numbers), "little").translate(self._verdict)))


class LuhnSum(Sum):
    """The sum of ISO/IEC 7812-1, annex B (Luhn), over the first `size` digits.

    >>> LuhnSum(9).passing([b"732829320", b"732829321"])
    [b'732829320']
    """

    __slots__ = ()

    def __init__(self, size: int) -> None:
        doubled = [digit * 2 - 9 * (digit > 4) for digit in range(10)]
        self._learn([range(10) if (size - place) % 2 else doubled for place in range(size)], 10, [0])

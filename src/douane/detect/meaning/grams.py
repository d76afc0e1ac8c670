"""The light head's eyes: character n-grams of folded text, hashed, looked up and summed with numpy.

Rules enforced:
1. Case, accents, digits and signs make no difference: "PATIENTE, 71 ans" and "patiente 42 ans" look alike.
2. All windows are read in one pass; the time grows with the text and with nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ORDERS: Final = (3, 4, 5)
BITS: Final = 16
_MARKS: Final = re.compile("[̀-ͯ​-‏⁠﻿­]")
_DIGITS: Final = re.compile(r"\d")
_SIGNS: Final = re.compile(r"[\W_]+")
_STEP: Final = np.uint32(0x01000193)
_MIX: Final = np.uint32(0x2C1B3C6D)

Counts = NDArray[np.uint32]


def folded(text: str) -> str:
    """Return a text as the light head sees it, between two spaces.

    >>> folded("Né le 12/03 !")
    ' ne le 00 00 '
    """
    plain = _DIGITS.sub("0", _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold())
    return f" {_SIGNS.sub(' ', plain).strip()} "


def hashed(data: NDArray[Any], order: int) -> Counts:
    """Return the bucket of each n-gram of `order` bytes; there are `order - 1` fewer than bytes, or none."""
    count = len(data) - order + 1
    if count <= 0:
        return np.zeros(0, np.uint32)
    value = np.full(count, order * 0x9E3779B1 & 0xFFFFFFFF, np.uint32)
    for place in range(order):
        value ^= data[place : place + count]
        value *= _STEP
    value ^= value >> np.uint32(15)
    value *= _MIX
    value ^= value >> np.uint32(12)
    return value >> np.uint32(32 - BITS)


def sums(texts: Sequence[str], weights: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return for each text the sum of its n-grams' weights over the root of how many there are.

    `weights` has a row for each bucket and a column for each question.
    """
    folds = [folded(text).encode("utf-8", "surrogatepass") for text in texts]
    data = np.frombuffer(b"\0\0\0\0".join([*folds, b""]), np.uint8).astype(np.uint32)
    lengths = np.array([len(fold) for fold in folds])
    starts = np.concatenate(([0], np.cumsum(lengths + 4)[:-1]))
    total = np.zeros((len(texts), weights.shape[1]), np.float64)
    grams = np.zeros(len(texts), np.int64)
    for order in ORDERS:
        of_order = np.maximum(lengths - order + 1, 0)
        running = np.cumsum(weights[hashed(data, order)], axis=0, dtype=np.int64)
        read = np.concatenate((np.zeros((1, weights.shape[1]), np.int64), running))
        first = np.minimum(starts, len(read) - 1)
        total += read[np.minimum(first + of_order, len(read) - 1)] - read[first]
        grams += of_order
    return (total / np.sqrt(np.maximum(grams, 1))[:, None]).astype(np.float32)

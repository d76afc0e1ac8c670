"""Learns the light head: logistic regressions on hashed n-grams of windows, as whole numbers of eight bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from douane.detect.meaning.grams import BITS, ORDERS, folded, hashed
from douane.detect.meaning.model import QUESTIONS

_STRENGTH = 10.0
_ROUNDS = 400


class Light(NamedTuple):
    """`weights` has a row for each bucket, a column for each question; a logit is `sum * scale + bias`."""

    weights: np.ndarray[Any, Any]
    scale: list[float]
    bias: list[float]


def learn(texts: Sequence[str], levels: Sequence[int]) -> Light:
    """Learn from whole prompts: a window is looked at in the same way."""
    seen = _matrix(texts)
    truth = np.array(levels)
    columns, scale, bias = [], [], []
    for question in range(QUESTIONS):
        model = LogisticRegression(C=_STRENGTH, max_iter=_ROUNDS, class_weight="balanced")
        model.fit(seen, truth > question)
        weights = model.coef_[0]
        step = float(np.abs(weights).max()) / 127
        columns.append(np.rint(weights / step).astype(np.int8))
        scale.append(step)
        bias.append(float(model.intercept_[0]))
    return Light(np.stack(columns, axis=1), scale, bias)


def _matrix(texts: Sequence[str]) -> csr_matrix:
    indexes, values, starts = [], [], [0]
    for text in texts:
        data = np.frombuffer(folded(text).encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint32)
        grams = np.concatenate([hashed(data, order) for order in ORDERS])
        buckets, counts = np.unique(grams, return_counts=True)
        indexes.append(buckets)
        values.append(counts / np.sqrt(max(1, len(grams))))
        starts.append(starts[-1] + len(buckets))
    return csr_matrix((np.concatenate(values), np.concatenate(indexes), starts), shape=(len(texts), 1 << BITS))

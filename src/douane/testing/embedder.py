"""The `Embedder` port without a model: words decide the vector, so that texts with the same words lie together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b


class WordEmbedder:
    """Each word has a direction of its own; a text's vector is their sum. `asked` holds the texts it was asked for."""

    def __init__(self, dimensions: int = 384) -> None:
        self._dimensions = dimensions
        self.asked: list[str] = []

    def embed(self, text: str) -> Sequence[float]:
        self.asked.append(text)
        vector = [0.0] * self._dimensions
        for word in text.casefold().split() or [""]:
            seed = blake2b(word.encode("utf-8", "replace"), digest_size=16).digest()
            for place in range(0, 16, 2):
                vector[int.from_bytes(seed[place : place + 2], "big") % self._dimensions] += 1.0
        length = math.sqrt(sum(one * one for one in vector))
        return [one / length for one in vector]

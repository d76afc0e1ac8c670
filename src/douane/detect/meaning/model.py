"""What training has learnt, as values: the two heads' weights and thresholds, checked against their digests.

`training/meaning/train.py` writes it, data/meaning holds it, MODEL_CARD.md tells how good it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from douane.detect.meaning.grams import BITS, sums
from douane.detect.meaning.windows import LONGEST

QUESTIONS: Final = 3
"""Is it internal or above, confidential or above, restricted? Each head answers each with a logit."""
SOFTNESS: Final = 0.5
"""How much windows that agree add to the most telling one."""

Logits = NDArray[np.float32]


class ModelBroken(ValueError):
    """The files of a model are not those that it was made of."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which logit of each question a passage counts as internal, confidential, restricted.

    What the third question suspects is confidential at least, even where the second one hesitates.
    """

    internal: float
    confidential: float
    restricted: float
    suspected: float = math.inf

    def level_of(self, logits: Logits) -> str:
        """Return the level's word, or "" for public."""
        internal, confidential, restricted = logits
        if confidential >= self.confidential or restricted >= self.suspected:
            return "restricted" if restricted >= self.restricted else "confidential"
        return "internal" if internal >= self.internal else ""


class Model:
    """Both heads. `version` names all that a verdict depends on but the engine that embeds."""

    def __init__(self, facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        for name, digest in facts["files"].items():
            if sha256(files[name]).hexdigest() != digest:
                raise ModelBroken(f"data/meaning/{name} is not the file that training wrote")
        if facts["window"] != LONGEST or facts["light"]["bits"] != BITS:
            raise ModelBroken("the model was trained on other windows, or on other n-grams")
        light, full = facts["light"], facts["full"]
        self.version = str(facts["version"])
        tuned = files[full["tuned"]["file"]]
        self.tuning = {name: tuned[start : start + size] for name, (start, size) in full["tuned"]["tensors"].items()}
        """What our training made of some of the embedder's tensors, by their names."""
        self._grams = np.frombuffer(files["light.bin"], np.int8).reshape(1 << BITS, QUESTIONS)
        self._grams_scale = np.array(light["scale"], np.float32)
        self._grams_bias = np.array(light["bias"], np.float32)
        self._head = np.frombuffer(files["head.bin"], np.float32).reshape(QUESTIONS, -1)
        self._bias = np.array(full["bias"], np.float32)
        self.light_thresholds = Thresholds(**light["thresholds"])
        self.full_thresholds = Thresholds(**full["thresholds"])
        self.clears_below = float(light["clears_below"])
        """The light head's second logit below which a window holds nothing confidential, as far as it can tell."""

    def light(self, texts: list[str]) -> Logits:
        """Return the light head's logits of each window."""
        return sums(texts, self._grams) * self._grams_scale + self._grams_bias

    def full(self, embedding: Any) -> Logits:
        """Return the full head's logits of a window's embedding."""
        logits: Logits = self._head @ np.asarray(embedding, np.float32) + self._bias
        return logits


def pooled(logits: Logits) -> Logits:
    """Return the logits of a passage: those of its most telling window, and somewhat more where others agree."""
    top = logits.max(axis=0)
    told: Logits = top + SOFTNESS * np.log(np.exp((logits - top) / SOFTNESS).sum(axis=0))
    return told

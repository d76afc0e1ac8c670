"""Puts what judged parts gave into tables: by level, by language, by kind, and what thresholds would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from douane.detect.meaning.model import Thresholds
from training.meaning.prompts import LEVELS, Prompt

_CAUGHT = (0.95, 0.97, 0.98, 0.985, 0.99)


def report(
    given: Sequence[Prompt],
    full: np.ndarray,
    light: np.ndarray,
    full_thresholds: Mapping[str, float],
    light_thresholds: Mapping[str, float],
) -> str:
    """Return Markdown."""
    heads = (("Both heads", full, full_thresholds), ("The light head alone", light, light_thresholds))
    return "\n".join(line for title, logits, at in heads for line in _of(title, given, logits, Thresholds(**at)))


def _of(title: str, given: Sequence[Prompt], logits: np.ndarray, thresholds: Thresholds) -> Iterator[str]:
    told = [LEVELS.index(thresholds.level_of(one) or "public") for one in logits]
    yield f"\n### {title}\n"
    yield from _table("", LEVELS, [(p.level, got) for p, got in zip(given, told, strict=True)])
    for field in ("lang", "kind"):
        yield f"\n| {field} | restricted caught | confidential caught | public and internal raised |\n|---|---|---|---|"
        for name in sorted({getattr(prompt, field) for prompt in given}):
            of = [(p.level, got) for p, got in zip(given, told, strict=True) if getattr(p, field) == name]
            yield f"| {name} | {_share(of, (3,))} | {_share(of, (2,))} | {_share(of, (0, 1))} |"
    true = np.array([prompt.level for prompt in given])
    yield "\n| restricted caught | second logit from | public and internal raised |\n|---|---|---|"
    for caught in _CAUGHT:
        at = np.sort(logits[true == 3, 1])[int((1 - caught) * (true == 3).sum())]
        yield f"| {caught} | {at:.2f} | {(logits[true <= 1, 1] >= at).mean():.3f} |"


def _table(corner: str, levels: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Iterator[str]:
    yield f"| {corner} | {' | '.join(levels)} |\n|{'---|' * (len(levels) + 1)}"
    for number, level in enumerate(levels):
        yield f"| {level} | " + " | ".join(str(pairs.count((number, got))) for got in range(len(levels))) + " |"


def _share(pairs: Sequence[tuple[int, int]], true: Sequence[int]) -> str:
    of = [got for level, got in pairs if level in true]
    return f"{sum(got >= 2 for got in of)} of {len(of)}"

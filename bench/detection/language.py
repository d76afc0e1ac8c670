"""Meaning: prompts by level, and harmless prompts; by `douane classify --jsonl`, every layer that is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bench.detection import settings
from bench.detection.measure import Details, Found, Measure
from bench.detection.world import World

CAUGHT = 0.98
WRONGLY_RAISED = 0.08
HARMLESS_RAISED = 0.03
LEVELS = ("public", "internal", "confidential", "restricted")
LAYER = "meaning"
NOT_THERE = "no layer `meaning` ran"
LONGEST_S = 3600


def meaning(world: World) -> Iterator[Found]:
    """Prompts of four levels: is what is restricted caught, is what is public let through."""
    prompts = world.samples.prompts()
    if world.quick:
        prompts = prompts[::5]
    answers = classified([prompt.text for prompt in prompts])
    if not _has_meaning(answers):
        yield Measure(
            "meaning: restricted caught at confidential or above", None, CAUGHT, note="no layer `meaning` ran"
        )
        yield Measure("meaning: public and internal wrongly raised", None, WRONGLY_RAISED, at_least=False)
        return
    matrix = Counter((prompt.level, answer["level"]) for prompt, answer in zip(prompts, answers, strict=True))
    restricted = sum(matrix["restricted", level] for level in LEVELS)
    caught = matrix["restricted", "confidential"] + matrix["restricted", "restricted"]
    low = sum(matrix[true, level] for true in LEVELS[:2] for level in LEVELS)
    raised = sum(matrix[true, level] for true in LEVELS[:2] for level in LEVELS[2:])
    said = f"{len(prompts)} prompts"
    yield Measure(
        "meaning: restricted caught at confidential or above",
        caught / max(1, restricted),
        CAUGHT,
        peer="no such layer",
        note=f"{restricted} of {said}",
    )
    yield Measure(
        "meaning: public and internal wrongly raised",
        raised / max(1, low),
        WRONGLY_RAISED,
        at_least=False,
        peer="no such layer",
        note=f"{low} of {said}",
    )
    confidential = sum(matrix["confidential", level] for level in LEVELS)
    high = matrix["confidential", "confidential"] + matrix["confidential", "restricted"]
    yield Measure(
        "meaning: confidential caught at confidential or above",
        high / max(1, confidential),
        note=f"{confidential} of {said}",
    )
    rows = tuple((true, *(str(matrix[true, level]) for level in LEVELS)) for true in LEVELS)
    yield Details("Meaning: what each prompt is (rows), and what it was called", ("", *LEVELS), rows)
    for name in ("kind", "lang", "unseen"):
        yield from _by(name, prompts, answers)


def harmless(world: World) -> Iterator[Found]:
    """Prompts that only sound alarming."""
    prompts = world.samples.harmless()
    answers = classified([prompt for _, prompt in prompts])
    sets = Counter(name for name, _ in prompts)
    raised = Counter(name for (name, _), answer in zip(prompts, answers, strict=True) if answer["level"] in LEVELS[2:])
    some = ", ".join(f"{name} {raised[name]} of {count}" for name, count in sets.items())
    over = Counter(name for (name, _), answer in zip(prompts, answers, strict=True) if answer["level"] != "public")
    ran = "" if _has_meaning(answers) else "; without meaning"
    rate = sum(raised.values()) / len(prompts)
    yield Measure(
        "NotInject and other harmless prompts raised above internal",
        rate,
        HARMLESS_RAISED,
        at_least=False,
        note=some + ran,
    )
    yield Measure("the same, raised above public", sum(over.values()) / len(prompts), note="told only")


def classified(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the command says of each text."""
    config = str(settings.for_classify("full"))
    argv = [sys.executable, "-c", "from douane.cli.main import main; main()"]
    argv += ["classify", "--jsonl", "-", "--config", config]
    given = "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts))
    done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(texts) or any("level" not in answer for answer in answers):
        raise RuntimeError(f"`douane classify` answered {len(answers)} of {len(texts)} lines: {done.stderr[-800:]}")
    return answers


def has_meaning() -> bool:
    """Tell whether there is a layer of meaning at all."""
    return _has_meaning(classified(["Quelle heure est-il à Montréal ?"]))


def _has_meaning(answers: Sequence[dict[str, Any]]) -> bool:
    return any(layer.startswith(LAYER) for answer in answers for layer in answer["layers"])


def _by(name: str, prompts: Sequence[Any], answers: Sequence[dict[str, Any]]) -> Iterator[Details]:
    groups = sorted({getattr(prompt, name) for prompt in prompts} - {""})
    rows = []
    for group in groups:
        pairs = [(p.level, a["level"]) for p, a in zip(prompts, answers, strict=True) if getattr(p, name) == group]
        low = [given for true, given in pairs if true in LEVELS[:2]]
        top = [given for true, given in pairs if true == "restricted"]
        rows.append(
            (
                group,
                f"{sum(given in LEVELS[2:] for given in top)} of {len(top)}",
                f"{sum(given in LEVELS[2:] for given in low)} of {len(low)}",
            )
        )
    if len(rows) > 1:
        yield Details(f"Meaning by {name}", (name, "restricted caught", "public and internal raised"), tuple(rows))

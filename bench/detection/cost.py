"""What classification costs before meaning: CPU of texts of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.detection import subject, texts
from bench.detection.measure import Found, Measure
from bench.detection.world import World

LIMITS_MS = ((1, 0.3), (16, 2.0), (128, 15.0))
DENSE_MS = 6.0
VARIANTS = 3


def before_meaning(world: World) -> Iterator[Found]:
    """CPU of the pattern layer on mixed and dense text: the worst of three texts, each the least of its rounds."""
    rounds = 5 if world.quick else 15
    subject.look(texts.mixed(4096, 9))
    made: list[tuple[str, int, float, Callable[[int, int], str]]] = [
        ("mixed text", kilobytes, limit, texts.mixed) for kilobytes, limit in LIMITS_MS
    ]
    made.append(("dense with findings", 16, DENSE_MS, texts.dense))
    asked = [
        (kind(size * 1024, world.seed + n), "fr") for _, size, _, kind in made for n in range(VARIANTS) if size < 128
    ]
    answers = iter(world.presidio.ask([asked[0], *asked]) if world.presidio is not None else [])
    next(answers, None)  # the first one warms it up
    for name, kilobytes, limit, kind in made:
        worst, found = 0.0, 0
        for n in range(VARIANTS):
            text = kind(kilobytes * 1024, world.seed + n)
            worst = max(worst, subject.least_ms(text, rounds))
            found = max(found, len(subject.look(text).spans))
        its = [answer.cpu_ms for _, answer in zip(range(VARIANTS if kilobytes < 128 else 0), answers, strict=False)]
        said = f"{min(its):.0f} ms ({min(its) / worst:,.0f} times)" if its else ""
        yield Measure(
            f"CPU before meaning, {kilobytes} KB {name}",
            worst,
            limit,
            "ms",
            at_least=False,
            peer=said,
            note=f"{found} findings",
        )

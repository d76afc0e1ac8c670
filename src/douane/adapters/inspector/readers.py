"""Has bodies read for their meaning, by children that hold the model; whatever goes wrong is a Failure.

Rules enforced:
1. A body beyond `LONGEST_BODY_BYTES` is not read at all: a Failure, not a part of it.
2. A reading counts only with all the layers that were asked for.
3. What a child remembers of windows serves the same owner's requests alone (law 11); it ends with the child.

What is read, and how, is left to `douane.detect.meaning`; who may have to wait, and for how long, to `pool`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from douane.adapters.inspector.asking import asked, warmed
from douane.adapters.inspector.child import Child
from douane.adapters.inspector.pool import Pool
from douane.core.finding import Failure, Finding
from douane.detect.settings import MeaningSettings

LAYER: Final = "meaning"
LONGEST_BODY_BYTES: Final = 2 * 1024 * 1024
QUEUE: Final = 32
WORKER: Final = (sys.executable, "-P", "-m", "douane.adapters.inspector.reading_worker")
_SAMPLE: Final = orjson.dumps("Bonjour, hello.")


class Heard(NamedTuple):
    """What a child read: findings, the layers that ran to their end, the model's version."""

    findings: tuple[Finding, ...]
    layers: tuple[str, ...]
    model: str


class Readers:
    """Children that read for meaning. `pool` is theirs, for whoever ends them."""

    def __init__(self, settings: MeaningSettings, command: Sequence[str] | None = None) -> None:
        self._settings = settings
        greeting = orjson.dumps({"layers": settings.layers, "windows": settings.windows})
        self.pool: Pool[Heard] = Pool(
            lambda: Child(command or WORKER, lambda: greeting, self._heard),
            deadline_s=settings.deadline_s,
            processes=settings.processes,
            queue=QUEUE,
        )

    async def start(self) -> None:
        """Start the children, and wait until each has read something. Raises EngineFailed."""
        await warmed(
            self.pool,
            _SAMPLE,
            what="What reads requests for their meaning",
            fix="`douane doctor` tells what is missing; or set `policy.meaning` to `light` or `off`.",
            rule="What leaves the premises is read by every layer that policy requires.",
        )

    async def read(self, value: Mapping[str, Any], owner: str) -> Heard | Failure:
        """Have a parsed body read, by the deadline or not at all."""
        return await asked(self.pool, value, owner, layer=LAYER, longest_bytes=LONGEST_BODY_BYTES)

    def _heard(self, answer: dict[str, Any]) -> Heard:
        layers = tuple(answer["layers"])
        if set(layers) != set(self._settings.layers):
            raise ValueError("a layer is missing")
        return Heard(tuple([Finding(*fields) for fields in answer["findings"]]), layers, str(answer["model"])[:64])

"""Has bodies read for names by a child that holds the models; whatever goes wrong is a Failure.

Rules enforced:
1. All running text of a body is read, or the answer is a Failure.
2. A child stops by itself when reading takes longer than it may: it keeps what it read, and is not started anew.
   Waiting and reading together take at most twice as long; then it is killed.
3. What a child remembers of texts serves the same owner's requests alone (law 11); it ends with the child.

What is read, and what is a name, is left to `douane.detect.names`; what is done with one, to `douane.gateway.mask`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from douane.adapters.inspector.asking import asked, warmed
from douane.adapters.inspector.child import Child
from douane.adapters.inspector.pool import Pool
from douane.core.finding import Failure, Finding
from douane.detect.names import LAYER
from douane.detect.settings import NamesSettings

LONGEST_BODY_BYTES: Final = 4 * 1024 * 1024
QUEUE: Final = 16
WORKER: Final = (sys.executable, "-P", "-m", "douane.adapters.inspector.spacy_names")
_SAMPLE: Final = orjson.dumps("Bonjour Jean Dupont. Say hello to Jane Doe, please, and to her boss.")

Names = tuple[Finding, ...]


class NameReaders:
    """A child that reads for names. `pool` is its own, for whoever ends it."""

    def __init__(self, settings: NamesSettings, command: Sequence[str] | None = None) -> None:
        greeting = orjson.dumps({"deadline_s": settings.deadline_s})
        self.pool: Pool[Names | Failure] = Pool(
            lambda: Child(command or WORKER, lambda: greeting, _heard), deadline_s=2 * settings.deadline_s, queue=QUEUE
        )

    async def start(self) -> None:
        """Start the child, and wait until it has read something. Raises EngineFailed."""
        await warmed(
            self.pool,
            _SAMPLE,
            what="What reads requests for names",
            fix="`douane check` tells what is missing; or set `policy.names` to `patterns`.",
            rule="Where policy has names found for masking, all that is sent masked was read for them.",
        )

    async def read(self, value: Mapping[str, Any], owner: str) -> Names | Failure:
        """Have a parsed body read, all of it or not at all."""
        return await asked(self.pool, value, owner, layer=LAYER, longest_bytes=LONGEST_BODY_BYTES)


def _heard(answer: dict[str, Any]) -> Names | Failure:
    if "unread" in answer:
        return Failure(LAYER, str(answer["unread"])[:64])
    return tuple([Finding(*fields) for fields in answer["names"]])

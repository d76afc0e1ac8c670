"""What a reader for names does with bodies, whichever finder it has; see `frames`.

Nothing is written to standard error: a traceback may hold content (law 9). Memory is bounded, and so is what is
remembered: where names stand, by keyed digest of owner and text, the longest unused forgotten first.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import orjson

from douane.adapters.inspector.frames import received, serve
from douane.adapters.inspector.name_words import shipped_words
from douane.detect.names.reader import read
from douane.detect.names.spans import Span
from douane.detect.names.words import Words
from douane.ports import NameFinder

MAX_MEMORY_BYTES: Final = 1024 * 1024 * 1024
MOST_REMEMBERED: Final = 20_000
MOST_NAMES: Final = 4_096


class _Late(Exception):
    """Reading took longer than it may."""


class Reader:
    """Reads bodies with a finder, each within its time, and remembers what it saw in pieces, for their owner."""

    def __init__(
        self,
        finder: NameFinder,
        deadline_s: float,
        words: Words,
        most: int = MOST_REMEMBERED,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._finder = finder
        self._deadline_s = deadline_s
        self._words = words
        self._most = most
        self._clock_s = clock_s
        self._key = os.urandom(32)
        self._kept: OrderedDict[bytes, tuple[Span, ...]] = OrderedDict()

    def answer(self, owner: str, body: bytes) -> dict[str, Any]:
        """Return where names stand in a body, or why it is unread."""
        until_s = self._clock_s() + self._deadline_s
        try:
            found = read(orjson.loads(body), partial(self._find, owner, until_s), self._words)
        except _Late:
            return {"unread": "late"}
        if len(found) > MOST_NAMES:
            return {"unread": "too many names"}
        return {"names": [tuple(one) for one in found]}

    def _find(self, owner: str, until_s: float, text: str) -> tuple[Span, ...]:
        digest = self._digest(owner, text)
        spans = self._kept.get(digest)
        if spans is not None:
            self._kept.move_to_end(digest)
            return spans
        if self._clock_s() > until_s:
            raise _Late
        spans = self._kept[digest] = tuple(self._finder.find(text))
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return spans

    def _digest(self, owner: str, text: str) -> bytes:
        said = f"{len(owner)}\0{owner}{text}"
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()


def run(make: Callable[[], NameFinder]) -> None:
    """Answer every frame until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    greeting = received(sys.stdin.buffer)
    if greeting is None:
        return
    reader = Reader(make(), float(orjson.loads(greeting)["deadline_s"]), shipped_words())
    serve(sys.stdin.buffer, sys.stdout.buffer, reader.answer)

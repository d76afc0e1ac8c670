"""What runs in a reader for meaning: `python -m douane.adapters.inspector.reading_worker`; see `frames`.

Nothing is written to standard error: a traceback may hold content (law 9). Memory is bounded, and so is what is
remembered: the full head's answers by keyed digest of owner and window, the longest unused forgotten first.
"""

from __future__ import annotations

import os
import resource
import sys
from collections import OrderedDict
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import orjson

from douane.adapters.inspector.frames import received, serve
from douane.adapters.inspector.meaning_model import reader_of
from douane.detect.meaning.model import Logits
from douane.detect.meaning.reader import Reader
from douane.detect.settings import MeaningSettings

MAX_MEMORY_BYTES: Final = 1024 * 1024 * 1024
MOST_REMEMBERED: Final = 50_000


class Remembered:
    """The full head's answers to windows, by digest of the model, the owner and the text, under a key of its own."""

    def __init__(self, model: str, most: int = MOST_REMEMBERED) -> None:
        self._model = model
        self._most = most
        self._key = os.urandom(32)
        self._kept: OrderedDict[bytes, Logits] = OrderedDict()

    def recall(self, owner: str, text: str) -> Logits | None:
        """Return what was kept for this owner, or None."""
        digest = self._digest(owner, text)
        logits = self._kept.get(digest)
        if logits is not None:
            self._kept.move_to_end(digest)
        return logits

    def keep(self, owner: str, text: str, logits: Logits) -> None:
        """Keep an answer for this owner; one too many is the longest unused."""
        self._kept[self._digest(owner, text)] = logits
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _digest(self, owner: str, text: str) -> bytes:
        said = "\0".join((self._model, owner.replace("\0", ""), text))
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()


def main() -> None:
    """Answer every frame until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    greeting = received(sys.stdin.buffer)
    if greeting is None:
        return
    said = orjson.loads(greeting)
    reader, version = reader_of(MeaningSettings(tuple(said["layers"]), windows=said["windows"]))
    remembered = Remembered(version)
    serve(sys.stdin.buffer, sys.stdout.buffer, partial(_answer, reader, version, remembered))


def _answer(reader: Reader, version: str, remembered: Remembered, owner: str, body: bytes) -> dict[str, Any]:
    reading = reader.read(orjson.loads(body), partial(remembered.recall, owner), partial(remembered.keep, owner))
    return {"findings": [tuple(found) for found in reading.findings], "layers": reading.layers, "model": version}


if __name__ == "__main__":
    main()

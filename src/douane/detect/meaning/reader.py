"""Reads a request for its meaning: the light head all of it, the full head what the light one leaves in doubt.

Rules enforced:
1. Every window is read by the light head. Where the full head is asked for, a window is either cleared by the light
   head with confidence, or read by the full one, or raised: no window that is in doubt passes (law 2).
2. The most telling windows are read first, `most_embedded` at most that were not known before; those left in doubt
   beyond them are raised to confidential on the light head's word.
3. A passage that is restricted is read no further: its label can't rise.
4. Nothing of a text leaves but levels and places (law 9).

Which process this runs in, by when, and what is remembered for whom, is left to the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from douane.core.finding import Finding
from douane.detect.meaning.model import Logits, Model, pooled
from douane.detect.meaning.windows import Window, windows_of
from douane.detect.walk import Document, pointer

LIGHT: Final = "meaning-light"
FULL: Final = "meaning"
MOST_FINDINGS: Final = 64

Embed = Callable[[str], Sequence[float]]
Memory = dict[str, Logits]
"""What the full head said of windows read before, by their text: of one owner's alone."""


class Reading(NamedTuple):
    """What reading gave. `layers` ran to their end. `embedded` counts the windows that the full head read anew."""

    findings: tuple[Finding, ...]
    layers: tuple[str, ...]
    embedded: int = 0


class Reader:
    """Reads with a model, and, where `embed` is given, with both of its heads."""

    def __init__(self, model: Model, embed: Embed | None = None, most_embedded: int = 32) -> None:
        self._model = model
        self._embed = embed
        self._most = most_embedded
        self.layers = (LIGHT,) if embed is None else (LIGHT, FULL)

    def read(self, value: Any, recall: Callable[[str], Logits | None], keep: Callable[[str, Logits], None]) -> Reading:
        """Read a JSON value or a bare text. `recall` and `keep` are what is remembered of windows."""
        document, windows = windows_of(value)
        if not windows:
            return Reading((), self.layers)
        light = self._model.light([window.text for window in windows])
        if self._embed is None:
            return Reading(_told(document, self._by_light(windows, light)), self.layers)
        read, embedded = self._look(windows, light, self._embed, recall, keep)
        return Reading(_told(document, self._by_both(windows, light, read)), self.layers, embedded)

    def _by_light(self, windows: list[Window], light: Logits) -> list[tuple[Window, str, str]]:
        thresholds = self._model.light_thresholds
        found = []
        for numbers in _passages(windows):
            level = thresholds.level_of(pooled(light[numbers]))
            if level:
                found.append((windows[_highest(light, numbers)], level, LIGHT))
        return found

    def _look(
        self,
        windows: list[Window],
        light: Logits,
        embed: Embed,
        recall: Callable[[str], Logits | None],
        keep: Callable[[str, Logits], None],
    ) -> tuple[dict[int, Logits], int]:
        """Return what the full head says of the windows in doubt, by number, and how many it had not seen before."""
        read: dict[int, Logits] = {}
        settled: set[int] = set()
        embedded = 0
        for number in np.argsort(-light[:, 1], kind="stable").tolist():
            if light[number, 1] < self._model.clears_below:
                break
            window = windows[number]
            if window.passage in settled:
                continue
            logits = recall(window.text)
            if logits is None:
                if embedded == self._most:
                    continue
                logits = self._model.full(embed(window.text))
                keep(window.text, logits)
                embedded += 1
            read[number] = logits
            if self._level(logits) == "restricted":
                settled.add(window.passage)
        return read, embedded

    def _level(self, full: Logits) -> str:
        return self._model.full_thresholds.level_of(full)

    def _by_both(self, windows: list[Window], light: Logits, read: dict[int, Logits]) -> list[tuple[Window, str, str]]:
        found = []
        for numbers in _passages(windows):
            seen = [number for number in numbers if number in read]
            if not seen:
                level = ""
            else:
                full = np.stack([read[number] for number in seen])
                level = self._level(pooled(full))
                if level:
                    found.append((windows[seen[int(full[:, 1].argmax())]], level, FULL))
            if level in ("confidential", "restricted"):
                continue
            for number in numbers:
                if number not in read and light[number, 1] >= self._model.clears_below:
                    found.append((windows[number], "confidential", LIGHT))
                    break
        return found


def _passages(windows: list[Window]) -> list[list[int]]:
    return [list(numbers) for _, numbers in groupby(range(len(windows)), lambda number: windows[number].passage)]


def _highest(logits: Logits, numbers: list[int]) -> int:
    return numbers[int(logits[numbers, 1].argmax())]


def _told(document: Document, found: list[tuple[Window, str, str]]) -> tuple[Finding, ...]:
    """Return findings, the highest levels first, so that a bound leaves out none that matters."""
    order = {"restricted": 0, "confidential": 1, "internal": 2}
    kept = sorted(found, key=lambda one: order[one[1]])[:MOST_FINDINGS]
    paths = document.paths([window.leaf for window, _, _ in kept])
    return tuple(
        [
            Finding(
                "MEANING",
                pointer(paths[window.leaf].words, key=paths[window.leaf].is_key),
                window.start,
                window.end,
                0.8 if layer == FULL else 0.6,
                layer,
                level,
            )
            for window, level, layer in kept
        ]
    )

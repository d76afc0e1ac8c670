"""Long runs that no text scan reads: base64 and hexadecimal blobs, `data:` URLs. What they hold is unknown (law 2).

A picture too small to show a word is neither (`douane.detect.spacers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.spacers import is_spacer

LONG = 256
_SIGNS = rb"A-Za-z0-9+/_\-"
_RUN = re.compile(rb"(?<![%b])[%b]{%d,}={0,2}" % (_SIGNS, _SIGNS, LONG))
_WRAPPED = re.compile(rb"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,100}(?:\r?\n|\\n)){3,}[A-Za-z0-9+/]{0,100}={0,2}")
_DATA_URL = re.compile(rb"data:[a-z0-9.+/\-]{0,80}(?:;[a-z0-9=._\-]{1,40}){0,3};base64,([A-Za-z0-9+/=_%\-]{16,})", re.I)
_CLASSES = tuple(re.compile(text) for text in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))


class BlobDetector:
    """One finding per run; a run of few different signs, or of words joined by signs, is text."""

    name = "blob"
    version = "1"
    probes: tuple[Probe, ...] = (
        Probe(rb"[%b]{%d}" % (_SIGNS, LONG), once=True),
        Probe(rb"[A-Za-z0-9+/]{60}(?:\r?\n|\\n)[A-Za-z0-9+/]{60}", once=True),
        Probe(rb";base64,[A-Za-z0-9+/=_%\-]{16}", caseless=True),
    )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        spacers: set[int] = set()
        done = 0
        for end in ends[2]:
            for found in _DATA_URL.finditer(data, max(done, end - 224)):
                done = found.end()
                if is_spacer(found[1]):
                    spacers.add(found.start(1))
                else:
                    yield Candidate("UNREADABLE", found.start(), found.end(), 1.0, "data-url")
                break
        for end in ends[0][:1]:
            for found in _RUN.finditer(data, max(0, end - LONG)):
                if found.start() not in spacers and _looks_encoded(found[0]):
                    yield Candidate("BLOB", found.start(), found.end(), 0.7)
        for end in ends[1][:1]:
            for found in _WRAPPED.finditer(data, max(0, end - 512)):
                if _looks_encoded(found[0]):
                    yield Candidate("BLOB", found.start(), found.end(), 0.7)


def _looks_encoded(run: bytes) -> bool:
    sample = run[:4096]
    if len(set(sample)) < 16 or sum(1 for pattern in _CLASSES if pattern.search(sample)) < 2:
        return False
    signs = sum(sample.count(sign) for sign in (b"-", b"_", b"/", b"+"))
    return signs * 8 <= len(sample)

"""`password = ...`, `api_key: ...`, `mot de passe : ...`, and a JSON key of such a name with its value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import KeywordRow
from douane.detect.secrets.alive import looks_like_password, looks_random

_ASSIGNS = rb"""["'`*\])\\]{0,3}(?:[ \t]|\xc2\xa0|\xe2\x80\xaf){0,3}(?:[:=]|\x01\x00|(?:is|est|ist|es|was|=>)[ :])"""
_FOLLOWED = rb"""[ \-]"""
_VALUE = re.compile(
    rb"""[:>=]?(?:[ \t*]|\xc2\xa0|\xe2\x80\xaf){0,4}
    (?:\\?["'`\xab](?P<quoted>[^"'`\x00\r\n\t\ ]{4,240}?)\\?["'`]|(?P<bare>[^\s"'`,;|\x00<>(){}\[\]]{4,240}))
    (?P<after>\(?)""",
    re.X,
)
_MOST_IN_A_VALUE = 4
"""`a=b=c=...`: how many names within one value are looked at."""
_TRAILING = b".,;:*\\"


class SettingDetector:
    """A strong name takes any password-like value, another name a value that looks random."""

    name = "setting"
    version = "1"

    def __init__(self, rows: Sequence[KeywordRow]) -> None:
        self._strong = [row.strong for row in rows] + [False]
        every = [name for row in rows for name in row.names]
        self.probes = (
            *(Probe(_names(row.names) + _ASSIGNS, caseless=True) for row in rows),
            Probe(_names(every) + _FOLLOWED + rb"[A-Za-z0-9_\-/+]{16}", caseless=True),
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        seen: set[int] = set()
        for strong, hits in zip(self._strong, ends, strict=True):
            stretch, tries = 0, 0
            for hit in hits:
                end = hit - 16 if hits is ends[-1] else hit
                tries = tries + 1 if end < stretch else 0
                found = _VALUE.match(data, end) if tries < _MOST_IN_A_VALUE else None
                if found is None:
                    continue
                group = "quoted" if found["quoted"] is not None else "bare"
                start, stretch = found.start(group), max(stretch, found.end(group))
                value = found[group] if group == "quoted" else found[group].rstrip(_TRAILING)
                if found["after"] or start in seen or not self._alive(value, strong=strong, quoted=group == "quoted"):
                    continue
                seen.add(start)
                yield Candidate("SECRET", start, start + len(value), 0.8, "password" if strong else "setting")

    @staticmethod
    def _alive(value: bytes, *, strong: bool, quoted: bool) -> bool:
        return looks_random(value) or (strong and looks_like_password(value, quoted=quoted))


def _names(names: Sequence[str]) -> bytes:
    spelled = [re.escape(name).replace(r"\ ", r"[ _\-.]?") for name in names]
    return b"(?:" + "|".join(spelled).encode() + b")"

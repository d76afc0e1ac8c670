"""Puts values back into one text, however it is cut into pieces.

Rules enforced:
1. A value goes only where its nonce stands, with its number, in brackets: what this conversation did not issue stays as
   it is. What models do to a placeholder is understood: other case, another type, one bracket instead of two, blanks,
   escapes of markdown.
2. Only what may yet become a placeholder is held back, `MOST_HELD` code points at most. How a text was cut changes
   nothing.
3. Nothing is put back within an address (`urls`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import orjson

from douane.core.pseudonym import NONCE_DIGITS, Find, Pseudonym
from douane.wire.unmasking.urls import Surroundings

_BODY: Final = 40
MOST_HELD: Final = _BODY + 8
_WHOLE: Final = re.compile(rf"(?:\\\[\\\[|\[\[|\\\[|\[)([0-9A-Za-z_\\ ]{{{NONCE_DIGITS + 3},{_BODY}}})\](?:\\?\])?")
_BEGUN: Final = re.compile(rf"\\?(?:\[(?:\\?\[)?[0-9A-Za-z_\\ ]{{0,{_BODY}}}(?:\]\\?)?)?")
_NOISE: Final = str.maketrans("", "", "\\ ")
_NONCE: Final = re.compile(rf"[0-9a-f]{{{NONCE_DIGITS}}}", re.IGNORECASE)


class TextUnmasker:
    """One text, piece by piece. `is_json`: it is JSON itself, so values are escaped as its strings are."""

    __slots__ = ("_find", "_held", "_json", "_surroundings")

    def __init__(self, find: Find, *, is_json: bool = False) -> None:
        self._find = find
        self._held = ""
        self._json = is_json
        self._surroundings = Surroundings(is_json=is_json)

    def feed(self, piece: str) -> str:
        """Return what may be said now."""
        if self._held:
            piece = self._held + piece
            self._held = ""
        elif "[" not in piece and piece[-1:] != "\\":
            self._surroundings.note(piece)
            return piece
        return self._said(piece, over=False)

    def finish(self) -> str:
        """Return what was held back: nothing follows."""
        held, self._held = self._held, ""
        return self._said(held, over=True) if held else ""

    def _said(self, text: str, *, over: bool) -> str:
        done: list[str] = []
        at = 0
        end = len(text)
        while at < end:
            start, bracket = _opening(text, at)
            if start < 0:
                break
            if not over and end - start <= MOST_HELD and _BEGUN.fullmatch(text, start):
                self._held = text[start:]
                end = start
                break
            found = _WHOLE.match(text, start) or (_WHOLE.match(text, bracket) if bracket > start else None)
            known = self._known(found[1]) if found is not None else None
            if found is None or known is None:
                upto = max(bracket, start) + 1
                done.append(self._plain(text[at:upto]))
                at = upto
                continue
            done.append(self._plain(text[at : found.start()]))
            done.append(self._value(known, found[0]))
            at = found.end()
        if at < end:
            done.append(self._plain(text[at:end]))
        return done[0] if len(done) == 1 else "".join(done)

    def _plain(self, text: str) -> str:
        self._surroundings.note(text)
        return text

    def _value(self, known: Pseudonym, told: str) -> str:
        if known.value is None or self._surroundings.within_address():
            return self._plain(told)
        return self._plain(escaped(known.value) if self._json else known.value)

    def _known(self, body: str) -> Pseudonym | None:
        said, _, nonce = body.translate(_NOISE).rpartition("_")
        number = said.rpartition("_")[2]
        return self._find(nonce.lower(), int(number)) if number.isdecimal() and number.isascii() else None


def _opening(text: str, at: int) -> tuple[int, int]:
    """Return where the next placeholder may begin, at its escape or its bracket, and the bracket; -1 where none may."""
    bracket = text.find("[", at)
    if bracket < 0:
        last = len(text) - 1
        return (last, last) if text[last] == "\\" else (-1, -1)
    return (bracket - 1, bracket) if bracket > at and text[bracket - 1] == "\\" else (bracket, bracket)


def escaped(value: str) -> str:
    """Return a value as it stands within a string of JSON."""
    try:
        return orjson.dumps(value).decode()[1:-1]
    except TypeError:  # lone surrogates: JSON has escapes for them
        return "".join([escaped(sign) if not "\ud800" <= sign <= "\udfff" else f"\\u{ord(sign):04x}" for sign in value])


def remnant(text: str, reversible: Callable[[str], bool]) -> bool:
    """Tell whether a nonce is left in a text whose value could have been put back."""
    return any(reversible(found[0].lower()) for found in _NONCE.finditer(text))

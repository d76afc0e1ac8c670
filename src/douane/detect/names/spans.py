"""What of a stretch that a model takes for a name is one: words in letters, without titles and signs around them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

Span = tuple[int, int]

LONGEST_NAME_CHARS: Final = 80
SHORT_CAPITALS: Final = 3
_WORDS: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’\-.](?! )|[.’'](?= )|[ \u00a0\u202f])*")
_FIRST: Final = re.compile(r"([^\W\d_]{1,24})(?:\.?[ \u00a0\u202f]+|\.?\Z)")
_POSSESSIVE: Final = re.compile(r"['’]s?\Z")
_EDGES: Final = " \u00a0\u202f'’-."


def names_in(text: str, spans: Iterable[Span], before: Collection[str]) -> Iterator[Span]:
    """Yield the names in stretches of a text: what begins with a capital, without the words that stand `before` one."""
    for start, end in spans:
        for words in _WORDS.finditer(text, start, end):
            name = _bare(text, *words.span(), before)
            if name is not None:
                yield name


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what of spans lies outside of others, sorted and apart, in one pass over both."""
    left: list[Span] = []
    others, first = joined(taken), 0
    for start, end in joined(spans):
        at = start
        while first < len(others) and others[first][1] <= start:
            first += 1
        number = first
        while number < len(others) and others[number][0] < end:
            low, high = others[number]
            if low > at:
                left.append((at, low))
            at = max(at, high)
            number += 1
        if at < end:
            left.append((at, end))
    return left


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans sorted, those that overlap as one."""
    done: list[Span] = []
    for start, end in sorted(spans):
        if done and start < done[-1][1]:
            done[-1] = done[-1][0], max(end, done[-1][1])
        else:
            done.append((start, end))
    return done


def _bare(text: str, start: int, end: int, before: Collection[str]) -> Span | None:
    while (first := _FIRST.match(text, start, end)) is not None and first[1] in before:
        start = first.end()
    word = text[start:end]
    word = _POSSESSIVE.sub("", word.rstrip(_EDGES))
    start += len(word) - len(word.lstrip(_EDGES))
    word = word.strip(_EDGES)
    if len(word) > LONGEST_NAME_CHARS or not word[:1].isupper() or _is_code(word):
        return None
    return start, start + len(word)


def _is_code(word: str) -> bool:
    """Tell whether a word is too little for a name: initials and abbreviations alone, such as `REF` and `TVA FR`."""
    return not any(len(part) > (SHORT_CAPITALS if part.isupper() else 1) for part in word.split())

"""What a pattern costs on the worst texts that its analysis names: steps a sign, and how they come about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.patterns.ambiguity import Automaton, Word
from tests.patterns.tree import Atomic, Choice, Look, Repeat, Row, Sign, Tree, tree
from tests.patterns.trial import TooMany, Trial

SHORT, LONG = 120, 1920
PLENTY = 400
"""Steps a sign: no more are counted."""
_FEW = 12
_MOST_WORDS = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """The most steps a sign of a text so long, and whether one start takes them or all starts together."""

    steps: float
    size: int
    one_start: bool
    before: Any
    again: Any
    end: Any
    why: str


def verdicts(pattern: str | bytes, flags: int = 0, *, whole: bool = False) -> list[Verdict]:
    """Return the verdicts on the texts that take more than a few steps a sign; `whole` for what has to match all."""
    top = tree(pattern, flags)
    found: list[Verdict] = []
    for part in (top, *(Tree(body, top.alphabet, top.words) for body in _bodies(top.root))):
        automaton = Automaton(part)
        seen: set[Any] = set()
        for word in automaton.words():
            turned = min((word.again[at:] + word.again[:at] for at in range(len(word.again))), key=str)
            if turned in seen:
                continue
            seen.add(turned)
            if len(seen) > _MOST_WORDS:
                break
            found += _of_word(part, automaton, word, whole and part is top)
    return sorted(found, key=lambda verdict: (-verdict.one_start, -verdict.steps))


def _bodies(node: Any) -> Iterator[Any]:
    """Yield what is matched on its own: looks and atomic groups."""
    alone = isinstance(node, (Look, Atomic)) or (isinstance(node, Repeat) and node.kind == "possessive")
    if alone and not isinstance(node.body, Sign):
        yield node.body
    parts = node.parts if isinstance(node, Row) else node.ways if isinstance(node, Choice) else ()
    for part in (*parts, *((node.body,) if hasattr(node, "body") else ())):
        yield from _bodies(part)


def _of_word(part: Tree, automaton: Automaton, word: Word, whole: bool) -> Iterator[Verdict]:
    ends = [(), *((sign,) for sign in automaton.kinds[:8])]
    for one_start in (True, False):
        steps, end = max(
            ((_steps(part, word, end, SHORT, one_start, whole), end) for end in ends), key=lambda pair: pair[0]
        )
        if steps <= _FEW:
            continue
        size = SHORT
        while size < LONG and steps <= PLENTY:
            before, size = steps, 2 * size
            steps = _steps(part, word, end, size, one_start, whole)
            if steps < 1.3 * before:
                break
        yield Verdict(
            steps, size, one_start, _text(part, word.before), _text(part, word.again), _text(part, end), word.why
        )
        if one_start:
            return


def _text(part: Tree, signs: tuple[Any, ...]) -> Any:
    return bytes(signs) if part.of_bytes else "".join(signs)


def _steps(part: Tree, word: Word, end: tuple[Any, ...], size: int, one_start: bool, whole: bool) -> float:
    times = max(1, (size - len(word.before)) // len(word.again))
    text = _text(part, word.before + word.again * times + end)
    trial = Trial(part, text, PLENTY * len(text))
    try:
        if not one_start:
            trial.search()
        elif whole:
            trial.fullmatch()
        else:
            return max(trial.match(at) for at in range(len(word.before) + 1)) / len(text)
    except TooMany:
        pass
    return trial.steps / len(text)

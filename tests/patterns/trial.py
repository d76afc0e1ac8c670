"""How many steps a backtracking search takes: a plain matcher with the rules of `re`, and a counter.

`re` skips some of these steps (it looks for the first sign before it tries, and for the next one after a repeat) and
adds none: what is cheap here is cheap there, and what grows there grows here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.patterns.tree import Atomic, Choice, Group, Look, Place, Repeat, Row, Sign, Tree

Then = Callable[[int], bool]


class TooMany(Exception):
    """More steps than were allowed."""


class Trial:
    def __init__(self, of: Tree, text: Sequence[Any], allowed: int) -> None:
        self._words = of.words
        self._root = of.root
        self._text = text
        self._allowed = allowed
        self._groups: dict[int, tuple[int, int]] = {}
        self.steps = 0

    def search(self) -> None:
        """Look for every match, from the left, as `finditer` does."""
        at = 0
        while at <= len(self._text):
            end = self._end(self._root, at)
            at = at + 1 if end is None or end == at else end

    def match(self, at: int) -> int:
        """Match once, from a place; return how many steps it took."""
        before = self.steps
        self._end(self._root, at)
        return self.steps - before

    def fullmatch(self) -> bool:
        """Match the whole text from its start."""
        return self._run((self._root,), 0, 0, lambda at: at == len(self._text))

    def _end(self, node: Any, at: int) -> int | None:
        ends: list[int] = []
        return ends[0] if self._run((node,), 0, at, lambda end: not ends.append(end)) else None

    def _run(self, row: tuple[Any, ...], number: int, at: int, then: Then) -> bool:
        self.steps += 1
        if self.steps > self._allowed:
            raise TooMany
        if number == len(row):
            return then(at)
        node = row[number]
        kind = type(node)
        if kind is Sign:
            return at < len(self._text) and self._text[at] in node.signs and self._run(row, number + 1, at + 1, then)

        def after(end: int) -> bool:
            return self._run(row, number + 1, end, then)

        if kind is Row:
            return self._run(node.parts, 0, at, after)
        if kind is Repeat:
            return self._repeat(node, at, after)
        if kind is Choice:
            for way in node.ways:  # noqa: SIM110 - `any` would take the stack of C
                if self._run((way,), 0, at, after):
                    return True
            return False
        if kind is Group:
            return self._group(node, at, after)
        if kind is Atomic:
            end = self._end(node.body, at)
            return end is not None and after(end)
        if kind is Look:
            start = at - (node.width or 0)
            seen = start >= 0 and self._end(node.body, start) is not None
            return seen == node.wanted and after(at)
        if kind is Place:
            return self._is_at(node.kind, at) and after(at)
        start, end = self._groups[node.number]
        held = self._text[start:end]
        return self._text[at : at + len(held)] == held and after(at + len(held))

    def _group(self, node: Group, at: int, after: Then) -> bool:
        before = self._groups.get(node.number, (0, 0))

        def closed(end: int) -> bool:
            self._groups[node.number] = at, end
            return after(end)

        if self._run((node.body,), 0, at, closed):
            return True
        self._groups[node.number] = before
        return False

    def _repeat(self, node: Repeat, at: int, after: Then) -> bool:
        if node.kind == "possessive":
            return self._possessive(node, at, after)
        if type(node.body) is Sign:
            return self._of_signs(node, at, after)

        def more(count: int, start: int) -> bool:
            def once(end: int) -> bool:
                return (end > start or count < node.least) and more(count + 1, end)

            if count < node.least:
                return self._run((node.body,), 0, start, once)
            if node.kind == "lazy" and after(start):
                return True
            if count < node.most and self._run((node.body,), 0, start, once):
                return True
            return node.kind != "lazy" and after(start)

        return more(0, at)

    def _of_signs(self, node: Repeat, at: int, after: Then) -> bool:
        most = min(node.most, len(self._text) - at)
        signs = node.body.signs
        if node.kind == "lazy":
            for count in range(most + 1):
                if count >= node.least and after(at + count):
                    return True
                if count == most or self._text[at + count] not in signs:
                    return False
            return False
        count = 0
        while count < most and self._text[at + count] in signs:
            count += 1
        self.steps += count
        for end in range(at + count, at + node.least - 1, -1):  # noqa: SIM110
            if after(end):
                return True
        return False

    def _possessive(self, node: Repeat, at: int, after: Then) -> bool:
        count = 0
        while count < node.most:
            end = self._end(node.body, at)
            if end is None or (end == at and count >= node.least):
                break
            at, count = end, count + 1
        return count >= node.least and after(at)

    def _is_at(self, kind: str, at: int) -> bool:
        text = self._text
        before = text[at - 1] if at else None
        here = text[at] if at < len(text) else None
        feeds = ("\n", 10)
        match kind:
            case "first" | "begin":
                return at == 0
            case "last":
                return here is None
            case "begins":
                return before is None or before in feeds
            case "ends":
                return here is None or here in feeds
            case "end":
                return here is None or (here in feeds and at + 1 == len(text))
        return ((before in self._words) != (here in self._words)) == (kind == "edge")

"""Cuts a request into windows of text that are read for their meaning, one by one.

Rules enforced:
1. Every leaf of the body is in exactly one window, but for words of the protocol: roles, types and the model's name,
   which a route decides. A leaf of white space, digits or signs alone carries no meaning and makes no window.
2. A window ends where a sentence or a line does, or at least a word, unless a single word is longer than a window.
3. Short leaves that follow each other are one window: of a form, `diagnosis` and its value are read together.

What a window is found to mean is left to `reader`.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from douane.detect.walk import KEY_END, Document, walk

LONGEST: Final = 220
"""Code points of a window. An embedding's time grows with it; what tells a case from a lesson often needs so much."""
SHORT: Final = 40
_BORDER: Final = re.compile(r"(?<=[.!?;:…])[\"')»”\]]*\s+|(?:(?<!\s)\s*)?\n\s*|(?:(?<!\s)\s*)?[|•]\s*")
"""Blanks are read from their first one alone: each of a long run would begin them anew."""
_LETTERS: Final = re.compile(r"[^\W\d_]{2}|[^\W\d_\x00-ɏ]")
_PROTOCOL: Final = frozenset((
    "system", "user", "assistant", "developer", "tool", "function", "text", "input_text", "output_text", "message",
    "json_object", "json_schema", "object", "string", "number", "integer", "boolean", "array", "auto", "none",
    "required", "tool_use", "tool_result", "function_call", "function_call_output", "low", "medium", "high", "minimal",
))  # fmt: skip


class Window(NamedTuple):
    """A text to read, and where it begins and ends: code points of a leaf (of its first one, if there are several).

    `passage` counts the runs of text of a request: windows of one passage are judged together.
    """

    text: str
    leaf: int
    start: int
    end: int
    passage: int


def windows_of(value: Any) -> tuple[Document, list[Window]]:
    """Return the leaves of a JSON value or a bare text, and the windows that they are cut into."""
    named = {word: inner for word, inner in value.items() if word != "model"} if type(value) is dict else value
    document = walk(named)
    found: list[Window] = []
    short: list[tuple[int, str]] = []
    passage = 0
    for leaf, text in enumerate(document.leaves):
        if text in _PROTOCOL:
            continue
        if len(text) < SHORT and len(document.leaves) > 1:
            short.append((leaf, text))
            continue
        passage += _join(short, found, passage)
        found += [
            Window(text[start:end], leaf, start, end, passage)
            for start, end in cut(text)
            if _LETTERS.search(text, start, end)
        ]
        passage += 1
    _join(short, found, passage)
    return document, found


def _join(short: list[tuple[int, str]], found: list[Window], passage: int) -> int:
    """Make windows of the short leaves gathered so far; return how many passages these are."""
    if not short:
        return 0
    run: list[tuple[int, str]] = []
    length = 0
    for leaf, text in short:
        if run and length + len(text) > LONGEST:
            _close(run, found, passage)
            run, length = [], 0
        run.append((leaf, text))
        length += len(text) + 1
    _close(run, found, passage)
    short.clear()
    return 1


def _close(run: list[tuple[int, str]], found: list[Window], passage: int) -> None:
    text = " ".join([text[:-1] + ":" if text.endswith(KEY_END) else text for _, text in run])
    if _LETTERS.search(text):
        leaf, first = run[0]
        found.append(Window(text, leaf, 0, len(first.removesuffix(KEY_END)), passage))


def cut(text: str, longest: int = LONGEST) -> list[tuple[int, int]]:
    """Return the windows of one leaf as its code points: they cover it, in order, without a gap.

    >>> cut("One. Two.")
    [(0, 9)]
    >>> cut("a" * 30 + ". " + "b" * 30 + ".", 40)
    [(0, 32), (32, 63)]
    """
    if len(text) <= longest:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    start = last = 0
    for end in [*[border.end() for border in _BORDER.finditer(text)], len(text)]:
        while end - start > longest:
            if last - start < longest * 0.35:
                last = text.rfind(" ", start + longest // 2, start + longest) + 1 or start + longest
            found.append((start, last))
            start = last
        last = end
    if start == len(text):
        return found
    if found and len(text) - found[-1][0] <= longest * 1.25:
        return [*found[:-1], (found[-1][0], len(text))]
    return [*found, (start, len(text))]

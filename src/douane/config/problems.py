"""Collects everything that is wrong with a configuration, so that all of it is told at once.

Rules kept here:
1. A problem names its setting by its dotted path, the rule, the fact, and a fix.
2. What came from the environment or a secret's file is never told: its place in a text is taken by where it came from.
3. What is quoted is bounded and printable: a configuration cannot write to a terminal through an error.
4. What was told once is not told again by what follows from it: nothing is told of a setting that is spoilt, and who
   reads on asks whether what it relies on is `doubtful`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from douane.core.reason import Reason
from douane.errors import ConfigurationError

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_QUOTE = re.compile(r"`([^`]*)`")
_LONGEST_QUOTE = 80
_SHORTEST_HIDDEN = 6


def dotted(path: Path) -> str:
    """Return a path as TOML writes it.

    >>> dotted(("deployments", "llama-3.1", "networks", 0))
    'deployments."llama-3.1".networks[0]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _BARE.match(part) else '"' + printable(part) + '"'
            text += f".{word}" if text else word
    return text


def escaped(text: str) -> str:
    """Return a text with everything that is not printable escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable(text: str) -> str:
    """Return a text bounded and printable."""
    return _cut(escaped(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."


def quoted(value: object) -> str:
    """Return a value of the configuration as it is quoted in a text; `Problems` hides what is secret, then cuts it."""
    return f"`{escaped(str(value))}`"


def listed(words: Iterable[str]) -> str:
    """Return words for a sentence, in order, at most a dozen of them."""
    everything = list(words)
    text = ", ".join(quoted(word) for word in everything[:12])
    return f"{text} and {len(everything) - 12} more" if len(everything) > 12 else text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, or None where none is."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.65)
    return by_lower[close[0]] if close else None


def choose(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a fix for an unknown word: the nearest known one, else the known ones, else `otherwise`."""
    names = sorted(known)
    close = nearest(word, names)
    if close is not None:
        return f"Did you mean {quoted(close)}?"
    return f"Use one of {listed(names)}." if names else otherwise


class Problems:
    """The problems and warnings found so far."""

    def __init__(self) -> None:
        self.found: list[ConfigurationError] = []
        self.warnings: list[Reason] = []
        self._spoilt: frozenset[Path] = frozenset()
        self._touched: set[Path] = set()
        self._hidden: dict[str, str] = {}

    def hide(self, value: str, origin: str) -> None:
        """Never tell `value` in a text from now on, but `origin`, as the file writes it."""
        if value and value != origin:
            self._hidden.setdefault(value, origin)

    def spoil(self, paths: Iterable[Path]) -> None:
        """Tell nothing from now on of the settings at these paths: they are not what the file says."""
        self._spoilt |= frozenset(paths)
        for path in paths:
            self._touch(path)

    def doubtful(self, *path: str | int) -> bool:
        """Tell whether a setting, something in it, or the table around it was found wrong."""
        return path in self._touched or self._is_spoilt(path)

    def _is_spoilt(self, path: Path) -> bool:
        return any(path[:length] in self._spoilt for length in range(1, len(path) + 1))

    def _touch(self, path: Path) -> None:
        self._touched.update(path[:length] for length in range(1, len(path) + 1))

    def refuse(self, path: Path, rule: str, fact: str, fix: str) -> None:
        """Record a problem; `fact` names the setting itself."""
        if self._is_spoilt(path):
            return
        self._touch(path)
        self.found.append(ConfigurationError(self._safe(fact), self._safe(fix), rule=rule, param=dotted(path)))

    def warn(self, code: str, rule: str, fact: str, fix: str) -> None:
        """Record what is allowed but likely not meant."""
        self.warnings.append(Reason(code, rule, self._safe(fact), self._safe(fix)))

    def _safe(self, text: str) -> str:
        for value in sorted(self._hidden, key=len, reverse=True):  # the longest first: one may hold another
            origin = self._hidden[value]
            if len(value) >= _SHORTEST_HIDDEN:
                text = text.replace(value, origin).replace(escaped(value), origin)
            else:
                text = text.replace(f"`{value}`", f"`{origin}`")
        return _QUOTE.sub(lambda match: f"`{_cut(match.group(1))}`", text)

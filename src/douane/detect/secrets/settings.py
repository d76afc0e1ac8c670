"""`password = ...`, `api_key: ...`, `mot de passe : ...`, a JSON key of such a name with its value; `API key abc...`.

Rules enforced:
1. What a password is called takes any value that looks like one; what else a secret is called, one that looks drawn.
2. A name that also names harmless things (`key`, `session`) takes no digest and no UUID: those are ids more often.
3. Without `=` or `:` between, only a longer drawn value counts.
4. A word before the name may say that the value is no secret: a public key, a cache key, the next page's token.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import KeywordRow
from douane.detect.secrets.alive import is_hexadecimal, looks_drawn, looks_like_password
from douane.detect.secrets.heads import apart
from douane.detect.secrets.limits import A_FINDING, A_PLACE, A_VALUE, Allowance, crowded
from douane.detect.work import Work

_ASSIGNS = rb"""["'`*\])\\]{0,3}(?:[ \t]|\xc2\xa0|\xe2\x80\xaf){0,3}(?:[:=]|\x01\x00|(?:is|est|ist|es|was|=>)[ :])"""
_FOLLOWED = rb"""[^A-Za-z0-9:=\x00][A-Za-z0-9_\-/+"'`=.,(]{11}"""
_SEEN_FOLLOWING = 12
_SHORTEST_LOOSE: Final = 16
_VALUE = re.compile(
    rb"""[:>=]?(?:[ \t*]|\xc2\xa0|\xe2\x80\xaf){0,4}
    (?:\\?(?P<mark>["'`\xab])(?!(?P=mark)|[),;>}])(?P<quoted>[^\x00\r\n\t\ ]{4,240}?)\\?(?:(?P=mark)|\xc2?\xbb)
    |(?!=)(?P<bare>[^\s"'`,;|\x00<>(){}\[\]]{4,240}))
    (?P<after>[(\[]?)""",
    re.X,
)
_LOOSE = re.compile(rb"(?:[^A-Za-z0-9\x00(/+]|\((?=[\"'])){1,3}([A-Za-z0-9][A-Za-z0-9_\-/+=.~%]{15,240})(?![(\[])")
_MOST_IN_A_VALUE = 4
"""`a=b=c=...`: how many names within one value are looked at."""
_TRAILING = b".,;:*\\"
_READ_BEFORE: Final = 64
_BLOB = re.compile(rb"[A-Za-z0-9+/]{32}\Z")
_NAME = re.compile(rb"[A-Za-z0-9_.\- '\x80-\xff]*\Z")
_NAME_WORDS = re.compile(rb"[A-Z]?[a-z\x80-\xff]+|[A-Z]+(?![a-z])|[0-9]+")
_AFTER_A_NAME: Final = b" \t\r\n\"'`*])\\:=>\x00\x01\xc2\xa0\xe2\x80\xaf"
_VERBS: Final = frozenset((b"is", b"est", b"ist", b"es", b"was"))
_WORDS_OF_A_NAME: Final = 4
_LONG: Final = 5
"""Names of so many letters need not begin a word: `userpassword`. A shorter one may be the end of any word."""


class _Names:
    """The names of one row: what an engine looks for, and whether a name, as it is written, is one of them."""

    __slots__ = ("_long", "_whole", "row")

    def __init__(self, row: KeywordRow) -> None:
        self.row = row
        self._whole = frozenset(b"".join(_NAME_WORDS.findall(name.encode())) for name in row.names)
        often_inside = row.kind in ("common", "quoted")
        self._long = () if often_inside else tuple(name for name in self._whole if len(name) >= _LONG)

    @property
    def heads(self) -> tuple[bytes, ...]:
        return tuple(_spelled(name) for name in self.row.names)

    @property
    def apart(self) -> list[tuple[bytes, ...]]:
        """Return the heads in groups in which none begins another."""
        spelled = {name.replace(" ", ""): _spelled(name) for name in self.row.names}
        return [tuple(spelled[bare] for bare in group) for group in apart(spelled)]

    def are(self, words: Sequence[bytes]) -> bool:
        """Tell whether the words end in one of the names."""
        if words[-1].endswith(self._long):
            return True
        name = b""
        for word in reversed(words[-_WORDS_OF_A_NAME:]):
            name = word + name
            if (name in self._whole and (len(name) >= _LONG or name == words[-1])) or name.endswith(self._long):
                return True
        return False


def _spelled(name: str) -> bytes:
    return re.escape(name).replace(r"\ ", r"[ _\-.]?").encode()


class SettingDetector:
    """Looks at the value after each name, and at the words before it where the value could be a secret."""

    name = "setting"
    version = "2"

    def __init__(self, rows: Sequence[KeywordRow], harmless: Sequence[str]) -> None:
        self._harmless = frozenset(word.encode() for word in harmless)
        self._assigned = [_Names(row) for row in rows]
        loose = [(names, heads) for names in self._assigned if names.row.loose for heads in names.apart]
        self._loose = [names for names, _ in loose]
        self.probes = (
            *(Probe(_ASSIGNS, caseless=True, heads=names.heads) for names in self._assigned),
            *(Probe(_FOLLOWED, caseless=True, heads=heads) for _, heads in loose),
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        return self.find_within(data, ends, Work(len(data)))

    def find_within(self, data: bytes, ends: Sequence[list[int]], work: Work) -> Iterator[Candidate]:
        allowance = Allowance(data)
        seen: set[int] = set()
        for names, hits in zip(self._assigned, ends, strict=False):
            if not (allowance.gone or work.gone):
                yield from self._settings(names, data, hits, seen, allowance, work)
        for names, hits in zip(self._loose, ends[len(self._assigned) :], strict=True):
            if not (allowance.gone or work.gone):
                yield from self._following(names, data, hits, seen, allowance)

    def _settings(
        self, names: _Names, data: bytes, hits: Sequence[int], seen: set[int], allowance: Allowance, work: Work
    ) -> Iterator[Candidate]:
        """Yield the values that are assigned to names."""
        row = names.row
        for end, start, value, quoted in _values(data, hits):
            if allowance.spent(A_VALUE if len(value) >= row.shortest else A_PLACE):
                yield crowded(data, end)
                return
            if len(value) >= row.shortest and work.spent("byte of a value", len(value)):
                return
            if start not in seen and _is_secret(row, value, quoted) and self._names_a_secret(names, data, end):
                seen.add(start)
                allowance.spent(A_FINDING)
                yield Candidate("SECRET", start, start + len(value), 0.8, row.detail)

    def _following(
        self, names: _Names, data: bytes, hits: Sequence[int], seen: set[int], allowance: Allowance
    ) -> Iterator[Candidate]:
        """Yield the drawn values that follow a name without a sign of assignment."""
        done = 0
        for hit in hits:
            end = hit - _SEEN_FOLLOWING
            if end < done:
                continue
            found = _LOOSE.match(data, end)
            if allowance.spent(A_PLACE if found is None else A_VALUE):
                yield crowded(data, end)
                return
            if found is None or found.start(1) in seen:
                continue
            value = found[1].rstrip(b"=.")
            done = found.end() - len(value) // 2
            if _is_drawn(names.row, value, _SHORTEST_LOOSE) and self._names_a_secret(names, data, end):
                done = found.end()
                seen.add(found.start(1))
                allowance.spent(A_FINDING)
                yield Candidate("SECRET", found.start(1), found.start(1) + len(value), 0.7, names.row.detail)

    def _names_a_secret(self, names: _Names, data: bytes, end: int) -> bool:
        """Tell whether the name that ends here is a row's, and no word of it says that its value is no secret."""
        before = data[max(0, end - _READ_BEFORE) : end].rstrip(_AFTER_A_NAME)
        if _BLOB.search(before) is not None:
            return False
        found = _NAME.search(before)
        words = [word.lower() for word in _NAME_WORDS.findall(found[0])] if found is not None else []
        if words and words[-1] in _VERBS:
            words.pop()
        return bool(words) and names.are(words) and self._harmless.isdisjoint(words[-_WORDS_OF_A_NAME:])


def _is_secret(row: KeywordRow, value: bytes, quoted: bool) -> bool:
    if row.kind == "password" or (quoted and row.kind == "quoted" and not value.isalpha()):
        return looks_like_password(value, quoted=quoted) or looks_drawn(value, row.shortest)
    return _is_drawn(row, value, row.shortest)


def _is_drawn(row: KeywordRow, value: bytes, shortest: int) -> bool:
    return looks_drawn(value, shortest) and not (row.kind == "common" and is_hexadecimal(value))


def _values(data: bytes, hits: Sequence[int]) -> Iterator[tuple[int, int, bytes, bool]]:
    """Yield the values after names that end in a sign of assignment: the name's end, the value's start, value, quoted.

    A call is no value; then, and where nothing could be one, the value is empty.
    """
    stretch = tries = index = 0
    while index < len(hits):
        end = hits[index]
        index += 1
        tries = tries + 1 if end < stretch else 0
        if tries >= _MOST_IN_A_VALUE:
            index = bisect_left(hits, stretch, index)
            continue
        found = _VALUE.match(data, end)
        if found is None:
            continue
        quoted = found["quoted"] is not None
        group = "quoted" if quoted else "bare"
        start, stretch = found.start(group), max(stretch, found.end(group))
        yield end, start, b"" if found["after"] else found[group] if quoted else found[group].rstrip(_TRAILING), quoted

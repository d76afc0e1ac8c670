"""Masking: a body's findings of some types replaced by pseudonyms, in rounds, until a scan finds no more of them.

Rules enforced:
1. Every place of a maskable finding is replaced whole, as it stands in the original: also where it was found below an
   encoding. Numbers and keys too; within JSON in JSON the JSON stays whole.
2. A value that was masked in one place is masked wherever it stands, found there or not.
3. What cannot be masked cleanly is left: then the next scan finds it, and its label holds. So is everything where a
   value goes on from one message to the next: its other half has no place.
4. What a detector sees in nothing but a pseudonym of ours is no finding; one that reaches beyond counts.
5. A body that would take long is not masked: values times size are bounded.
6. Names that a model of language sees are masked after all else, beside what other detectors found; `mask_names` tells
   whether every one of them is.

Which types may be masked for whom is policy; what the masked body's label is, `core.traffic.classification`'s: it is
inspected again after each round, and the inspection of what is sent is the last one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from douane.core.api_words import API_WORDS
from douane.core.finding import Finding, Inspection
from douane.core.pseudonym import IRREVERSIBLE, NEVER_MASKED, PLACEHOLDER, Pseudonyms
from douane.detect.names.spans import without
from douane.detect.views import carried
from douane.detect.walk import MAX_DEPTH, digits_of, walk

MOST_ROUNDS: Final = 4
MOST_WORK: Final = 64 * 1024 * 1024
"""Masked values times code points of the body."""
_SHORT: Final = 8
_SHORTEST: Final = 3
_KEY: Final = "~key"
_STRING_OR_NUMBER: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)


class _Unmaskable(Exception):
    """A body that can't be masked as a whole."""


class _Span(NamedTuple):
    start: int
    end: int
    type: str


class _Node:
    """What is to be replaced at a place and below it."""

    __slots__ = ("below", "key", "spans")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.key: list[_Span] = []
        self.spans: list[_Span] = []


def may_mask(finding: Finding, types: frozenset[str]) -> bool:
    """Tell whether policy lets a finding be masked, by its type or its `TYPE:detail`."""
    return finding.type in types or (bool(finding.detail) and f"{finding.type}:{finding.detail}" in types)


class Masking:
    """One body on its way. `value` is what it has become, `masked` the types of what was replaced in it."""

    __slots__ = ("_has_left_some", "_pseudonyms", "_raw", "_types", "given_up", "masked", "value")

    def __init__(self, value: Any, types: frozenset[str], pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._types = types
        self._raw: dict[str, str] = {}
        self._has_left_some = False
        self.given_up = False
        self.masked: set[str] = set()
        self.value = value

    def take(self, inspection: Inspection) -> bool:
        """Mask what an inspection of `value` found; tell whether it is another now, and to be inspected again."""
        findings = self.own_removed(inspection).findings
        if any(_is_carried(found) for found in findings):
            self.given_up = True
        wanted = [found for found in findings if found.end > found.start and may_mask(found, self._types)]
        if self.given_up or not wanted:
            return False
        before = self.value
        try:
            self.value = self._everywhere(self._rewritten(before, _tree(wanted), 0))
        except _Unmaskable:
            self.given_up = True
        return self.value is not before

    def mask_names(self, names: Sequence[Finding], inspection: Inspection) -> bool:
        """Mask names in `value`, as far as nothing else was found there; tell whether each of them is masked now."""
        self._has_left_some = False
        self.take(Inspection(_beside(names, inspection.findings)))
        return not (self.given_up or self._has_left_some)

    def own_removed(self, inspection: Inspection) -> Inspection:
        """Return an inspection of `value` without what was found in nothing but our own pseudonyms."""
        if not self.masked:
            return inspection
        ours: dict[str, list[tuple[int, int]]] = {}
        kept = tuple([found for found in inspection.findings if not self._is_own(found, ours)])
        return inspection if len(kept) == len(inspection.findings) else inspection._replace(findings=kept)

    def _is_own(self, found: Finding, ours: dict[str, list[tuple[int, int]]]) -> bool:
        """Tell whether nothing but a pseudonym was found; `ours` holds the places of leaves that were looked at."""
        if found.end <= found.start or found.type in NEVER_MASKED:
            return False
        places = ours.get(found.pointer)
        if places is None:
            text = _leaf(self.value, found.pointer)
            places = ours[found.pointer] = [] if text is None else self._ours(text)
        at = bisect_right(places, found.start, key=_start) - 1
        return at >= 0 and found.end <= places[at][1]

    def _ours(self, text: str) -> list[tuple[int, int]]:
        """Return where pseudonyms that were issued stand in a text, to the letter."""
        if "[[" not in text:
            return []
        places = []
        for match in PLACEHOLDER.finditer(text):
            known = self._pseudonyms.find(match[3], int(match[2]))
            if known is not None and str(known) == match[0]:
                places.append(match.span())
        return places

    # --- one round ---------------------------------------------------------------------------------------------------

    def _rewritten(self, value: Any, node: _Node, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, node.spans) if node.spans else value
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, (int, float)):
            return self._number(value, node.spans) if node.spans else value
        if not node.below or depth > MAX_DEPTH:
            return value
        if isinstance(value, list):
            copy = list(value)
            for word, below in node.below.items():
                copy[int(word)] = self._rewritten(copy[int(word)], below, depth + 1)
            return copy
        made: dict[str, Any] = {}
        for key, inner in value.items():
            at = node.below.get(key)
            if at is None:
                self._put(made, key, inner)
            else:
                masked = self._text(key, at.key) if at.key else key
                self._put(made, masked, self._rewritten(inner, at, depth + 1))
        return made

    @staticmethod
    def _put(made: dict[str, Any], key: str, inner: Any) -> None:
        """Add a member; two keys that became one can't both stay."""
        if key in made:
            raise _Unmaskable
        made[key] = inner

    def _number(self, value: Any, spans: Sequence[_Span]) -> Any:
        """Replace a whole number; what was found in it is a value, too, and may stand elsewhere without the rest."""
        digits = digits_of(value) if isinstance(value, float) else str(value)
        made = self._issued(_strongest(spans), digits, digits)
        if made is None:
            self._has_left_some = True
            return value
        self._raw |= {digits[span.start : span.end]: span.type for span in spans}
        return made

    def _text(self, text: str, spans: list[_Span]) -> str:
        within = _Json(text)
        done, at = [], 0
        for span in _apart(self._widened(text, spans, within)):
            raw = text[span.start : span.end]
            value = within.value(span.start, span.end, raw)
            placeholder = self._issued(span.type, raw, self._plain(value))
            if placeholder is None:
                self._has_left_some = True
                continue
            if within.is_bare(span.start):
                placeholder = f'"{placeholder}"'
            done += [text[at : span.start], placeholder]
            at = span.end
        masked = "".join([*done, text[at:]])
        if within.is_json and _json(masked) is None:
            self._has_left_some = True
            return text
        return masked

    def _widened(self, text: str, spans: list[_Span], within: _Json) -> list[_Span]:
        """Return the spans so that none cuts a pseudonym of ours or a number of JSON; none that lies in our own."""
        ours = self._ours(text)
        if not ours and not within.is_json:
            return spans
        ends = [high for _, high in ours]
        wider = []
        for start, end, kind in spans:
            touched = _touched(ours, ends, start, end)
            if any(low <= start and end <= high for low, high in touched):
                continue
            first = min([start, *(low for low, _ in touched)])
            last = max([end, *(high for _, high in touched)])
            wider.append(_Span(*within.whole(first, last), kind))
        return wider

    def _plain(self, value: str) -> str | None:
        """Return a value with the pseudonyms in it put back; None where one can't be."""
        for low, high in reversed(self._ours(value)):
            match = PLACEHOLDER.match(value, low)
            known = self._pseudonyms.find(match[3], int(match[2])) if match is not None else None
            if known is None or known.value is None:
                return None
            value = value[:low] + known.value + value[high:]
        return value

    def _issued(self, kind: str, raw: str, value: str | None) -> str | None:
        if value is None:
            kind, value = min(IRREVERSIBLE), raw
        made = self._pseudonyms.issue(kind, value)
        if made is None:
            return None
        self.masked.add(kind)
        self._raw[raw] = kind
        self._raw[value] = kind
        return str(made)

    # --- wherever else it stands -------------------------------------------------------------------------------------

    def _everywhere(self, value: Any) -> Any:
        """Mask every other place where a masked value stands to the letter."""
        wanted = {form: kind for raw, kind in self._raw.items() if len(raw) >= _SHORTEST for form in _forms(raw)}
        leaves = "\0".join(walk(value).leaves)
        if len(wanted) * len(leaves) > MOST_WORK:
            raise _Unmaskable
        left = {raw: kind for raw, kind in wanted.items() if raw in leaves}
        if not left:
            return value
        pattern = re.compile("|".join(map(_literal, sorted(left, key=len, reverse=True))))
        return self._echoes(value, pattern, left, 0)

    def _echoes(self, value: Any, pattern: re.Pattern[str], kinds: Mapping[str, str], depth: int) -> Any:
        if isinstance(value, str):
            spans = [_Span(*found.span(), kinds[found[0]]) for found in pattern.finditer(value)]
            return self._text(value, spans) if spans else value
        if isinstance(value, bool) or value is None or depth > MAX_DEPTH:
            return value
        if isinstance(value, (int, float)):
            digits = digits_of(value) if isinstance(value, float) else str(value)
            found = pattern.search(digits)
            return value if found is None else self._number(value, [_Span(*found.span(), kinds[found[0]])])
        if isinstance(value, list):
            return [self._echoes(inner, pattern, kinds, depth + 1) for inner in value]
        made: dict[str, Any] = {}
        for key, inner in value.items():
            masked = key if key in API_WORDS else self._echoes(key, pattern, kinds, depth)
            self._put(made, masked, self._echoes(inner, pattern, kinds, depth + 1))
        return made


class _Json:
    """A leaf that may be JSON itself: where its strings and numbers lie then."""

    __slots__ = ("_bare", "_strings", "is_json")

    def __init__(self, text: str) -> None:
        self.is_json = text.lstrip()[:1] in ("{", "[") and _json(text) is not None
        self._strings: list[tuple[int, int]] = []
        self._bare: list[tuple[int, int]] = []
        if self.is_json:
            for token in _STRING_OR_NUMBER.finditer(text):
                (self._strings if token[0][0] == '"' else self._bare).append(token.span())

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return a span with the whole number that it begins in."""
        at = bisect_right(self._bare, start, key=_start) - 1
        if at >= 0 and start < self._bare[at][1]:
            low, high = self._bare[at]
            return low, max(high, end)
        return start, end

    def is_bare(self, start: int) -> bool:
        """Tell whether a number begins here: what stands instead needs quotation marks."""
        at = bisect_right(self._bare, start, key=_start) - 1
        return at >= 0 and self._bare[at][0] == start

    def value(self, start: int, end: int, raw: str) -> str:
        """Return a part of a string as what it says."""
        at = bisect_right(self._strings, start - 1, key=_start) - 1
        if "\\" in raw and at >= 0 and end < self._strings[at][1]:
            said = _json(f'"{raw}"')
            return said if isinstance(said, str) else raw
        return raw


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _forms(raw: str) -> Iterable[str]:
    """Return how a value may stand in a text and in JSON."""
    try:
        escaped = orjson.dumps(raw).decode()[1:-1]
    except TypeError:  # lone surrogates
        return (raw,)
    return (raw,) if escaped == raw and raw.isascii() else (raw, escaped, _ascii(escaped))


def _ascii(text: str) -> str:
    units = text.encode("utf-16-be")
    pairs = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join([chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in pairs])


def _literal(raw: str) -> str:
    """Return a pattern for a value; a short one counts only where it stands alone."""
    if len(raw) >= _SHORT:
        return re.escape(raw)
    return rf"(?<!\w){re.escape(raw)}(?!\w)"


def _start(place: tuple[int, int]) -> int:
    return place[0]


def _touched(places: Sequence[tuple[int, int]], ends: Sequence[int], start: int, end: int) -> list[tuple[int, int]]:
    """Return those of sorted places that a stretch overlaps; `ends` are theirs."""
    first = last = bisect_right(ends, start)
    while last < len(places) and places[last][0] < end:
        last += 1
    return list(places[first:last])


def _beside(names: Iterable[Finding], findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return names without what other findings say of values there: what those may be masked as is for policy."""
    taken: dict[str, list[tuple[int, int]]] = {}
    for found in findings:
        if found.type not in NEVER_MASKED:
            taken.setdefault(found.pointer, []).append((found.start, found.end))
    told: dict[str, list[Finding]] = {}
    for name in names:
        told.setdefault(name.pointer, []).append(name)
    return tuple(
        [
            some[0]._replace(start=start, end=end)
            for pointer, some in told.items()
            for start, end in without([(name.start, name.end) for name in some], taken.get(pointer, ()))
        ]
    )


def _is_carried(found: Finding) -> bool:
    return "@" in found.detector and carried.NAME in found.detector.partition("@")[2].split("+")


def _strongest(spans: Sequence[_Span]) -> str:
    """Return the type of what several findings make one: that of a credential, else that of the longest."""
    if any(span.type in IRREVERSIBLE for span in spans):
        return min(IRREVERSIBLE)
    return max(spans, key=lambda span: span.end - span.start).type


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    """Join the spans that overlap."""
    done: list[_Span] = []
    group: list[_Span] = []
    reach = -1
    for span in sorted(spans):
        if group and span.start >= reach:
            done.append(_Span(group[0].start, reach, _strongest(group)))
            group = []
            reach = -1
        group.append(span)
        reach = max(reach, span.end)
    if group:
        done.append(_Span(group[0].start, reach, _strongest(group)))
    return done


def _words(pointer: str) -> list[str]:
    return [word.replace("~1", "/").replace("~0", "~") for word in pointer.split("/")[1:]]


def _tree(findings: Iterable[Finding]) -> _Node:
    root = _Node()
    for found in findings:
        is_key = found.pointer.endswith(_KEY)
        node = root
        for word in _words(found.pointer[: -len(_KEY)] if is_key else found.pointer):
            node = node.below.setdefault(word, _Node())
        (node.key if is_key else node.spans).append(_Span(found.start, found.end, found.type))
    return root


def _leaf(value: Any, pointer: str) -> str | None:
    """Return the text of the leaf at a pointer."""
    is_key = pointer.endswith(_KEY)
    words = _words(pointer[: -len(_KEY)] if is_key else pointer)
    if is_key:
        return words[-1]
    for word in words:
        if isinstance(value, list):
            value = value[int(word)]
        elif isinstance(value, dict):
            value = value.get(word)
        else:
            return None
    return value if isinstance(value, str) else None

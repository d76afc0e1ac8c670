"""Where a text may have been cut in two: between content parts, messages, and turns of one role.

Rules enforced:
1. What was said before is carried to what follows: in plain order, and within the stream of the same role, so that an
   answer in between hides nothing. Short pieces add up: the tail is what was said last, whatever it was said in.
2. A seam is worth reading only where something could go on across it: digits, an address, a token, a mark in capitals.
   Most messages end in a full stop and begin with a word.
3. Tails are `TAIL` characters at most: what is longer than that cannot be put together here.

What is found across a seam is told in the later leaf; how, is left to `scanner`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

TAIL: Final = 128
MOST_LOOKS: Final = 2048
"""So many places are looked at in one body, where something may be cut; of more, it is unread what crosses them."""
LISTS: Final = ("messages", "input")
"""The lists whose items are messages, in the dialects that have them."""

Words: TypeAlias = tuple[str | int, ...]
Carried: TypeAlias = tuple[str, str]
"""The tails of what was said before: in plain order, and by the same role."""

_BEFORE: Final = ("system", "instructions", "prompt")
_ANY_BEFORE: Final = frozenset(_BEFORE)
NOTHING_CARRIED: Final[Carried] = ("", "")
_GOES_ON: Final = re.compile(
    r"[0-9][ .\-/()]*\0[ .\-/(+]*[0-9]|[0-9] ?\0 ?[A-Z]|[A-Z]{2}[ .\-]*\0[ .\-]*[0-9]|[+(:=]\s?\0\s?[\w+(]"
    r"|[A-Z][ :\-]?\0[ :\-]?[A-Z]"
    r"|@[^\s@]{1,60}\.\0[a-z]"
    r"|[0-9@_\-.][A-Za-z0-9_\-.]*(?<!\.)\0[A-Za-z0-9_\-.@]|[A-Za-z0-9_\-]\0[A-Za-z0-9_\-.]*[0-9@_]"
    r"|[A-Za-z0-9_\-]{12}\0[A-Za-z0-9_\-]{4}|[A-Za-z0-9_\-]{4}\0[A-Za-z0-9_\-]{12}$"
)
_NEAR: Final = 12
_LONGEST_DOMAIN: Final = 32
_WORD: Final = 9
_CLOSING: Final = (".", "!", "?", "\u2026", "\n")
_BEGINS_WITH_WORD: Final = re.compile(r"[^\W\d_]{1,8}(?:[^\w@\-]|\Z)")


_GLANCE: Final = 8
_GLANCE_BACK: Final = 10
"""The longest that `_OPEN_END` matches, without the null."""
_OPEN_END: Final = re.compile(r"[0-9:=(+_.A-Z](?:(?<=[0-9:=(+_])[^\0 ]{0,7} ?\0|(?<=\.)\w[^\0 ]{0,7}\0|(?<=[A-Z])\0)")
"""All alternatives begin with one class of signs: `re` skips to those, and tries each alternative at each sign else."""
_OPEN_BEGIN: Final = re.compile("[0-9@_]")


class Seam(NamedTuple):
    """The end of what was said before, and the beginning of what follows, in the leaf at `words`."""

    before: str
    after: str
    words: Words


class Seams(list[Seam]):
    """The seams of a body that are worth reading; `cut` tells that there were too many places to look at."""

    __slots__ = ("cut", "looks")

    def __init__(self) -> None:
        self.cut = False
        self.looks = 0

    def may_go_on(self, before: str, after: str) -> bool:
        """Tell whether something could go on across a seam, as long as not too many were looked at."""
        self.looks += 1
        self.cut = self.cut or self.looks > MOST_LOOKS
        return not self.cut and may_go_on(before, after)


class Said:
    """What was said last in one stream. `ends_open` tells that it may go on in whatever follows."""

    __slots__ = ("ends_open", "tail")

    def __init__(self, tail: str = "") -> None:
        self.tail = tail
        self.ends_open = ends_open(tail) if tail else False


class Streams:
    """What was said last, by anybody and by each role."""

    __slots__ = ("_by_role", "_said")

    def __init__(self, said: str = "", role: object = None, by_role: str = "") -> None:
        self._said = Said(said)
        self._by_role: dict[object, Said] = {role: Said(by_role)}

    @classmethod
    def before_messages(cls, body: Mapping[str, Any]) -> Streams:
        """Return the streams as they are where a body's messages begin."""
        streams = cls()
        for word in _BEFORE:
            if word in body:
                _preface(word, body[word], streams)
        return streams

    @property
    def ends_open(self) -> bool:
        """Tell whether what was said last may go on."""
        return self._said.ends_open

    def carried(self, role: object) -> Carried:
        """Return what a message of a role follows."""
        own = self._by_role.get(role)
        return self._said.tail[-TAIL:], own.tail[-TAIL:] if own is not None else ""

    def say(self, role: object, text: str, words: Words, found: Seams | None = None) -> None:
        """Read a text, not the empty one: add the seams at which it begins, then remember its end."""
        said, own = self._said, self._by_role.get(role)
        if found is not None:
            begins = begins_open(text)
            if (begins or said.ends_open) and said.tail and found.may_go_on(said.tail, text):
                found.append(Seam(said.tail[-TAIL:], text[:TAIL], words))
            apart = own is not None and own.tail and own.tail != said.tail
            if own is not None and apart and (begins or own.ends_open) and found.may_go_on(own.tail, text):
                found.append(Seam(own.tail[-TAIL:], text[:TAIL], words))
        if own is None:
            own = self._by_role[role] = Said()
        if len(text) >= TAIL:
            own.tail = said.tail = text
        else:
            said.tail = said.tail[-TAIL:] + text
            own.tail = own.tail[-TAIL:] + text
        own.ends_open = said.ends_open = ends_open(text)


def ends_open(text: str) -> bool:
    """Tell whether a text ends in anything but a word in small letters or the end of a sentence.

    A number before a full stop goes on only in what begins with one, and that begins open.
    """
    if text.endswith(_CLOSING):
        return "@" in text[-_LONGEST_DOMAIN:]
    word = text[-_WORD:].rstrip().rpartition(" ")[2]
    return not word.isalpha() or len(word) == _WORD or word[-1].isupper()


def begins_open(text: str) -> bool:
    """Tell whether a text begins with anything but a word."""
    return _BEGINS_WITH_WORD.match(text) is None


def may_go_on(before: str, after: str) -> bool:
    """Tell whether a number, an address, a token or a mark could go on across a seam.

    >>> may_go_on("FR76 3000 6000", "0112 3456"), may_go_on("Merci.", "Bonjour")
    (True, False)
    """
    last, first = before[-1], after[0]
    if last.isdigit() and first.isdigit():
        return True
    return _GOES_ON.search(f"{before[-_LONGEST_DOMAIN:]}\0{after[:_NEAR]}") is not None


def pieces(item: Any) -> Iterator[tuple[Words, str]]:
    """Yield the texts of one message that are not empty, with their places in it."""
    if type(item) is str:
        if item:
            yield (), item
        return
    if type(item) is not dict:
        return
    for word in ("content", "output"):
        content = item.get(word)
        if type(content) is str and content:
            yield (word,), content
        elif type(content) is list:
            for number, part in enumerate(content):
                if type(part) is str and part:
                    yield (word, number), part
                elif type(part) is dict and type(part.get("text")) is str and part["text"]:
                    yield (word, number, "text"), part["text"]


def role_of(item: Any) -> object:
    """Return whose stream a message belongs to."""
    role = item.get("role") if type(item) is dict else None
    return role if type(role) is str else None


def seams_of(body: Any) -> Seams:
    """Return the seams of a body that are worth reading."""
    found = Seams()
    if type(body) is not dict or _is_closed(body):
        return found
    streams = Streams()
    for word in _BEFORE:
        if word in body:
            _preface(word, body[word], streams, found)
    for word in LISTS:
        items = body.get(word)
        if type(items) is list and not (_are_closed(items) and not streams.ends_open):
            for number, item in enumerate(items):
                _message(item, (word, number), streams, found)
                if found.cut:
                    return found
    return found


def _is_closed(body: dict[str, Any]) -> bool:
    """Tell at a glance whether a body is nothing but messages of which none begins or ends open: most chats are."""
    if not _ANY_BEFORE.isdisjoint(body):
        return False
    for word in LISTS:
        items = body.get(word)
        if type(items) is list and not _are_closed(items):
            return False
    return True


def _are_closed(items: list[Any]) -> bool:
    """Tell at a glance of messages that are plain texts whether none of them begins or ends open."""
    try:
        texts = [item["content"] for item in items]
        ends = "\0".join([text[-_GLANCE_BACK:] for text in texts]) + "\0"
        begins = "\0".join([text[:_GLANCE] for text in texts])
        if _OPEN_END.search(ends) is not None or _OPEN_BEGIN.search(begins) is not None:
            return False
        return "@" not in "".join(texts) or "@" not in "".join([text[-_LONGEST_DOMAIN:] for text in texts])
    except (KeyError, TypeError, IndexError):
        return False


def seams_of_message(word: str, item: Any, carried: Carried) -> Seams:
    """Return the seams of a message that stands in its list after what is around it, by what it follows."""
    found = Seams()
    _message(item, (word, 1), Streams(carried[0], role_of(item), carried[1]), found)
    return found


def _preface(word: str, value: Any, streams: Streams, found: Seams | None = None) -> None:
    """Read what stands before the messages, or instead of them."""
    role = None if word == "prompt" else "system"
    if type(value) is str:
        if value:
            streams.say(role, value, (word,), found)
    elif type(value) is list:
        _message({"content": value, "role": role}, (word,), streams, found, inside=1)


def _message(item: Any, words: Words, streams: Streams, found: Seams | None, inside: int = 0) -> None:
    if type(item) is dict and type(text := item.get("content")) is str and text and "output" not in item:
        streams.say(role_of(item), text, (*words, "content"), found)
        return
    role = role_of(item)
    for place, text in pieces(item):
        streams.say(role, text, words + place[inside:], found)

"""Walk a parsed JSON body: every leaf becomes text to scan, and what cannot be read as text is named (law 2).

Rules enforced:
1. Every string, every number (as its digits) and every key that is not a word of the API is a leaf, in document order.
   Only keys of the closed vocabulary are skipped, and only as keys; values never are.
2. What a text scan cannot read is reported, not skipped: images, audio, files, unknown content parts, references that a
   third party would resolve, token ids, and whatever lies deeper than `MAX_DEPTH`.
3. Pointers cost nothing until something is found: a second walk makes them, for the leaves that need one.

Which patterns are looked for in the leaves is left to the detectors; how offsets map back, to `text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from douane.core.api_words import API_WORDS

MAX_DEPTH: Final = 64
KEY_END: Final = "\x01"
"""Ends a leaf that is a key, so that a detector sees that the next leaf is its value."""

READABLE_PARTS: frozenset[str] = frozenset((
    "text", "input_text", "output_text", "summary_text", "reasoning_text", "refusal", "message", "function",
    "function_call", "function_call_output", "custom", "custom_tool_call", "custom_tool_call_output", "reasoning",
    "tool_use", "tool_result", "thinking", "json",
))  # fmt: skip
"""Types of content parts whose whole content is text in the body. Every other type is unreadable."""

_OWN, _PARTS, _INPUT, _SCHEMA, _OPAQUE, _AUDIO = 1, 2, 3, 4, 5, 6
_HANDLING: Final[Mapping[str, int]] = {
    **dict.fromkeys(API_WORDS, 0),
    **dict.fromkeys(("content", "output", "parts"), _PARTS),
    **dict.fromkeys(("input", "prompt"), _INPUT),
    **dict.fromkeys(
        ("image_url", "input_audio", "file_id", "file_ids", "file_data", "file_url", "video_url", "audio_url",
         "encrypted_content", "input_ids", "token_ids", "prompt_token_ids", "prompt_embeds", "inputs_embeds"),
        _OPAQUE,
    ),
    "properties": _SCHEMA,
    "audio": _AUDIO,
}  # fmt: skip
_OVER_A_LEAF: Final = frozenset(key for key, handling in _HANDLING.items() if handling <= _SCHEMA)
"""The keys that are no leaves themselves, and of which a value that is a string is a leaf like any other."""
_KINDS: Final[Mapping[str, str]] = {
    "image_url": "image", "input_image": "image", "image": "image", "input_audio": "audio", "audio": "audio",
    "audio_url": "audio", "video_url": "video", "video": "video", "input_video": "video", "file": "file",
    "input_file": "file", "file_id": "file", "file_ids": "file", "file_data": "file", "file_url": "file",
    "document": "file", "encrypted_content": "encrypted", "redacted_thinking": "encrypted",
    "input_ids": "token-ids", "token_ids": "token-ids", "prompt_token_ids": "token-ids",
    "prompt_embeds": "embeddings", "inputs_embeds": "embeddings", "item_reference": "reference",
}  # fmt: skip


class Path(NamedTuple):
    """The keys and indexes that lead to a leaf; those to a key end in the key itself."""

    words: tuple[str | int, ...]
    is_key: bool


class Unreadable(NamedTuple):
    """Something that no text scan reads. `leaf` is its first leaf, `depth` the length of its own path."""

    leaf: int
    depth: int
    kind: str


class Document(NamedTuple):
    """A body as its leaves. Keys end in `KEY_END`; a value may do so, too: only its path tells them apart."""

    value: Any
    leaves: list[str]
    unreadable: list[Unreadable]

    def paths(self, wanted: Iterable[int]) -> dict[int, Path]:
        """Return the paths of some leaves, by walking again."""
        found: dict[int, Path] = {}
        asked = sorted(set(wanted), reverse=True)
        if asked:
            _Paths(asked, found).value(self.value, ())
        return found


def walk(value: Any) -> Document:
    """Return the leaves of a JSON value in document order; a bare string is one leaf."""
    leaves: list[str] = []
    unreadable: list[Unreadable] = []
    kind = type(value)
    if kind is dict:
        _object(value, leaves, unreadable, 0)
    elif kind is list:
        _array(value, leaves, unreadable, 0)
    elif kind is str:
        leaves.append(value)
    else:
        _scalar(value, leaves)
    return Document(value, leaves, unreadable)


def pointer(path: tuple[str | int, ...], *, key: bool = False) -> str:
    """Return the RFC 6901 pointer of a path; that of a key ends in `~key`."""
    told = "".join([f"/{part}" if type(part) is int else f"/{_escaped(str(part))}" for part in path])
    return f"{told}~key" if key else told


def _escaped(word: str) -> str:
    return word.replace("~", "~0").replace("/", "~1")


def _object(value: dict[str, Any], out: list[str], odd: list[Unreadable], depth: int) -> None:
    if depth >= MAX_DEPTH:
        _too_deep(out, odd, depth)
        return
    depth += 1
    for key, inner in value.items():
        kind = type(inner)
        if kind is str and key in _OVER_A_LEAF:
            out.append(inner)
            continue
        handling = _HANDLING.get(key, _OWN)
        if handling == _OWN:
            out.append(key + KEY_END)
        if kind is str and handling == _OWN:
            out.append(inner)
        elif handling > _OWN and inner:
            _special(handling, key, inner, out, odd, depth)
        elif kind is str:
            out.append(inner)
        elif kind is dict:
            _object(inner, out, odd, depth)
        elif kind is list:
            _array(inner, out, odd, depth)
        else:
            _scalar(inner, out)


def _array(value: list[Any], out: list[str], odd: list[Unreadable], depth: int) -> None:
    if depth >= MAX_DEPTH:
        _too_deep(out, odd, depth)
        return
    depth += 1
    for inner in value:
        kind = type(inner)
        if kind is str:
            out.append(inner)
        elif kind is dict:
            _object(inner, out, odd, depth)
        elif kind is list:
            _array(inner, out, odd, depth)
        else:
            _scalar(inner, out)


def _any(value: Any, out: list[str], odd: list[Unreadable], depth: int) -> None:
    kind = type(value)
    if kind is str:
        out.append(value)
    elif kind is dict:
        _object(value, out, odd, depth)
    elif kind is list:
        _array(value, out, odd, depth)
    else:
        _scalar(value, out)


def _scalar(value: Any, out: list[str]) -> None:
    kind = type(value)
    if kind is int:
        out.append(str(value))
    elif kind is float:
        out.append(digits_of(value))


def digits_of(value: float) -> str:
    """Return a number as its digits: whole numbers without a fraction or an exponent.

    >>> digits_of(4111111111111111.0), digits_of(0.7)
    ('4111111111111111', '0.7')
    """
    return str(int(value)) if value.is_integer() and abs(value) < 1e22 else repr(value)


def _too_deep(out: list[str], odd: list[Unreadable], depth: int) -> None:
    odd.append(Unreadable(len(out), depth, "depth"))
    out.append("")


def _special(handling: int, key: str, value: Any, out: list[str], odd: list[Unreadable], depth: int) -> None:
    """Walk the value of a key under which something unreadable may stand."""
    if handling == _OPAQUE or (handling == _AUDIO and _refers(value)):
        _opaque(_KINDS[key], value, out, odd, depth)
    elif handling == _SCHEMA and type(value) is dict:
        _schema(value, out, odd, depth)
    elif type(value) is list and depth < MAX_DEPTH:
        first, told = len(out), len(odd)
        _parts(value, out, odd, depth)
        if handling == _INPUT and len(out) > first and any(type(item) in (int, float, list) for item in value):
            odd.insert(told, Unreadable(first, depth, "token-ids"))
    else:
        _any(value, out, odd, depth)


def _opaque(kind: str, value: Any, out: list[str], odd: list[Unreadable], depth: int) -> None:
    """Report a value as unreadable, once for all that it holds; its leaves are scanned all the same."""
    first = len(out)
    _any(value, out, [], depth)
    if len(out) > first:
        odd.append(Unreadable(first, depth, kind))


def _schema(value: dict[str, Any], out: list[str], odd: list[Unreadable], depth: int) -> None:
    """Walk a JSON Schema's `properties`: its keys name a tool's parameters, whatever they are called."""
    if depth >= MAX_DEPTH:
        _too_deep(out, odd, depth)
        return
    for key, inner in value.items():
        if key not in API_WORDS:
            out.append(key + KEY_END)
        if key == "properties" and type(inner) is dict:
            _schema(inner, out, odd, depth + 1)
        else:
            _any(inner, out, odd, depth + 1)


def _parts(value: list[Any], out: list[str], odd: list[Unreadable], depth: int) -> None:
    for part in value:
        if type(part) is dict:
            kind = part.get("type")
            if kind is not None and (type(kind) is not str or kind not in READABLE_PARTS):
                _opaque(_KINDS.get(kind, "part") if type(kind) is str else "part", part, out, odd, depth + 1)
                continue
        _any(part, out, odd, depth + 1)


def _refers(value: Any) -> bool:
    """Tell whether an `audio` value brings or names audio, rather than asking for some."""
    return type(value) is not dict or any(key in value for key in ("id", "data", "url"))


class _Paths:
    """The second walk: the same order as the first, with paths. `asked` is sorted downwards."""

    def __init__(self, asked: list[int], found: dict[int, Path]) -> None:
        self.asked = asked
        self.found = found
        self.at = 0

    def value(self, value: Any, path: tuple[str | int, ...]) -> None:
        if not self.asked:
            return
        if isinstance(value, str):
            self.leaf(path)
        elif isinstance(value, dict):
            self.object(value, path)
        elif isinstance(value, list):
            self.array(value, path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self.leaf(path)

    def object(self, value: dict[str, Any], path: tuple[str | int, ...]) -> None:
        if len(path) >= MAX_DEPTH:
            self.leaf(path)
            return
        schema = bool(path) and path[-1] == "properties"
        for key, inner in value.items():
            if key not in API_WORDS and (schema or _HANDLING.get(key, _OWN) == _OWN):
                self.leaf((*path, key), is_key=True)
            self.value(inner, (*path, key))

    def array(self, value: list[Any], path: tuple[str | int, ...]) -> None:
        if len(path) >= MAX_DEPTH:
            self.leaf(path)
            return
        for index, inner in enumerate(value):
            self.value(inner, (*path, index))

    def leaf(self, path: tuple[str | int, ...], *, is_key: bool = False) -> None:
        if self.asked and self.asked[-1] == self.at:
            self.found[self.asked.pop()] = Path(path, is_key)
        self.at += 1

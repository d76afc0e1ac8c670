"""Reads a request's JSON so that every later parser, here or upstream, sees the same value.

Rules enforced (law 1: what is sent is our own serialisation of what was classified):
1. UTF-8 without a byte-order mark, one JSON text, nothing after it, no lone surrogate.
2. No object names a key twice: parsers differ on which one wins.
3. Nesting is bounded, and so is the memory that values take: a list of empty lists weighs thirty times its text.
4. Whole numbers fit 64 bits; others are finite and kept exactly: parsers differ on what they round to.
5. What is refused is named by rule and place, never by content: a key that is no field of the API shows as `*`.

What the value must hold is left to `openai_request`; how large a body may be, to the edge.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any, Final, NoReturn

import orjson

from douane.errors import InvalidRequest
from douane.wire.fields import KNOWN

MAX_DEPTH: Final = 64
MAX_WEIGHT: Final = 128 * 1024 * 1024
_OBJECT_BYTES, _LIST_BYTES, _QUOTE_BYTES, _COMMA_BYTES = 240, 72, 30, 46
_SHORT_BYTES: Final = 4096  # up to here counting brackets costs less than looking at the values
_MAX_NUMBER_CHARS: Final = 64
_EXACT_CHARS, _SMALL, _LARGE = 15, 1e-290, 1e290
"""Up to 15 digits, between these, a 64-bit number keeps what was written: no need to look."""
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_BOM: Final = b"\xef\xbb\xbf"
_CONTAINERS: Final = frozenset({dict, list})


class _Refused:
    """Stands where a rule was broken, until its place is known."""

    __slots__ = ("fix", "problem")

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix


def weight_bytes(text: bytes) -> int:
    """Return an upper bound of the memory that a JSON text's values take, beside the characters of its strings.

    Counted without parsing: what stands within strings counts too. The weights hold for CPython 3.11 to 3.13.
    """
    return (
        text.count(b"{") * _OBJECT_BYTES
        + text.count(b"[") * _LIST_BYTES
        + text.count(b'"') * _QUOTE_BYTES
        + text.count(b",") * _COMMA_BYTES
    )


def is_too_heavy(text: bytes, most_bytes: int) -> bool:
    """Tell whether the values of a JSON text might take more than this; of a short text without counting."""
    return len(text) * _OBJECT_BYTES > most_bytes and weight_bytes(text) > most_bytes


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value of a JSON text; raise InvalidRequest where a rule is broken.

    A body that our own serialiser reproduces byte for byte holds no key twice and no number it does not keep: most
    clients send such bodies, and they are parsed once. All others are read again by a parser that shows every pair.
    """
    if is_too_heavy(body, MAX_WEIGHT):
        raise InvalidRequest(
            f"The JSON body holds so many values that they may take more than {MAX_WEIGHT} bytes of memory.",
            "Send fewer objects, lists and numbers in one request.",
            rule="The number of values is bounded.",
        )
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        _refuse_text(body, broken)
    may_nest = len(body) > _SHORT_BYTES or body.count(b"[") + body.count(b"{") > max_depth
    if may_nest and _deeper_than(value, max_depth):
        raise InvalidRequest(
            f"The JSON body nests deeper than {max_depth} levels.",
            f"Send at most {max_depth} levels of nesting.",
            rule="Nesting is bounded.",
        )
    if orjson.dumps(value) == body:
        return value
    return _read_every_pair(body)


def _refuse_text(body: bytes, broken: orjson.JSONDecodeError) -> NoReturn:
    if not body:
        fact = "The body is empty."
    elif body.startswith(_BOM):
        fact = "The body begins with a byte-order mark."
    else:
        fact = f"The body is not valid UTF-8 JSON, at or after character {broken.pos}."
    raise InvalidRequest(fact, "Send one JSON text in UTF-8.", rule="A body is one JSON text in UTF-8.") from None


def _deeper_than(value: Any, max_depth: int) -> bool:
    """Tell whether containers nest deeper. It goes down level by level: what is nested does not nest it."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(max_depth):
        below: list[Any] = []
        for container in level:
            for child in container.values() if type(container) is dict else container:
                if type(child) in _CONTAINERS:
                    below.append(child)
        if not below:
            return False
        level = below
    return bool(level)


def _read_every_pair(body: bytes) -> Any:
    refused: list[_Refused] = []

    def mark(problem: str, fix: str) -> _Refused:
        refused.append(_Refused(problem, fix))
        return refused[-1]

    value = json.loads(
        body,
        object_pairs_hook=_object_reader(mark),
        parse_int=_int_reader(mark),
        parse_float=_float_reader(mark),
    )
    if not refused:
        return value
    found = _find(value)
    at, first = found if found is not None else ("", refused[0])
    place = f" at `{at}`" if at else ""
    raise InvalidRequest(
        f"{first.problem}{place}.", first.fix, rule="Every parser reads a body alike.", param=at or None
    )


_Mark = Callable[[str, str], _Refused]


def _object_reader(mark: _Mark) -> Callable[[list[tuple[str, Any]]], Any]:
    def read(pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        return mark("An object names a key twice", "Name each key once.")

    return read


def _int_reader(mark: _Mark) -> Callable[[str], Any]:
    def read(literal: str) -> Any:
        if len(literal) <= _MAX_NUMBER_CHARS and _INT_MIN <= (number := int(literal)) <= _INT_MAX:
            return number
        return mark("A whole number does not fit 64 bits", "Send it as a string.")

    return read


def _float_reader(mark: _Mark) -> Callable[[str], Any]:
    def read(literal: str) -> Any:
        if len(literal) <= _MAX_NUMBER_CHARS:
            number = float(literal)
            if len(literal) <= _EXACT_CHARS and _SMALL < abs(number) < _LARGE:
                return number
            # An exponent of many digits gives 0 or infinity; Decimal need not see it.
            plain = isfinite(number) and (number != 0 or not literal.strip("-0.eE+"))
            if plain and Decimal(literal) == Decimal(repr(number)):
                return number
        return mark("A number can't be kept exactly in 64 bits", "Send fewer digits, or send it as a string.")

    return read


def _find(value: Any) -> tuple[str, _Refused] | None:
    """Return the pointer of the first refusal, in document order, and the refusal."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, _Refused):
            return at, node
        children: list[tuple[str, Any]] = []
        if isinstance(node, dict):
            children = [(f"{at}/{key if key in KNOWN else '*'}", child) for key, child in node.items()]
        elif isinstance(node, list):
            children = [(f"{at}/{index}", child) for index, child in enumerate(node)]
        stack.extend(reversed([pair for pair in children if isinstance(pair[1], dict | list | _Refused)]))
    return None

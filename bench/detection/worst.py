"""The worst that 64 KB can cost: a search that breeds texts of repeated and varied pieces, in several shapes of body.

A piece is a text that stands as it is, or one that is drawn anew each time it is written: what is remembered of one
number says nothing of the next. A piece may be repeated thousands of times, for what is quadratic shows only there.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from time import monotonic, thread_time
from typing import Any, NamedTuple

from bench.detection import subject
from bench.detection.measure import Details, Found, Measure
from bench.detection.world import World
from bench.disguises import TRANSFORMS, values

WORST_MS = 50.0
WORST_BYTES = 64 * 1024
KEPT = 40


UNITS = (
    "a.b@", "a@", "@", "a@b.c ", "1", "12 ", "1.1.1.1 ", "4111 1111 1111 1111 ", "4111111111111111", "0 ", "1.", "1-",
    "FR76", "FR", "GB29NWBK", "DE89 3704 0044 0532 0130 00 ", "2 69 05 49 588 157 80 ", "06 12 34 56 78 ", "+33", "00",
    "(", "[", "{", '{"', "[[", "<", "&#", "&#49;", "&amp;", "%31", "%", "\\u0031", "\\", "\\\\", "=", "==", "QUJD",
    "MTIz", "Zm9v", "4142", "ff", "0x", "\u0301", "e\u0301\u0302", "\u200b", "\u00ad", "\u202f", "\u202e", "\u0661",
    "\U0001d7cf", "\uff11", "\u0430", "a", "A", "aA", "ab ", "l", "O", "lO0", "un deux ", "one two ", "zero ",
    "quatre-vingt-dix ", "[at]", "[dot]", " (at) ", "**", "__", "~~", "`", "\n", "\r\n", "\t", " ", "a ", "1 ", "- ",
    ". ", ".", ":", "/", "http://", "eyJ", "eyJhbGciOiJI.", "sk-", "AKIA", "key=", "secret: ", "password=", "token ",
    "-----BEGIN ", "TLP:", "confidentiel ", "Jean Martin ", "12 rue de la Paix 75002 Paris ", "né le 01/02/1980 ", "::",
    "fe80::", "1:", "a:b:", "v1.", "2001:db8::1 ", "SW1A 1AA ", "\U0001f600", "\u4e2d", "\x00", "\x7f", "é", "ß", "İ",
)  # fmt: skip


def _digits(*sizes: int, gap: str = "", end: str = " ") -> Callable[[random.Random], str]:
    def drawn(chance: random.Random) -> str:
        return gap.join(f"{chance.randrange(10**size):0{size}}" for size in sizes) + end

    return drawn


def _luhn(size: int, *cuts: int, end: str = " ") -> Callable[[random.Random], str]:
    """Return what draws numbers with a Luhn digit, in groups that end at the cuts."""

    def drawn(chance: random.Random) -> str:
        number = f"{chance.randrange(10 ** (size - 1)):0{size - 1}}"
        from_behind = [int(sign) for sign in reversed(number)]
        doubled = [value * 2 - 9 * (value > 4) for value in from_behind[::2]]
        number += str(-(sum(doubled) + sum(from_behind[1::2])) % 10)
        edges = (0, *cuts, size)
        return " ".join(number[low:high] for low, high in pairwise(edges)) + end

    return drawn


def _value(label: str, disguise: str = "", end: str = " ") -> Callable[[random.Random], str]:
    def drawn(chance: random.Random) -> str:
        value = values(chance)[label]
        return (TRANSFORMS[disguise](value) if disguise else value) + end

    return drawn


def _letters(alphabet: str, size: int, end: str = " ") -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choice(alphabet) for _ in range(size)) + end


def _base64(alphabet: str, size: int) -> Callable[[random.Random], str]:
    return lambda chance: base64.b64encode(_letters(alphabet, size, "")(chance).encode()).decode() + " "


_LOWER = "abcdefghijklmnopqrstuvwxyz"
DRAWN: dict[str, Callable[[random.Random], str]] = {
    **{f"{size} digits": _digits(size) for size in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19)},
    **{f"{size} digits, line": _digits(size, end="\n") for size in (9, 11, 14, 15, 16)},
    **{
        " ".join(map(str, sizes)): _digits(*sizes, gap=" ")
        for sizes in ((3, 3, 3), (4, 4, 4, 4), (3, 3, 4), (2, 3, 3, 3), (1, 2, 2, 2, 3, 3, 2), (3, 3, 3, 5))
    },
    **{"-".join(map(str, sizes)): _digits(*sizes, gap="-") for sizes in ((3, 2, 4), (3, 3, 4), (4, 4, 4, 4))},
    **{f"luhn {size}": _luhn(size) for size in (9, 14, 15, 16)},
    "luhn 3 3 3": _luhn(9, 3, 6), "luhn 4 4 4 4": _luhn(16, 4, 8, 12), "luhn 3 3 3 5": _luhn(14, 3, 6, 9),
    "luhn 16, line": _luhn(16, end="\n"), "dotted pairs": _digits(2, 2, 2, 2, 2, gap="."),
    "00 number": lambda chance: f"00{chance.randrange(10**9)} ",
    "0 number": lambda chance: f"0{chance.randrange(10**9)} ",
    "+ number": lambda chance: f"+{chance.randrange(10**11)} ", "decimal": lambda chance: f"{chance.random()!r} ",
    "exponent": lambda chance: f"{chance.random() * 10:.15f}e15 ",
    **{label: _value(label) for label in ("EMAIL", "IBAN", "NIR", "CARD", "PHONE")},
    **{
        f"{label}, {disguise}": _value(label, disguise)
        for label in ("EMAIL", "IBAN", "NIR", "CARD", "PHONE")
        for disguise in TRANSFORMS
    },
    "word": _letters(_LOWER, 6), "name": lambda chance: _letters(_LOWER, 7)(chance).title(),
    "capitals": _letters(_LOWER.upper(), 5), "signs": _letters(_LOWER + _LOWER.upper() + "0123456789", 18),
    "token": _letters(_LOWER + "0123456789", 32), "hexadecimal": _letters("0123456789abcdef", 32),
    "bytes": _letters("0123456789abcdef", 2), "setting": lambda chance: f"password={_letters(_LOWER, 9, '')(chance)}1 ",
    "accounts": lambda chance: f"FR{chance.randrange(10**25):025} ", "of letters": _letters("OlI0123456789", 12),
    "base64 of text": _base64(_LOWER + " ", 24), "base64 of digits": _base64("0123456789 ", 18),
    "base64 of anything": lambda chance: base64.b64encode(chance.randbytes(18)).decode() + " ",
    "escaped": lambda chance: f"\\u00{chance.randrange(0x30, 0x3A):02x}",
    "percent": lambda chance: f"%{chance.randrange(0x30, 0x3A):02x}",
    "fullwidth": lambda chance: chr(0xFF10 + chance.randrange(10)),
    "greek": lambda chance: chr(0x3B1 + chance.randrange(24)),
}  # fmt: skip
"""What is drawn anew each time."""


class Piece(NamedTuple):
    """A text, or the name of what draws one, and how often it is written."""

    what: str
    times: int = 1

    def write(self, chance: random.Random) -> str:
        """Return it written out, a few kilobytes at most."""
        drawn = DRAWN.get(self.what)
        if drawn is None:
            return self.what * self.times
        return "".join(drawn(chance) for _ in range(min(self.times, 400)))


class Input(NamedTuple):
    """An input of the search: how it is made, and the value that is scanned."""

    pieces: tuple[Piece, ...]
    shape: str
    value: Any

    @property
    def recipe(self) -> str:
        """Return it in one line."""
        told = " + ".join(f"{one.times} x {one.what!r}" if one.times > 1 else repr(one.what) for one in self.pieces)
        return f"{self.shape}: {told[:120]}"


def text_of(pieces: tuple[Piece, ...], seed: int, size: int = WORST_BYTES) -> str:
    """Return pieces in their order, again and again, up to a size in bytes."""
    chance = random.Random(seed)
    parts: list[str] = []
    length = 0
    while length < size:
        for piece in pieces:
            parts.append(piece.write(chance))
            length += len(parts[-1].encode("utf-8", "surrogatepass"))
            if length >= size:
                break
    return "".join(parts).encode("utf-8", "surrogatepass")[:size].decode(errors="ignore")


def _body(chance: random.Random, text: str) -> tuple[str, Any]:
    """Return a text as it is, or spread over leaves, keys, messages or JSON in JSON, in 64 KB of JSON all the same."""
    shape = chance.choice(("text", "text", "text", "leaves", "messages", "keys", "arguments", "deep"))
    size = chance.choice((4, 17, 64, 200, 1500))
    value = _shaped(shape, size, text)
    if shape != "text":
        over = len(json.dumps(value, ensure_ascii=False).encode()) / WORST_BYTES
        value = _shaped(shape, size, text[: int(len(text) / max(1.0, over))])
    return f"{shape} of {size}" if shape in ("leaves", "messages") else shape, value


def _shaped(shape: str, size: int, text: str) -> Any:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    if shape == "leaves":
        return {"input": pieces}
    if shape == "messages":
        return {"messages": [{"role": "user", "content": piece} for piece in pieces]}
    if shape == "keys":
        return {piece: at for at, piece in enumerate(pieces)}
    if shape == "arguments":
        return {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"a": text})}}]}]}
    if shape == "deep":
        value: Any = text
        for _ in range(3):
            value = json.dumps({"v": value}, ensure_ascii=False)
        return {"input": value}
    return text


def _any_piece(chance: random.Random) -> Piece:
    what = chance.choice(tuple(DRAWN)) if chance.random() < 0.5 else chance.choice(UNITS)
    return Piece(what, chance.choice((1, 1, 1, 1, 2, 3, 7, 40, 1000)))


def _mutated(chance: random.Random, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    made = list(pieces)
    act, at = chance.randrange(4), chance.randrange(len(made))
    if act == 0 or (act == 1 and len(made) < 2):
        made.insert(at, _any_piece(chance))
    elif act == 1:
        made.pop(at)
    elif act == 2:
        made[at] = _any_piece(chance)
    else:
        made[at] = Piece(made[at].what, chance.choice((1, 2, 3, 7, 40, 1000, 20_000)))
    return tuple(made[:12])


def search(seed: int, seconds: float) -> tuple[list[tuple[float, Input]], int]:
    """Return the costliest inputs that were found, with their CPU in milliseconds, and how many were tried."""
    chance = random.Random(seed)
    subject.look("warm up")
    found: list[tuple[float, Input]] = []

    def tried(pieces: tuple[Piece, ...], plain: bool) -> None:
        text = text_of(pieces, chance.randrange(1 << 30))
        shape, value = ("text", text) if plain else _body(chance, text)
        spent = _once_ms(value)
        if len(found) < KEPT or spent > found[-1][0]:
            spent = min(spent, _once_ms(value))
            found.append((spent, Input(pieces, shape, value)))
            found.sort(key=lambda one: -one[0])
            del found[KEPT:]

    count = 0
    for what in (*UNITS, *DRAWN):
        tried((Piece(what),), plain=True)
        count += 1
    until = monotonic() + seconds
    while monotonic() < until:
        count += 1
        if chance.random() < 0.4:
            pieces = tuple(_any_piece(chance) for _ in range(chance.randint(1, 5)))
        else:
            pieces = _mutated(chance, chance.choice(found[:15])[1].pieces)
        tried(pieces, plain=False)
    return found, count


def worst_case(world: World) -> Iterator[Found]:
    """Tell the worst of what a search found, each the least of several rounds."""
    found, count = search(world.seed, 30 if world.quick else 300)
    judged = sorted(((subject.least_ms(one.value, 5), one.recipe) for _, one in found[:12]), reverse=True)
    worst, recipe = judged[0]
    yield Measure(
        "worst case of any 64 KB, by search",
        worst,
        WORST_MS,
        "ms",
        at_least=False,
        note=f"{count:,} inputs tried, seed {world.seed}; {_cell(recipe)}",
    )
    yield Details(
        "The worst inputs of the search",
        ("input, repeated to 64 KB", "CPU"),
        tuple((_cell(recipe), f"{spent:.1f} ms") for spent, recipe in judged[:6]),
    )


def _once_ms(value: Any) -> float:
    scan = subject.scanner().scan
    begin = thread_time()
    tuple(scan(value).findings)
    return (thread_time() - begin) * 1e3


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"

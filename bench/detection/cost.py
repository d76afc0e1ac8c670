"""What classification costs before meaning: CPU of texts of several sizes, and of the worst that a search finds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from time import monotonic, thread_time
from typing import Any, NamedTuple

from bench.detection import subject, texts
from bench.detection.measure import Details, Found, Measure
from bench.detection.world import World

LIMITS_MS = ((1, 0.3), (16, 2.0), (128, 15.0))
DENSE_MS = 6.0
WORST_MS = 50.0
WORST_BYTES = 64 * 1024
VARIANTS = 3


def before_meaning(world: World) -> Iterator[Found]:
    """CPU of the pattern layer on mixed and dense text: the worst of three texts, each the least of its rounds."""
    rounds = 5 if world.quick else 15
    subject.look(texts.mixed(4096, 9))
    made: list[tuple[str, int, float, Callable[[int, int], str]]] = [
        ("mixed text", kilobytes, limit, texts.mixed) for kilobytes, limit in LIMITS_MS
    ]
    made.append(("dense with findings", 16, DENSE_MS, texts.dense))
    asked = [
        (kind(size * 1024, world.seed + n), "fr") for _, size, _, kind in made for n in range(VARIANTS) if size < 128
    ]
    answers = iter(world.presidio.ask([asked[0], *asked]) if world.presidio is not None else [])
    next(answers, None)  # the first one warms it up
    for name, kilobytes, limit, kind in made:
        worst, found = 0.0, 0
        for n in range(VARIANTS):
            text = kind(kilobytes * 1024, world.seed + n)
            worst = max(worst, subject.least_ms(text, rounds))
            found = max(found, len(subject.look(text).spans))
        its = [answer.cpu_ms for _, answer in zip(range(VARIANTS if kilobytes < 128 else 0), answers, strict=False)]
        said = f"{min(its):.0f} ms ({min(its) / worst:,.0f} times)" if its else ""
        yield Measure(
            f"CPU before meaning, {kilobytes} KB {name}",
            worst,
            limit,
            "ms",
            at_least=False,
            peer=said,
            note=f"{found} findings",
        )


class Input(NamedTuple):
    """An input of the search: how it is made, and the value that is scanned."""

    recipe: str
    value: Any


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


def _text(unit: str, size: int = WORST_BYTES) -> str:
    return (unit * (size // len(unit.encode()) + 1)).encode()[:size].decode(errors="ignore")


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


def _mutated(chance: random.Random, units: list[str]) -> list[str]:
    made = list(units)
    act = chance.randrange(5)
    if act == 0 or len(made) < 2:
        made.insert(chance.randrange(len(made) + 1), chance.choice(UNITS))
    elif act == 1:
        made.pop(chance.randrange(len(made)))
    elif act == 2:
        made[chance.randrange(len(made))] = chance.choice(UNITS)
    elif act == 3:
        made[chance.randrange(len(made))] *= chance.choice((2, 3, 7, 40))
    else:
        made = made * 2
    return [unit for unit in made[:24] if unit]


def worst_case(world: World) -> Iterator[Found]:
    """Search for the 64 KB that cost most: repeats of units, mixtures that breed, in several shapes of body."""
    chance = random.Random(world.seed)
    until = monotonic() + (30 if world.quick else 300)
    subject.look("warm up")
    found: list[tuple[float, list[str], Input]] = []

    def tried(units: list[str], shape_of: Callable[[str], tuple[str, Any]]) -> None:
        text = _text("".join(units))
        shape, value = shape_of(text)
        spent = _once_ms(value)
        if len(found) < 40 or spent > found[-1][0]:
            spent = min(spent, _once_ms(value))
            found.append((spent, units, Input(f"{shape}: {''.join(units)[:60]!r}", value)))
            found.sort(key=lambda one: -one[0])
            del found[40:]

    for unit in UNITS:
        tried([unit], lambda text: ("text", text))
    count = len(UNITS)
    while monotonic() < until:
        count += 1
        if chance.random() < 0.3:
            units = [chance.choice(UNITS) for _ in range(chance.randint(2, 6))]
        else:
            units = _mutated(chance, chance.choice(found[:15])[1])
        tried(units, lambda text: _body(chance, text))
    judged = sorted(((subject.least_ms(one.value, 5), one.recipe) for _, _, one in found[:12]), reverse=True)
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

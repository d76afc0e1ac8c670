"""Values put back into answers: texts made of parts whose outcome is known, cut at random, as text and as events.

What a part must come to is written beside it when the text is made, so nothing of the product judges itself.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from bench.detection.measure import Found, Measure
from bench.detection.world import World
from bench.disguises import values
from douane.core.pseudonym import Pseudonym, Pseudonyms
from douane.wire.unmasking.answers import StreamUnmasker, Unmasking
from douane.wire.unmasking.text import TextUnmasker

CHUNKINGS, STREAMS = 20_000, 2_000
CHUNK_US = 5.0
WHAT = "streaming unmask, random chunkings that went wrong"
PLAIN = (
    "Bonjour, ", "voici le résultat. ", "see [1] and [[2]], ", "a[i] = b[j]; ", "[[", "[ ", "]] ", "{\"a\": [1, 2]} ",
    "**gras** ", "[[IBAN_", "[[CARD_1", "… ", "é", "\n", "\\", "[x](y) ", "1 [[ 2 ", "[[EMAIL_1_] ", "日本 ",
    "[PERSON_",
)  # fmt: skip


class Script:
    """Makes texts and what they must come to, for one conversation's pseudonyms."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.pseudonyms = Pseudonyms(chance.randbytes(32))
        others = Pseudonyms(chance.randbytes(32))
        issued = [item for _ in range(3) for item in values(chance).items()]
        issued += [("PERSON", 'Jean "Jo" Dupont'), ("ADDRESS", "12 rue\nHaute"), ("DICTIONARY", "Projet \\Hélios")]
        self.mine = [self.pseudonyms.issue(kind, value) for kind, value in issued]
        self.kept = self.pseudonyms.issue("SECRET", "sk-" + chance.randbytes(12).hex())
        self.foreign = [str(others.issue(kind, value)) for kind, value in issued]

    def parts(self, count: int) -> Iterator[tuple[str, str]]:
        """Yield pieces of an answer, each with what it must come to."""
        chance = self.chance
        for _ in range(count):
            turn = chance.random()
            if turn < 0.4:
                one = chance.choice(self.mine)
                yield self._written(one), one.value
            elif turn < 0.5:
                other = chance.choice((chance.choice(self.foreign), str(self.kept)))
                yield other, other
            elif turn < 0.56:
                address = f" https://example.org/?q={chance.choice(self.mine)}&r=1 "
                yield address, address
            else:
                plain = chance.choice(PLAIN)
                yield plain, plain

    def _written(self, one: Pseudonym) -> str:
        """Return a placeholder as models write it: mostly as it is."""
        turn = self.chance.random()
        if turn < 0.85:
            return str(one)
        if turn < 0.92:
            return str(one).lower()
        return str(one)[1:-1]

    def text(self) -> tuple[str, str]:
        """Return an answer and what it must come to. A part that begins like the end of another is set apart."""
        told, come_to = [], []
        for said, outcome in self.parts(self.chance.randint(3, 16)):
            gap = self.chance.choice((" ", "\n", ", "))
            told.append(said + gap)
            come_to.append(outcome + gap)
        return "".join(told), "".join(come_to)


def cut(chance: random.Random, text: str) -> list[str]:
    """Return a text in pieces: single characters, tokens of a few, or a few long ones."""
    longest = chance.choice((1, 2, 4, 9, 40, 400))
    pieces, at = [], 0
    while at < len(text):
        size = chance.randint(1, longest)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def unmasking(world: World) -> Iterator[Found]:
    """Random chunkings of random answers, and what one chunk costs."""
    chance = random.Random(world.seed)
    count = CHUNKINGS // 20 if world.quick else CHUNKINGS
    wrong = changed = 0
    script = Script(chance)
    for number in range(count):
        script = Script(chance) if number % 50 == 0 else script
        text, come_to = script.text()
        unmasker = TextUnmasker(script.pseudonyms.find)
        said = "".join([unmasker.feed(piece) for piece in cut(chance, text)]) + unmasker.finish()
        changed += text != come_to
        if said != come_to:
            wrong += 1
            if world.show >= wrong:
                print(f"    told {text!r}\n    said {said!r}\n    must {come_to!r}")
    streams = count // 10
    broken = sum(not _stream_is_right(script, chance) for _ in range(streams))
    note = f"{count:,} texts, {changed:,} of them with values, and {streams:,} streams of events with two choices"
    yield Measure(WHAT, wrong + broken, 0, "of them", at_least=False, note=note)
    chunk, event = _chunk_us(script), _event_us(script)
    note = f"an event of a stream, parsed and written anew: {event:.1f} us"
    yield Measure("streaming unmask, CPU of a chunk", chunk, CHUNK_US, "us", at_least=False, note=note)


def _stream_is_right(script: Script, chance: random.Random) -> bool:
    """Tell whether two choices, interleaved in one stream of events, come to what they must."""
    texts = [script.text(), script.text()]
    waiting = [cut(chance, told) for told, _ in texts]
    stream = StreamUnmasker(Unmasking(script.pseudonyms))
    out = b""
    while any(waiting):
        index = chance.choice([at for at, pieces in enumerate(waiting) if pieces])
        piece = waiting[index].pop(0)
        out += stream.feed(_event(index, piece, "stop" if not waiting[index] else None))
    out += stream.feed(b"data: [DONE]\n\n")
    said = ["", ""]
    for line in out.decode().split("\n\n"):
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                said[choice["index"]] += choice["delta"].get("content") or ""
    return said == [come_to for _, come_to in texts]


def _event(index: int, piece: str, finish: str | None) -> bytes:
    choice = {"index": index, "delta": {"content": piece}, "finish_reason": finish}
    whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(whole, ensure_ascii=False).encode() + b"\n\n"


def _typical(script: Script) -> list[str]:
    """Return 2,000 chunks of four characters, a placeholder in each thirty."""
    words = "La livraison est prévue mardi ; le fournisseur confirme les quantités et le prix du lot. "
    text = "".join(f"{words}{words[:30]}{one} " for one in script.mine * 5)
    return [text[at : at + 4] for at in range(0, len(text), 4)][:2000]


def _chunk_us(script: Script) -> float:
    pieces = _typical(script)
    return _least_us(lambda: TextUnmasker(script.pseudonyms.find).feed, pieces)


def _event_us(script: Script) -> float:
    events = [_event(0, piece, None) for piece in _typical(script)]
    return _least_us(lambda: StreamUnmasker(Unmasking(script.pseudonyms)).feed, events)


def _least_us(make: Any, pieces: list[Any]) -> float:
    times = []
    for _ in range(9):
        feed = make()
        begin = time.thread_time()
        for piece in pieces:
            feed(piece)
        times.append((time.thread_time() - begin) / len(pieces))
    return min(times) * 1e6

"""Faults of reading: what can go wrong between a request's arrival and its label, each made to happen on purpose.

Every kind holds a restricted text. `INSPECTORS` break who reads, `BODIES` break what is to be read. Whatever happens,
the text may arrive where `leak_world`'s oracle permits it, and nowhere else.
"""

from __future__ import annotations

import gzip
import random
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from leak_world import PUBLIC_TEXT, SENSITIVE
from shipped_detectors import SETTINGS, shipped_inspector, shipped_scanner

from douane.adapters.inspector.inspector import ScanningInspector
from douane.core.finding import Failure, Inspection
from douane.core.label import Level

RESTRICTED = [text for text, level, _ in SENSITIVE if level == int(Level.RESTRICTED)]
SHORT_S = 0.02
ERRORS = (RuntimeError, ValueError, KeyError, IndexError, RecursionError, MemoryError, AssertionError, UnicodeError)

RAISES_IN_THE_CHILD = """
import sys
from douane.adapters.inspector import worker
from douane.detect.scanner import Scanner

class Broken:
    def scan(self, *_):
        raise RecursionError("a text of the request")

Scanner.of = lambda *_: Broken()
worker.serve(sys.stdin.buffer, sys.stdout.buffer)
"""
# None of them leaves a child of its own behind, which would keep the pipe open that asyncio waits for.
COMMANDS: dict[str, tuple[str, ...]] = {
    "a child that stalls": ("sleep", "60"),
    "a child that dies at once": ("true",),
    "a child killed while it reads": ("bash", "-c", "read -n 64; kill -9 $$"),
    "a child that babbles": ("sh", "-c", "printf '????hello'; exec cat > /dev/null"),
    "a child that answers another thing": ("sh", "-c", "printf '\\000\\000\\000\\002{}'; exec cat > /dev/null"),
    "a child that stops within its answer": ("sh", "-c", "printf '\\000\\000\\001\\000{'"),
    "a child that answers too much": ("sh", "-c", "printf '\\177\\377\\377\\377'; exec cat > /dev/null"),
    "no such program": ("/nonexistent/worker",),
}


class Broken:
    """A scanner that raises as detectors might, at any text."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def scan_if_brief(self, *_: object) -> Inspection:
        raise self._rng.choice(ERRORS)("a text of the request")

    scan = scan_if_brief


class WithoutMeaning(ScanningInspector):
    """Reads patterns; its layer of meaning fails in one of several ways, or claims nothing."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(SETTINGS, scanner=shipped_scanner())
        self._rng = rng

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:
        cause = self._rng.choice(("late", "died", "queue full", "MemoryError", "nothing", "raises"))
        if cause == "raises":
            raise RuntimeError("a text of the request")
        if cause == "nothing":
            return inspection
        return inspection._replace(failed=(*inspection.failed, Failure("meaning", cause, self.detectors)))


def inspector_of(kind: str, rng: random.Random) -> ScanningInspector:
    """Return an inspector with this fault; a sound one for kinds of body."""
    if kind == "a detector raises":
        broken = shipped_inspector()
        broken._scanner = Broken(rng)  # type: ignore[assignment]
        return broken
    if kind == "a detector raises in the child":
        return shipped_inspector(inline_bytes=0, command=(sys.executable, "-c", RAISES_IN_THE_CHILD))
    if kind == "the queue is full":
        return shipped_inspector(inline_bytes=0, queue=0)
    if kind == "the deadline has passed":
        return shipped_inspector(inline_bytes=0, deadline_s=0.0)
    if kind == "meaning fails":
        return WithoutMeaning(rng)
    if kind in COMMANDS:
        return shipped_inspector(inline_bytes=0, deadline_s=SHORT_S, command=COMMANDS[kind])
    return shipped_inspector()


INSPECTORS = (
    "a detector raises", "a detector raises in the child", "the queue is full", "the deadline has passed",
    "meaning fails", *COMMANDS,
)  # fmt: skip


def chat(content: Any, **more: Any) -> dict[str, Any]:
    """Return a chat request."""
    return {"model": "chat", "messages": [{"role": "user", "content": content}], **more}


def _noise(rng: random.Random, size: int) -> str:
    words = ("la", "livraison", "du", "lot", "est", "prévue", "en", "semaine", "review", "the", "draft", "and", "tell")
    return " ".join(rng.choice(words) for _ in range(size))


def _over_long(rng: random.Random, text: str) -> Any:
    before = _noise(rng, rng.choice((2000, 9000)))
    return chat(f"{before} {text} {before[: rng.randrange(len(before))]}")


def _nested_json(rng: random.Random, text: str) -> Any:
    inner: Any = {"q": text}
    for _ in range(rng.randint(1, 4)):
        inner = {rng.choice(("a", "payload", "v")): orjson.dumps(inner).decode()}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": orjson.dumps(inner).decode()}}
    body = chat(PUBLIC_TEXT)
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
    ]
    return body


def _too_deep(rng: random.Random, text: str) -> bytes:
    value: bytes = orjson.dumps(text)
    for _ in range(rng.choice((20, 40, 63, 80, 500, 5000))):
        value = b"[%b]" % value if rng.random() < 0.5 else b'{"x":%b}' % value
    data: bytes = orjson.dumps(chat(PUBLIC_TEXT, metadata="%%"))
    return data.replace(b'"%%"', value)


def _packed(rng: random.Random, text: str) -> bytes:
    page = f"{_noise(rng, 120)}\n{text}\n{_noise(rng, 120)}".encode()
    how = rng.choice(("gzip", "zlib", "encrypted"))
    if how == "gzip":
        return gzip.compress(page)
    if how == "zlib":
        return zlib.compress(page)
    return bytes(byte ^ rng.randrange(256) for byte in page)


def _blob(rng: random.Random, text: str) -> Any:
    packed = _packed(rng, text)
    written = packed.hex() if rng.random() < 0.3 else b64encode(packed).decode()
    return chat(f"Voici : {written}\nmerci")


def _image(rng: random.Random, text: str) -> Any:
    url = f"data:image/png;base64,{b64encode(_packed(rng, text)).decode()}"
    part = rng.choice(
        (
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "input_audio", "input_audio": {"data": url[22:], "format": "wav"}},
            {"type": "file", "file": {"file_data": url}},
        )
    )
    return chat([{"type": "text", "text": PUBLIC_TEXT}, part])


def _surrogates(rng: random.Random, text: str) -> bytes:
    half = rng.choice((b"\\ud83d", b"\\udc00", b"\\udc00\\ud83d"))
    data: bytes = orjson.dumps(chat(f"%% {text}"))
    return data.replace(b"%%", half)


def _not_utf8(rng: random.Random, text: str) -> bytes:
    data: bytes = orjson.dumps(chat(f"%% {text}"))
    return data.replace(b"%%", rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80")))


def _many_findings(rng: random.Random, text: str) -> Any:
    filling = rng.choice(("a@b.fr ", "10.1.2.3 ", "06 39 98 12 34, ", "4111 1111 1111 1111 "))
    return chat(filling * rng.choice((300, 3000, 20000)) + text)


def _many_leaves(rng: random.Random, text: str) -> Any:
    leaves: list[Any] = [""] * rng.choice((1000, 20000))
    leaves[rng.randrange(len(leaves))] = text
    return chat(PUBLIC_TEXT, metadata={"rows": leaves})


def _two_names(rng: random.Random, text: str) -> bytes:
    data: bytes = orjson.dumps(chat(text))
    return data[:-1] + rng.choice((b',"messages":[]}', b',"model":"chat"}', b"}{}", b",}", b""))


BODIES: dict[str, Callable[[random.Random, str], Any]] = {
    "an over-long text": _over_long,
    "JSON in JSON": _nested_json,
    "nested too deep": _too_deep,
    "a compressed or encrypted blob": _blob,
    "an image, a sound or a file": _image,
    "lone surrogates": _surrogates,
    "not UTF-8": _not_utf8,
    "a hundred thousand findings": _many_findings,
    "many leaves": _many_leaves,
    "a key twice, or JSON cut off": _two_names,
}
KINDS = (*INSPECTORS, *BODIES)
SLOW = frozenset({"a detector raises in the child", "an over-long text", "a hundred thousand findings", "many leaves"})
"""Kinds that start the real child, or fill it: they happen a tenth as often."""


def body_of(kind: str, rng: random.Random) -> Any:
    """Return a body with a restricted text, broken as this kind is."""
    text = rng.choice(RESTRICTED)
    make = BODIES.get(kind)
    return chat(text) if make is None else make(rng, text)

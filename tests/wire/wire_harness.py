"""What the tests of the wire share: asks and deployments made short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from douane.core.models.catalogue import Assurance, Deployment, Endpoint
from douane.errors import DouaneError
from douane.wire.call import Ask
from douane.wire.kinds import registry
from douane.wire.kinds.kind import Kind, StreamRelay
from douane.wire.openai_request import parse_chat, parse_completions, parse_embeddings

KINDS: Mapping[str, Kind] = registry({})

Made = TypeVar("Made")


def attempt(make: Callable[[], Made]) -> Made | DouaneError:
    """Return what is made, or the error instead."""
    try:
        return make()
    except DouaneError as error:
        return error


def deployment(kind: str = "openai-compatible", **changes: Any) -> Deployment:
    """Return a deployment of a kind, with what the kind can do."""
    plain = Deployment(
        "under-test",
        "zone",
        "llama-3.1-8b-instruct",
        kind,
        Endpoint("http", "127.0.0.1", 8000, "/v1"),
        "upstream/model",
        Assurance.UNCHECKED,
        KINDS[kind].facts.capabilities,
    )
    return replace(plain, **changes)


def chat(content: str = "hello there", /, **fields: Any) -> Ask:
    return parse_chat({"model": "route", "messages": [{"role": "user", "content": content}], **fields})


def completions(prompt: Any = "hello there", **fields: Any) -> Ask:
    return parse_completions({"model": "route", "prompt": prompt, **fields})


def embeddings(given: Any = "hello there", **fields: Any) -> Ask:
    return parse_embeddings({"model": "route", "input": given, **fields})


def relay_of(ask: Ask, kind: str = "openai-compatible", **changes: Any) -> StreamRelay:
    return KINDS[kind].relay(ask, deployment(kind, **changes))


def run(relay: StreamRelay, pieces: Iterable[bytes]) -> bytes:
    """Feed a stream to its clean end; return all that the client gets."""
    out = [relay.feed(piece) for piece in pieces]
    return b"".join([*out, relay.finish()])


def events(data: bytes) -> list[Any]:
    """Return the JSON values of a stream of ours, `[DONE]` as a string. Nothing but `data:` lines may stand in it."""
    parts = data.split(b"\n\n")
    assert parts.pop() == b""
    assert all(part.startswith(b"data: ") and b"\n" not in part for part in parts)
    return ["[DONE]" if part == b"data: [DONE]" else orjson.loads(part[6:]) for part in parts]


FUNCTION = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OTHER_FUNCTION = {"type": "function", "function": {"name": "clock"}}

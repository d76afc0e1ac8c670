"""What clients get, against OpenAI's own OpenAPI description. Needs its folder in DOUANE_TEST_DATA."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from wire_harness import FUNCTION, KINDS, chat, completions, deployment, embeddings, events

from douane.testing.platforms import engines
from douane.testing.platforms.server import Request
from douane.wire.call import Ask

FOLDER = os.environ.get("DOUANE_TEST_DATA", "")
FILES = sorted(Path(FOLDER).glob("standards/openai/*gateway-subset.json")) if FOLDER else []
pytestmark = pytest.mark.skipif(not FILES, reason="DOUANE_TEST_DATA names no folder with OpenAI's description")

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def described() -> Any:
    return orjson.loads(FILES[0].read_bytes())["components"]


def answered(ask: Ask, kind: str) -> bytes:
    made = deployment(kind, upstream_model="local", api_key="local-credential")
    call = KINDS[kind].call(ask, made, premises=True, isolation="partition")
    response = engines.llamacpp().respond(Request("POST", f"/v1{call.path}", dict(call.headers), call.payload))
    assert response.status == 200, response.body
    if ask.stream:
        relay = KINDS[kind].relay(ask, made)
        return relay.feed(response.body) + relay.finish()
    return KINDS[kind].reader(ask, made).read(response.body).payload


def faults(value: Any, schema: str, described: Any) -> Iterator[str]:
    """Yield what a value breaks. Where null may stand the description says in words of its own: nulls pass."""
    root = {"$ref": f"#/components/schemas/{schema}", "components": described}
    for error in Draft202012Validator(root).iter_errors(value):
        if error.instance is None:
            continue
        yield f"{list(error.absolute_path)}: {error.validator} {error.message[:80]}"


@pytest.mark.parametrize("kind", ["openai-compatible", "embedded"])
@pytest.mark.parametrize("tools", [{}, {"tools": [FUNCTION], "tool_choice": "required"}], ids=["text", "call"])
def test_a_chat_completion_is_as_openai_describes_it(described: Any, kind: str, tools: dict[str, Any]) -> None:
    whole = orjson.loads(answered(chat("three words here", **tools), kind))
    assert list(faults(whole, "CreateChatCompletionResponse", described)) == []
    sent = events(answered(chat("three words here", **STREAMED, **tools), kind))
    for event in sent[:-1]:
        assert list(faults(event, "CreateChatCompletionStreamResponse", described)) == []


def test_text_completions_and_embeddings_are_as_openai_describes_them(described: Any) -> None:
    whole = orjson.loads(answered(completions("once upon a time"), "openai-compatible"))
    assert list(faults(whole, "CreateCompletionResponse", described)) == []
    vectors = orjson.loads(answered(embeddings(["a", "b"]), "openai-compatible"))
    assert list(faults(vectors, "CreateEmbeddingResponse", described)) == []


def test_an_error_is_as_openai_describes_it(described: Any) -> None:
    relay = KINDS["openai-compatible"].relay(chat(stream=True), deployment())
    assert list(faults(events(relay.finish())[0], "ErrorResponse", described)) == []

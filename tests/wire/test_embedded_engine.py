"""The embedded kind against the real engine: what the dialect sends is understood, what it reads is there."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from wire_harness import FUNCTION, KINDS, OTHER_FUNCTION, chat, completions, deployment, embeddings, events

from douane.adapters.engines.llamacpp import LlamaCpp
from douane.adapters.engines.llamacpp_process import ServerSettings
from douane.adapters.engines.weights import Weights
from douane.control.engine_model import SMOLLM2, locate
from douane.core.models.catalogue import Deployment
from douane.wire.call import Ask
from douane.wire.kinds.kind import Reply, StreamRelay

pytestmark = pytest.mark.engine

KIND = KINDS["embedded"]
NAMED = {"type": "function", "function": {"name": "weather"}}
WEATHER = FUNCTION["function"]["parameters"]


@pytest.fixture(scope="module")
def local() -> Iterator[Deployment]:
    with asyncio.Runner() as runner:
        weights = Weights(str(locate(SMOLLM2)), SMOLLM2.sha256, SMOLLM2.size_bytes)
        engine = LlamaCpp("premises", weights, ServerSettings(alias="smollm2"))
        runner.run(engine.start())
        facts = engine.facts
        yield deployment(
            "embedded", endpoint=facts.endpoint, api_key=facts.api_key, upstream_model=facts.upstream_model,
            capabilities=facts.capabilities,
        )  # fmt: skip
        runner.run(engine.stop())


def send(ask: Ask, local: Deployment) -> tuple[int, bytes]:
    call = KIND.call(ask, local, premises=True, isolation="partition")
    connection = http.client.HTTPConnection(local.endpoint.host, local.endpoint.port, timeout=60)
    connection.request(call.method, local.endpoint.path + call.path, call.payload, dict(call.headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def whole(ask: Ask, local: Deployment) -> Reply:
    status, body = send(ask, local)
    assert status == 200, body
    reply = KIND.reader(ask, local).read(body)
    assert reply.fault is None
    return reply


def streamed(ask: Ask, local: Deployment) -> tuple[StreamRelay, list[Any]]:
    status, body = send(ask, local)
    assert status == 200, body
    relay = KIND.relay(ask, local)
    return relay, events(relay.feed(body) + relay.finish())


def test_a_chat_is_answered_whole_and_streamed_alike(local: Deployment) -> None:
    fields: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "seed": 1}
    reply = whole(chat("Name a colour.", **fields), local)
    relay, sent = streamed(chat("Name a colour.", stream=True, **fields), local)
    text = orjson.loads(reply.payload)["choices"][0]["message"]["content"]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in sent[:-1]) == text
    assert sent[-1] == "[DONE]"
    assert relay.usage == reply.usage
    assert reply.usage is not None
    assert reply.usage.output_tokens <= 8
    assert b"timings" not in reply.payload
    assert b"cached" not in reply.payload


@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_call_holds_the_functions_schema(local: Deployment, stream: bool) -> None:
    ask = chat(
        "What is the weather in Brest?",
        tools=[FUNCTION, OTHER_FUNCTION],
        tool_choice=NAMED,
        max_tokens=64,
        stream=stream,
    )
    if stream:
        relay, sent = streamed(ask, local)
        assert sent[-1] == "[DONE]"
        assert relay.usage is not None
        call = sent[1]["choices"][0]["delta"]["tool_calls"][0]
    else:
        call = orjson.loads(whole(ask, local).payload)["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "weather"
    Draft202012Validator(WEATHER).validate(orjson.loads(call["function"]["arguments"]))


def test_a_required_call_is_one_of_the_functions(local: Deployment) -> None:
    ask = chat(
        "What time is it?", tools=[FUNCTION, OTHER_FUNCTION], tool_choice="required", max_tokens=64, temperature=0
    )
    choice = orjson.loads(whole(ask, local).payload)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] in ("weather", "clock")


def test_a_free_choice_is_a_call_or_an_answer(local: Deployment) -> None:
    ask = chat("Say hello.", tools=[FUNCTION], max_tokens=96, temperature=0)
    choice = orjson.loads(whole(ask, local).payload)["choices"][0]
    assert bool(choice["message"].get("tool_calls")) or isinstance(choice["message"]["content"], str)


def test_definitions_within_a_tool_are_understood(local: Deployment) -> None:
    parameters = {
        "type": "object", "properties": {"unit": {"$ref": "#/$defs/Unit"}}, "required": ["unit"],
        "$defs": {"Unit": {"type": "string", "enum": ["celsius", "kelvin"]}},
    }  # fmt: skip
    tool = {"type": "function", "function": {"name": "set_unit", "parameters": parameters}}
    ask = chat("Use kelvin.", tools=[tool, OTHER_FUNCTION], tool_choice="required", max_tokens=64)
    function = orjson.loads(whole(ask, local).payload)["choices"][0]["message"]["tool_calls"][0]["function"]
    if function["name"] == "set_unit":
        assert orjson.loads(function["arguments"])["unit"] in ("celsius", "kelvin")


def test_earlier_calls_are_taken(local: Deployment) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Brest"}'}}
    messages = [
        {"role": "user", "content": "weather in Brest?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    assert whole(chat(messages=messages, max_tokens=8), local).complete


def test_several_choices_come_back_without_a_usage_that_would_be_wrong(local: Deployment) -> None:
    reply = whole(chat("Name a colour.", n=2, max_tokens=3), local)
    assert len(orjson.loads(reply.payload)["choices"]) == 2
    assert reply.usage is None


def test_text_completions_and_embeddings_are_answered(local: Deployment) -> None:
    assert whole(completions("Once upon a time", max_tokens=4), local).usage is not None
    for encoding in ("float", "base64"):
        reply = whole(embeddings(["one", "two"], encoding_format=encoding), local)
        assert len(orjson.loads(reply.payload)["data"]) == 2


def test_an_input_that_is_too_long_is_the_requests_fault(local: Deployment) -> None:
    status, body = send(chat("word " * 5000), local)
    fault = KIND.fault(status, {}, body)
    assert (fault.code, fault.elsewhere_only) == ("invalid_request", True)


def test_what_the_engine_does_not_read_is_the_requests_fault(local: Deployment) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    asks = [chat("", messages=[{"role": "user", "content": [part]}]) for part in (image, audio)]
    for ask in (*asks, embeddings("word " * 1500)):
        status, body = send(ask, local)
        fault = KIND.fault(status, {}, body)
        assert (fault.code, fault.retryable, fault.elsewhere_only) == ("invalid_request", False, True)

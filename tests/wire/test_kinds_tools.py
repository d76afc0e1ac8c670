from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from wire_harness import FUNCTION, KINDS, OTHER_FUNCTION, chat, deployment, events, relay_of

from douane.core.models.catalogue import ToolSupport
from douane.errors import Unsupported
from douane.testing.platforms.engines import example_of
from douane.wire.call import Ask, Usage
from douane.wire.kinds.kind import Reply

NAMED = {"type": "function", "function": {"name": "weather"}}
ARGUMENTS = '{"city":"Brest"}'


def sent(ask: Ask) -> Any:
    made = KINDS["embedded"].call(ask, deployment("embedded"), premises=True, isolation="p")
    return orjson.loads(made.payload)


def schema_of(ask: Ask) -> Any:
    return sent(ask)["response_format"]["json_schema"]["schema"]


def engine_says(content: str, reason: str = "stop", index: int = 0) -> bytes:
    choice = {"index": index, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    return orjson.dumps({"id": "c-1", "object": "chat.completion", "created": 5, "choices": [choice], "usage": usage})


def read(ask: Ask, content: str, reason: str = "stop") -> Reply:
    return KINDS["embedded"].reader(ask, deployment("embedded")).read(engine_says(content, reason))


def accepts(schema: Any, value: Any) -> bool:
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema).is_valid(value))


def test_a_named_call_admits_its_arguments_and_nothing_else() -> None:
    schema = schema_of(chat(tools=[FUNCTION, OTHER_FUNCTION], tool_choice=NAMED))
    assert accepts(schema, {"city": "Brest"})
    assert not accepts(schema, {"answer": "no"})
    assert not accepts(schema, {"city": 5})


def test_a_required_call_admits_each_function_and_no_answer() -> None:
    schema = schema_of(chat(tools=[FUNCTION, OTHER_FUNCTION], tool_choice="required"))
    assert accepts(schema, {"name": "weather", "arguments": {"city": "Brest"}})
    assert accepts(schema, {"name": "clock", "arguments": {}})
    assert not accepts(schema, {"name": "weather", "arguments": {}})
    assert not accepts(schema, {"answer": "no"})


def test_a_free_choice_admits_calls_and_an_answer() -> None:
    schema = schema_of(chat(tools=[FUNCTION]))
    assert accepts(schema, {"name": "weather", "arguments": {"city": "Brest"}})
    assert accepts(schema, {"answer": "It rains."})
    assert not accepts(schema, {"answer": "It rains.", "name": "weather"})


def test_a_structured_answer_beside_tools_keeps_its_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object", "required": ["ok"]}}}
    schema = schema_of(chat(tools=[FUNCTION], response_format=wanted))
    assert accepts(schema, {"answer": {"ok": 1}})
    assert not accepts(schema, {"answer": {}})
    answer = orjson.loads(read(chat(tools=[FUNCTION], response_format=wanted), '{"answer":{"ok":1}}').payload)
    assert answer["choices"][0]["message"]["content"] == '{"ok":1}'


def test_definitions_of_two_tools_do_not_meet() -> None:
    def tool(name: str, kind: str) -> dict[str, Any]:
        parameters = {
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/X"}},
            "required": ["x"],
            "$defs": {"X": {"type": kind}},
        }
        return {"type": "function", "function": {"name": name, "parameters": parameters}}

    schema = schema_of(chat(tools=[tool("a", "string"), tool("b", "integer")], tool_choice="required"))
    assert accepts(schema, {"name": "a", "arguments": {"x": "1"}})
    assert accepts(schema, {"name": "b", "arguments": {"x": 1}})
    assert not accepts(schema, {"name": "a", "arguments": {"x": 1}})


@pytest.mark.parametrize("reference", ["#", "#/properties/x", "https://schemas.example/x.json", "#/$defs/a/b"])
def test_a_schema_that_refers_elsewhere_is_refused(reference: str) -> None:
    tool = {
        "type": "function",
        "function": {"name": "a", "parameters": {"type": "object", "properties": {"x": {"$ref": reference}}}},
    }
    with pytest.raises(Unsupported):
        sent(chat(tools=[tool]))


def test_functions_are_told_in_the_system_message_and_no_tool_field_is_sent() -> None:
    payload = sent(chat(tools=[FUNCTION], tool_choice=NAMED, parallel_tool_calls=False, stream=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options"} & payload.keys()
    assert payload["messages"][0]["role"] == "system"
    assert "Tell the weather." in payload["messages"][0]["content"]
    own = sent(
        chat(tools=[FUNCTION], messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}])
    )
    assert own["messages"][0]["content"].startswith("Be brief.")
    assert len(own["messages"]) == 2


def test_earlier_calls_and_results_are_shown_as_text() -> None:
    messages = [
        {"role": "user", "content": "weather in Brest?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "rain"}]},
    ]  # fmt: skip
    for ask in (chat(messages=messages, tools=[FUNCTION]), chat(messages=messages)):
        texts = [message["content"] for message in sent(ask)["messages"]]
        assert texts[-2:] == [f'{{"name": "weather", "arguments": {ARGUMENTS}}}', "weather returned: rain"]
        assert {message["role"] for message in sent(ask)["messages"]} <= {"system", "user", "assistant"}


def test_a_chat_without_tools_is_left_alone() -> None:
    ask = chat(stream=True, response_format={"type": "json_object"})
    payload = sent(ask)
    assert payload["messages"] == ask.value["messages"]
    assert payload["response_format"] == {"type": "json_object"}
    assert payload["stream"] is True


def test_what_the_engine_writes_comes_back_as_a_call() -> None:
    for ask, content in (
        (chat(tools=[FUNCTION], tool_choice=NAMED), ARGUMENTS),
        (chat(tools=[FUNCTION], tool_choice="required"), ARGUMENTS),
        (
            chat(tools=[FUNCTION, OTHER_FUNCTION], tool_choice="required"),
            f'{{"name":"weather","arguments":{ARGUMENTS}}}',
        ),
        (chat(tools=[FUNCTION]), f'{{"name":"weather","arguments":{ARGUMENTS}}}'),
    ):
        reply = read(ask, content)
        choice = orjson.loads(reply.payload)["choices"][0]
        call = choice["message"]["tool_calls"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        assert call["function"] == {"name": "weather", "arguments": ARGUMENTS}
        assert call["id"].startswith("call_")
        assert reply.usage == Usage(9, 5)


def test_an_answer_without_a_call_comes_back_as_text() -> None:
    choice = orjson.loads(read(chat(tools=[FUNCTION]), '{"answer":"It rains."}').payload)["choices"][0]
    assert choice["message"]["content"] == "It rains."
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "content", ["It rains.", '{"name":"rm","arguments":{}}', '{"name":"weather"}', "[]", '{"city":']
)
def test_what_is_neither_a_call_nor_an_answer_is_a_fault(content: str) -> None:
    assert read(chat(tools=[FUNCTION, OTHER_FUNCTION]), content).fault is not None


@pytest.mark.parametrize("content", ["It rains.", "[]", '{"city":'])
def test_a_named_call_without_arguments_is_a_fault(content: str) -> None:
    assert read(chat(tools=[FUNCTION], tool_choice=NAMED), content).fault is not None


def test_a_call_cut_by_its_length_says_so() -> None:
    cut = orjson.loads(read(chat(tools=[FUNCTION], tool_choice=NAMED), '{"city":"Br', "length").payload)["choices"][0]
    assert cut["finish_reason"] == "length"
    assert cut["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Br'
    free = orjson.loads(read(chat(tools=[FUNCTION]), '{"answer":"It r', "length").payload)["choices"][0]
    assert free["finish_reason"] == "length"
    assert "tool_calls" not in free["message"]


def test_a_client_that_asked_for_a_stream_gets_the_call_as_one() -> None:
    ask = chat(tools=[FUNCTION], tool_choice=NAMED, stream=True, stream_options={"include_usage": True})
    relay = relay_of(ask, "embedded")
    raw = engine_says(ARGUMENTS)
    assert relay.feed(raw[:10]) + relay.feed(raw[10:]) == b""
    got = events(relay.finish())
    assert got[0]["choices"][0]["delta"]["role"] == "assistant"
    assert got[1]["choices"][0]["delta"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": ARGUMENTS}
    assert got[1]["choices"][0]["delta"]["tool_calls"][0]["index"] == 0
    assert got[2]["choices"][0]["finish_reason"] == "tool_calls"
    assert got[3]["usage"]["completion_tokens"] == 5
    assert got[4:] == ["[DONE]"]
    assert (relay.complete, relay.started, relay.usage, relay.output_pieces) == (True, True, Usage(9, 5), 1)
    assert relay.finish() == b""


def test_an_emulated_stream_that_breaks_off_never_looks_complete() -> None:
    raw = engine_says(ARGUMENTS)
    ask = chat(tools=[FUNCTION], tool_choice=NAMED, stream=True)
    for at in range(len(raw)):
        relay = relay_of(ask, "embedded")
        relay.feed(raw[:at])
        sent_bytes = relay.finish()
        assert b"[DONE]" not in sent_bytes
        assert relay.fault is not None


def test_emulation_is_a_matter_of_the_deployment_not_of_its_kind() -> None:
    capabilities = KINDS["embedded"].facts.capabilities
    assert capabilities.tools is ToolSupport.EMULATED
    own = deployment("openai-compatible", capabilities=capabilities)
    made = KINDS["openai-compatible"].call(chat(tools=[FUNCTION]), own, premises=True, isolation=None)
    assert b'"json_schema"' in made.payload


properties = st.dictionaries(
    st.text(min_size=1, max_size=4),
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]),
    max_size=3,
)


@given(st.lists(properties, min_size=1, max_size=3), st.sampled_from(["auto", "required"]))
def test_what_the_schema_admits_reads_back_as_what_was_meant(shapes: list[dict[str, Any]], choice: str) -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": f"f{i}",
                "parameters": {"type": "object", "properties": shape, "required": list(shape)},
            },
        }
        for i, shape in enumerate(shapes)
    ]
    ask = chat(tools=tools, tool_choice=choice)
    schema = schema_of(ask)
    written = example_of(schema, schema)
    reply = read(ask, orjson.dumps(written).decode())
    call = orjson.loads(reply.payload)["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "f0"
    arguments = written if len(tools) == 1 and choice == "required" else written["arguments"]
    assert orjson.loads(call["arguments"]) == arguments

from __future__ import annotations

import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import FUNCTION, attempt, chat, completions, embeddings

from douane.errors import DouaneError, InvalidRequest, Unsupported
from douane.wire.fields import KNOWN, PASSABLE_VALUES, REFUSED, REFUSED_PREFIXES
from douane.wire.openai_request import MAX_CHOICES, MAX_INPUTS, parse_chat, parse_completions, parse_embeddings

GOLDEN = Path(__file__).parent.parent / "golden" / "wire" / "refusals"
PARSERS = {"chat": parse_chat, "completions": parse_completions, "embeddings": parse_embeddings}


def minimal(endpoint: str) -> dict[str, Any]:
    return {
        "chat": {"model": "route", "messages": [{"role": "user", "content": "hello"}]},
        "completions": {"model": "route", "prompt": "hello"},
        "embeddings": {"model": "route", "input": "hello"},
    }[endpoint]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_every_refusal_says_rule_fact_and_fix(path: Path) -> None:
    request, expected = path.read_text().split("\n----------\n")
    endpoint, body = request.split("\n", 1)
    with pytest.raises(DouaneError) as refusal:
        PARSERS[endpoint](orjson.loads(body))
    error = refusal.value
    assert f"{error.status} {error.code} {error.param}\n{error.rule}\n{error.problem}\n{error.fix}\n" == expected


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("endpoint", sorted(PARSERS))
def test_a_field_of_the_gateway_is_refused_by_name_at_every_endpoint(endpoint: str, name: str) -> None:
    with pytest.raises(Unsupported) as refusal:
        PARSERS[endpoint]({**minimal(endpoint), name: "http://elsewhere.example"})
    assert refusal.value.param == name
    assert "elsewhere" not in str(refusal.value)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_field_of_the_gateway_is_refused_wherever_the_protocol_has_fields(name: str) -> None:
    message = {"role": "user", "content": "hello", name: True}
    part = {"role": "user", "content": [{"type": "text", "text": "hello", name: True}]}
    called = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", name: True}]}
    tool = {**FUNCTION, name: True}
    function = {"type": "function", "function": {**FUNCTION["function"], name: True}}
    bodies = [
        *({"model": "route", "messages": [bad]} for bad in (message, part, called)),
        *({**minimal("chat"), "tools": [bad]} for bad in (tool, function)),
        {**minimal("chat"), "response_format": {"type": "text", name: True}},
    ]
    for body in bodies:
        with pytest.raises(Unsupported):
            parse_chat(body)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_inside_a_json_schema_every_name_is_the_clients_own(name: str) -> None:
    parameters = {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    ask = parse_chat({**minimal("chat"), "tools": [tool]})
    assert ask.value["tools"][0]["function"]["parameters"] == parameters


@pytest.mark.parametrize("prefix", sorted(REFUSED_PREFIXES))
def test_a_prefix_of_the_gateway_is_refused_without_repeating_the_rest(prefix: str) -> None:
    with pytest.raises(Unsupported) as refusal:
        chat(**{f"{prefix}jean_dupont": 1})
    assert refusal.value.param == f"{prefix}*"
    assert "jean" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["Model", "MODEL", "API_BASE", "ſtore", "Fallbacks", "max_toKens", "ｍodel", "X-Header", "Lora"]
)
def test_a_known_name_in_disguise_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        chat(**{name: "kimi-k2:cloud"})
    assert "case" in refusal.value.problem


@given(st.text(min_size=1, max_size=12))
def test_no_accepted_name_reads_as_one_of_the_gateway_under_any_folding(name: str) -> None:
    def folded(text: str) -> str:
        return unicodedata.normalize("NFKC", text).casefold()

    try:
        ask = parse_chat({**minimal("chat"), name: None})
    except DouaneError:
        return
    for kept in ask.value:
        if folded(kept) != kept:
            assert folded(kept) not in {folded(known) for known in KNOWN}


@pytest.mark.parametrize(("name", "item"), [(name, item) for name, items in PASSABLE_VALUES.items() for item in items])
def test_a_value_that_says_no_more_than_absence_is_accepted(name: str, item: Any) -> None:
    assert chat(**{name: item}).model == "route"


@pytest.mark.parametrize("item", [True, 0, 1, "false", [], {}])
def test_storage_is_refused_however_it_is_written(item: Any) -> None:
    with pytest.raises(Unsupported):
        chat(store=item)


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search"},
        {"type": "mcp", "server_url": "https://tools.example"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "file_search"},
        {"type": "function", "function": {"name": "f", "server_url": "https://tools.example"}},
        {"type": "function", "connector_id": "c", "function": {"name": "f"}},
        {"function": {"name": "f"}},
    ],
    ids=orjson.dumps,
)
def test_a_tool_that_somebody_else_runs_is_refused(tool: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        chat(tools=[tool])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}},
        {"type": "image_url", "image_url": "http://169.254.169.254/latest"},
        {"type": "image_url", "image_url": {"url": " FILE:///etc/passwd"}},
        {"type": "video_url", "video_url": {"url": "s3://bucket/a.mp4"}},
        {"type": "text", "text": "look", "image_url": {"url": "http://internal"}},
        {"type": "image_url", "image_url": {"url": {"x": ["gopher://x"]}}},
        {"type": "file", "file": {"file_id": "file-abc"}},
        {"type": "image_url", "image_url": None, "uuid": "of-somebody-else"},
    ],
    ids=orjson.dumps,
)
def test_nothing_is_fetched_for_a_request(part: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        parse_chat({"model": "route", "messages": [{"role": "user", "content": [part]}]})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "see https://example.com: nothing is fetched"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"filename": "C:report.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
    ],
    ids=orjson.dumps,
)
def test_inline_content_is_accepted(part: dict[str, Any]) -> None:
    assert parse_chat({"model": "route", "messages": [{"role": "user", "content": [part]}]}).input_count == 1


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("stream", "true"), ("stream", 1), ("n", "2"), ("n", 0), ("n", MAX_CHOICES + 1), ("n", True), ("n", 2.0),
        ("max_tokens", -1), ("max_tokens", 10.0), ("max_tokens", 2**31), ("max_completion_tokens", 0),
        ("temperature", "0"), ("temperature", True), ("stop", [1]), ("stop", ["a"] * 65), ("logit_bias", [1]),
        ("logit_bias", {"1": "x"}), ("logprobs", 1), ("top_logprobs", 21), ("seed", 1.5), ("tools", {}), ("tools", [1]),
        ("stream_options", True), ("response_format", "json"), ("modalities", ["text", "audio"]), ("user", 5),
        ("messages", []), ("messages", "hello"), ("messages", [1]), ("messages", None), ("model", ""), ("model", None),
        ("model", "x" * 257), ("model", 5), ("tool_choice", "sometimes"), ("tool_choice", {"type": "web_search"}),
        ("tool_choice", "required"), ("messages", [{"content": "x"}]), ("messages", [{"role": "user", "content": 5}]),
        ("messages", [{"role": "user", "content": [{"text": "x"}]}]),
    ],
)  # fmt: skip
def test_a_field_of_another_type_or_range_is_refused_by_name(name: str, bad: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_chat({**minimal("chat"), name: bad})
    assert name in (refusal.value.param or "")


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    for parse in PARSERS.values():
        with pytest.raises(InvalidRequest):
            parse(body)


@given(
    st.dictionaries(
        st.sampled_from(sorted(KNOWN - REFUSED.keys())),
        st.recursive(
            st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["type", "role", "content", "function", "name", "x"]), inner, max_size=3
                )
            ),
            max_leaves=8,
        ),
        max_size=6,
    )
)
def test_whatever_is_sent_is_an_ask_or_an_error_with_a_fix(fields: dict[str, Any]) -> None:
    for endpoint, parse in PARSERS.items():
        body = {**minimal(endpoint), **fields}
        ask = attempt(partial(parse, body))
        if isinstance(ask, DouaneError):
            assert ask.status == 400
            assert ask.fix
        else:
            assert 1 <= ask.choices <= MAX_CHOICES
            assert ask.value == body


def test_needs_are_read_from_the_request() -> None:
    assert chat().needs == frozenset()
    assert chat(tools=[FUNCTION]).needs == {"tools"}
    assert chat(tools=[FUNCTION], tool_choice="none").needs == frozenset()
    assert chat(tools=[FUNCTION], tool_choice="required").needs == {"tools", "tools-forced"}
    named = {"type": "function", "function": {"name": "weather"}}
    assert chat(tools=[FUNCTION], tool_choice=named).needs == {"tools", "tools-forced"}
    assert chat(response_format={"type": "json_object"}).needs == {"json_schema"}
    assert chat(response_format={"type": "text"}).needs == frozenset()
    assert chat(n=3, logprobs=True).needs == {"choices", "logprobs"}
    assert completions(logprobs=0).needs == {"logprobs"}


@pytest.mark.parametrize(
    ("part", "needs"),
    [
        ({"type": "text", "text": "an image_url"}, set()),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"media"}),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, {"media"}),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}}, {"media"}),
    ],
)
def test_a_part_that_is_more_than_text_needs_a_deployment_that_reads_it(part: dict[str, Any], needs: set[str]) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look."}, part]},
        {"role": "user", "content": "?"},
    ]
    assert chat(messages=messages).needs == needs
    assert chat(messages=messages, n=2).needs == needs | {"choices"}


def test_the_length_of_an_answer_has_one_meaning() -> None:
    assert chat(max_tokens=5).max_output_tokens == 5
    assert chat(max_completion_tokens=6).max_output_tokens == 6
    assert chat(max_tokens=7, max_completion_tokens=7).max_output_tokens == 7
    assert chat().max_output_tokens is None
    with pytest.raises(InvalidRequest):
        chat(max_tokens=5, max_completion_tokens=6)


def test_more_answers_than_are_paid_for_are_refused() -> None:
    with pytest.raises(Unsupported):
        completions(best_of=5)
    with pytest.raises(InvalidRequest):
        completions(["x"] * (MAX_INPUTS // 2), n=3)


def test_inputs_are_counted() -> None:
    assert embeddings(["a", "b", "c"]).input_count == 3
    assert embeddings([1, 2, 3]).input_count == 1
    assert completions([[1, 2], [3]]).input_count == 2
    for bad in ([], [""] * (MAX_INPUTS + 1), ["a", 1], [[]], [[1], "a"], {"a": 1}, 5, [True]):
        with pytest.raises(InvalidRequest):
            embeddings(bad)


def test_usage_is_the_clients_wish_only_in_a_stream() -> None:
    assert chat(stream=True, stream_options={"include_usage": True}).include_usage
    assert not chat(stream=True, stream_options={}).include_usage
    assert not chat(stream_options={"include_usage": True}).include_usage
    with pytest.raises(InvalidRequest):
        chat(stream=True, stream_options={"include_usage": 1})


def test_a_tool_is_named_once_and_forced_only_if_offered() -> None:
    with pytest.raises(InvalidRequest):
        chat(tools=[FUNCTION, FUNCTION])
    with pytest.raises(InvalidRequest):
        chat(tools=[FUNCTION], tool_choice={"type": "function", "function": {"name": "other"}})

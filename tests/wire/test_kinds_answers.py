from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import KINDS, chat, completions, deployment, embeddings

from douane.wire.call import Ask, Usage
from douane.wire.kinds.kind import Reply
from douane.wire.kinds.usage import read_usage


def choice(index: int = 0, **changes: Any) -> dict[str, Any]:
    return {"index": index, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop", **changes}


def answer(*choices: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "upstream/model",
        "choices": list(choices or [choice()]),
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, **changes,
    }  # fmt: skip


def read(value: Any, ask: Ask | None = None, kind: str = "openai-compatible") -> Reply:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return KINDS[kind].reader(ask or chat(), deployment(kind)).read(body)


def test_an_answer_is_the_routes_with_the_upstreams_content_and_usage() -> None:
    reply = read(answer())
    value = orjson.loads(reply.payload)
    assert (reply.complete, reply.fault, reply.usage) == (True, None, Usage(3, 4))
    assert value["model"] == "route"
    assert value["choices"][0]["message"] == {"role": "assistant", "content": "hi", "refusal": None}
    assert value["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_timings_cache_hits_and_placements_stay_here() -> None:
    noise: dict[str, Any] = {
        "timings": {"cache_n": 5},
        "kv_transfer_params": {"host": "10.0.0.7"},
        "prompt_logprobs": [1],
        "perf_metrics": {},
        "__verbose": {"prompt": "secret"},
        "prompt_token_ids": [1],
        "x_groq": {"id": 1},
        "provider": "somebody",
    }
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "cached_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1, "accepted_prediction_tokens": 1},
        "queue_time": 0.5,
    }
    value = orjson.loads(read(answer(choice(token_ids=[1], prompt_token_ids=[1]), usage=usage, **noise)).payload)
    assert value.keys() == {"id", "object", "created", "model", "choices", "usage"}
    assert value["choices"][0].keys() == {"index", "message", "finish_reason", "logprobs"}
    assert value["usage"].keys() == {"prompt_tokens", "completion_tokens", "total_tokens", "completion_tokens_details"}
    assert value["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>502 Bad Gateway</body></html>", b"", b"null", b"[]", b'"hi"', b"{}", b'{"choices":[]}',
        b'{"error":{"message":"overloaded"}}', b'{"error":"overloaded","choices":[{"index":0}]}',
        b'{"object":"error","message":"x"}', b'{"choices":{}}', b'{"choices":[1]}', b'{"choices":[{"index":0}]}',
        b'{"choices":[{"index":0,"message":"hi","finish_reason":"stop"}]}',
        b'{"choices":[{"index":5,"message":{},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":0,"message":{},"finish_reason":"stop"},{"index":0,"message":{},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":true,"message":{},"finish_reason":"stop"}]}', b"data: {}\n\n",
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"choices":[{"index":0,"message":{"content":' + b"[" * 300 + b"]" * 300 + b'},"finish_reason":"stop"}]}',
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_fault_and_nothing_for_the_client(body: bytes) -> None:
    reply = read(body)
    assert reply.fault is not None
    assert reply.payload == b""
    assert not reply.complete


@pytest.mark.parametrize("reason", [None, "", 5, "error"])
def test_an_answer_without_its_finish_reason_is_not_whole(reason: Any) -> None:
    reply = read(answer(choice(finish_reason=reason)))
    assert reply.fault is not None
    assert not reply.complete
    assert reply.usage == Usage(3, 4)


def test_as_many_choices_come_as_were_asked_for() -> None:
    assert read(answer(choice(0), choice(1)), chat(n=2)).complete
    assert read(answer(choice(0)), chat(n=2)).fault is not None
    assert read(answer(choice(0), choice(1)), chat()).fault is not None
    text = {"text": "hi", "finish_reason": "stop", "logprobs": None}
    assert read(answer({**text, "index": 0}, {**text, "index": 1}), completions(["a", "b"])).complete


@pytest.mark.parametrize(
    "usage",
    [
        None, {}, [], "7",
        {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": 3, "completion_tokens": True},
        {"prompt_tokens": 3.0, "completion_tokens": 2}, {"prompt_tokens": "3", "completion_tokens": 2},
        {"prompt_tokens": 3},
        {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 3, "completion_tokens": 10**15},
        {"prompt_tokens": None, "completion_tokens": None}, {"total_tokens": 9},
    ],
)  # fmt: skip
def test_a_usage_that_cannot_be_true_is_unknown_not_zero(usage: Any) -> None:
    reply = read(answer(usage=usage))
    assert reply.complete
    assert reply.usage is None
    assert "usage" not in orjson.loads(reply.payload)


def test_a_total_that_lies_changes_nothing() -> None:
    assert read(answer(usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9999})).usage == Usage(3, 4)


def test_where_usage_does_not_cover_every_choice_it_is_unknown() -> None:
    assert read(answer(choice(0), choice(1)), chat(n=2), "embedded").usage is None
    assert read(answer(), chat(), "embedded").usage == Usage(3, 4)


def rows(*vectors: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "upstream", "usage": {"prompt_tokens": 5, "total_tokens": 5}}


def test_embeddings_come_in_the_encoding_that_was_asked_for() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    for upstream in ([0.5, -2.0], packed):
        as_text = read(rows(upstream), embeddings("a", encoding_format="base64"))
        as_numbers = read(rows(upstream), embeddings("a", encoding_format="float"))
        assert orjson.loads(as_text.payload)["data"][0]["embedding"] == packed
        assert orjson.loads(as_numbers.payload)["data"][0]["embedding"] == [0.5, -2.0]
        assert as_numbers.usage == Usage(5, 0)


@pytest.mark.parametrize("vector", [None, [], ["a"], {"a": 1}, [[1.0]], "not base64!", [True]])
def test_an_embedding_that_is_no_vector_is_a_fault(vector: Any) -> None:
    assert read(rows(vector), embeddings("a")).fault is not None
    assert read(rows([1.0]), embeddings(["a", "b"])).fault is not None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "index", "message", "finish_reason", "usage", "error", "data", "embedding", "content"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(json_values, st.sampled_from(sorted(KINDS)), st.sampled_from([chat(), chat(n=2), completions(), embeddings()]))
def test_whatever_an_upstream_answers_is_whole_or_a_fault(value: Any, kind: str, ask: Ask) -> None:
    reply = read(value, ask, kind)
    assert reply.complete == (reply.fault is None) == bool(reply.payload)


@given(st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), json_values))
def test_usage_is_never_negative_and_never_zero_input(raw: dict[str, Any]) -> None:
    usage = read_usage(raw, "chat")
    assert usage is None or (usage.input_tokens > 0 and usage.output_tokens >= 0)

"""What was said: answers that come back, and answers that are served."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.wire.turns import (
    MOST_ANSWERS,
    MOST_CHOICES,
    answers_sent_back,
    earlier_response,
    response_of_answer,
    texts_of_answer,
    texts_of_events,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "input", "role", "content", "text", "choices", "index", "message", "delta", "output"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["messages", "input", "choices", "output"]), ANYTHING))
def test_no_content_makes_them_raise(value: dict[str, Any]) -> None:
    payload = orjson.dumps(value)
    answers_sent_back(value)
    earlier_response(value)
    texts_of_answer(payload)
    list(texts_of_events(b"data: " + payload + b"\n\n"))


@given(st.binary(max_size=60))
def test_no_bytes_make_them_raise(data: bytes) -> None:
    texts_of_answer(data)
    list(texts_of_events(b"data: {" + data))


def test_only_answers_count_and_the_last_ones() -> None:
    messages = [{"role": "user", "content": "u"}, {"role": "system", "content": "s"}, {"role": "tool", "content": "t"}]
    assert answers_sent_back({"messages": messages}) == []
    messages += [{"role": "assistant", "content": str(number)} for number in range(2 * MOST_ANSWERS)]
    found = answers_sent_back({"messages": messages})
    assert len(found) == MOST_ANSWERS
    assert found[-1] == str(2 * MOST_ANSWERS - 1)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "plain"}, ["plain"]),
        ({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}, ["in parts"]),
        ({"content": None, "refusal": "no"}, ["no"]),
        ({"content": None, "tool_calls": []}, []),
    ],
)
def test_a_message_has_one_text_however_it_is_written(message: dict[str, Any], text: list[str]) -> None:
    assert answers_sent_back({"messages": [{"role": "assistant", **message}]}) == text


def test_each_choice_stands_alone() -> None:
    chat = {"choices": [{"index": n, "message": {"role": "assistant", "content": str(n)}} for n in range(3)]}
    assert texts_of_answer(orjson.dumps(chat)) == ["0", "1", "2"]
    plain = {"choices": [{"index": n, "text": str(n)} for n in range(2 * MOST_CHOICES)]}
    assert len(texts_of_answer(orjson.dumps(plain))) == MOST_CHOICES
    events = b"".join(
        b"data: " + orjson.dumps({"choices": [{"index": n, "delta": {"content": str(n)}}]}) + b"\n\n" for n in (1, 0, 1)
    )
    assert list(texts_of_events(b": keep-alive\n\n" + events + b"data: [DONE]\n\n")) == [(1, "1"), (0, "0"), (1, "1")]


def test_a_response_goes_on_from_another_by_its_identifier() -> None:
    assert earlier_response({"previous_response_id": "resp_1"}) == "resp_1"
    assert earlier_response({"previous_response_id": 7}) is None
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]
    payload = orjson.dumps({"id": "resp_1", "object": "response", "output": output})
    assert response_of_answer(payload) == "resp_1"
    assert texts_of_answer(payload) == ["hello"]
    assert response_of_answer(orjson.dumps({"id": "x", "object": "chat.completion"})) is None

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import chat, completions, embeddings

from douane.wire.models_list import models_list
from douane.wire.tokens import estimate_input_tokens


def test_models_are_the_routes_given_and_nothing_else() -> None:
    body = orjson.loads(models_list(["chat", "vectors"]) or b"")
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == ["chat", "vectors"]
    assert all(model.keys() == {"id", "object", "created", "owned_by"} for model in body["data"])


def test_one_model_is_shown_only_if_it_is_among_the_routes() -> None:
    assert orjson.loads(models_list(["chat"], "chat") or b"")["id"] == "chat"
    assert models_list(["chat"], "secret-route") is None


@given(st.text(max_size=500))
def test_an_estimate_is_not_below_a_token_for_four_bytes(content: str) -> None:
    ask = chat(content)
    size = len(orjson.dumps(ask.value))
    assert estimate_input_tokens(ask, size) >= max(1, size / 4)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (embeddings([5] * 40), 40),
        (embeddings([[5] * 40, [6] * 2]), 42),
        (completions([7] * 9), 9),
        (completions("x" * 30), 10),
    ],
)
def test_token_ids_count_one_each_and_text_by_its_bytes(ask: object, expected: int) -> None:
    assert estimate_input_tokens(ask, 30) == expected  # type: ignore[arg-type]


def test_a_field_of_another_endpoint_does_not_lower_an_estimate() -> None:
    assert estimate_input_tokens(chat("x" * 3000, input=[1]), 3000) >= 1000

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import KINDS

from douane.wire.call import Fault
from douane.wire.kinds.faults import MAX_MESSAGE_CHARS, read_fault, read_inband_fault, retry_after_s
from douane.wire.kinds.kind import RateLimitState
from douane.wire.kinds.rates import seconds


def fault(status: int, body: Any, headers: dict[str, str] | None = None) -> Fault:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_fault(status, headers or {}, raw)


SHAPES = {
    "openai": {"error": {"message": "SAID", "type": "invalid_request_error", "param": "top_p", "code": None}},
    "vllm-bare": {"object": "error", "message": "SAID", "type": "BadRequestError", "param": "top_p", "code": 400},
    "vllm": {"error": {"message": "SAID", "type": "BadRequestError", "param": "top_p", "code": 400}},
    "fastapi": {"detail": "SAID"},
    "fastapi-list": {"detail": [{"loc": ["body"], "msg": "SAID", "type": "missing", "input": "ECHO"}]},
    "mistral": {
        "object": "error",
        "message": {"detail": [{"loc": [], "msg": "SAID", "input": "ECHO"}]},
        "type": "invalid",
    },
    "hub": {"error": "SAID"},
    "hub-list": {"error": ["SAID"]},
    "tgi": {"error": "SAID", "error_type": "validation"},
    "bare": {"message": "SAID"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_fault_of_the_request_goes_to_the_caller_in_the_upstreams_words_and_is_not_retried(
    shape: dict[str, Any], status: int
) -> None:
    read = fault(status, shape)
    assert (read.code, read.status, read.retryable, read.elsewhere_only) == ("invalid_request", 400, False, False)
    assert "SAID" in read.message
    assert "ECHO" not in read.message


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 301, 307])
def test_a_fault_of_our_account_is_told_in_our_words_and_tried_elsewhere(status: int) -> None:
    read = fault(status, {"error": {"message": "Incorrect API key provided: sk-abcdef", "code": "invalid_api_key"}})
    assert (read.code, read.status, read.retryable, read.elsewhere_only) == ("upstream_failed", 502, False, True)
    assert "sk-" not in read.message


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529])
def test_a_passing_fault_is_retried(status: int) -> None:
    read = fault(status, b"<html>oops</html>")
    assert read.retryable
    assert not read.elsewhere_only
    assert read.code == ("upstream_timeout" if status in (408, 504) else "upstream_failed")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        {"error": {"message": "not supported by any provider", "code": "model_not_supported"}},
    ],
)
def test_an_unknown_model_is_our_fault_whatever_the_status(body: dict[str, Any]) -> None:
    read = fault(400, body)
    assert (read.code, read.elsewhere_only) == ("upstream_failed", True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 64 tokens.",
                    "code": "context_length_exceeded",
                }
            },
        ),
        (400, {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error", "n_ctx": 64}}),
        (500, {"error": {"code": 500, "message": "too long", "type": "exceed_context_size_error"}}),
        (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 64", "error_type": "validation"}),
        (
            500,
            {"error": {"code": 500, "message": "image input is not supported - hint: mmproj", "type": "server_error"}},
        ),
        (
            500,
            {"error": {"code": 500, "message": "input (99 tokens) is too large to process.", "type": "server_error"}},
        ),
    ],
)
def test_an_input_that_is_beyond_a_deployment_is_the_requests_fault_but_may_fit_elsewhere(
    status: int, body: dict[str, Any]
) -> None:
    read = fault(status, body)
    assert (read.code, read.status, read.retryable, read.elsewhere_only) == ("invalid_request", 400, False, True)
    assert read.message


def test_a_rate_limit_says_when_to_come_back() -> None:
    read = fault(429, {"error": {"message": "slow down"}}, {"retry-after": "7"})
    assert (read.code, read.retryable, read.retry_after_s) == ("rate_limited", True, 7.0)
    assert fault(429, b"", {"retry-after-ms": "250", "retry-after": "9"}).retry_after_s == 0.25
    assert not fault(429, {"error": {"message": "pay", "code": "insufficient_quota"}}).retryable


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400, "١٢", "1.2.3", "nan"]
)
def test_a_wait_that_is_no_number_is_none(text: str) -> None:
    assert retry_after_s({"retry-after": text}) is None


def test_a_wait_is_bounded() -> None:
    assert retry_after_s({"retry-after": "99999999"}) == 3600.0


@pytest.mark.parametrize(
    "body", [b"<html>nginx 10.0.0.7</html>", b"upstream connect error: 10.0.0.7", b"", b"{broken", b"[]", b'"x"']
)
def test_a_page_of_a_proxy_is_not_repeated(body: bytes) -> None:
    assert "10.0.0.7" not in fault(400, body).message
    assert "10.0.0.7" not in fault(502, body).message


def test_a_message_is_one_bounded_line() -> None:
    read = fault(400, {"error": {"message": "a\x1b[31m\nb" + "x" * 100_000}})
    assert len(read.message) <= MAX_MESSAGE_CHARS
    assert read.message.isprintable()


def test_an_error_within_a_200_carries_its_own_status() -> None:
    assert read_inband_fault({"error": {"message": "x", "code": 429}}).code == "rate_limited"
    assert read_inband_fault({"error": "x"}).retryable
    assert read_inband_fault({"error": {"code": 9000}}).status == 502


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "type", "code", "loc", "msg", "param"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(st.integers(100, 599), json_values | st.binary(max_size=30))
def test_whatever_an_upstream_refuses_with_is_a_fault_of_ours(status: int, body: Any) -> None:
    read = fault(status, body)
    assert read.status in (400, 429, 502, 504)
    assert len(read.message) <= MAX_MESSAGE_CHARS
    assert not (read.code == "invalid_request" and read.retryable)
    assert read_inband_fault(body if isinstance(body, dict) else {}).status in (400, 429, 502, 504)


@pytest.mark.parametrize(
    ("kind", "headers", "expected"),
    [
        ("openai",
         {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
          "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "150000",
          "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s"},
         RateLimitState(60, 59, 1.0, 150000, 149984, 360.0)),
        ("together",
         {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1",
          "x-tokenlimit-remaining": "5"},
         RateLimitState(10, 9, 1.0, None, 5, None)),
        ("mistral",
         {"x-ratelimit-remaining-req-minute": "58", "x-ratelimit-remaining-tokens-minute": "499000"},
         RateLimitState(None, 58, None, None, 499000, None)),
        ("openai", {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-limit-requests": "many"}, None),
        ("openai", {"content-type": "application/json"}, None),
    ],
)  # fmt: skip
def test_what_is_left_of_our_limits_is_read(
    kind: str, headers: dict[str, str], expected: RateLimitState | None
) -> None:
    assert KINDS[kind].rate_limits(headers) == expected


@given(st.text(max_size=12))
def test_a_duration_is_seconds_or_nothing(text: str) -> None:
    read = seconds(text)
    assert read is None or read >= 0

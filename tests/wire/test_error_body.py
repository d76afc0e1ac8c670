from __future__ import annotations

import orjson
import pytest

from douane.core.reason import Reason
from douane.errors import (
    ConfigurationError,
    ConfigurationErrors,
    DouaneError,
    InvalidRequest,
    LabelNotCleared,
    RateLimited,
    UpstreamFailed,
)
from douane.wire.call import Fault
from douane.wire.error_body import error_body, error_headers, stream_error_event

REFUSED = LabelNotCleared(
    "Deployment `llama-together` may not receive `confidential` content.",
    "Add a deployment in a zone cleared for `confidential`.",
    rule="Content goes only to zones cleared for its label.",
)


def test_an_error_is_openais_envelope_with_its_reason_inside() -> None:
    assert orjson.loads(error_body(REFUSED)) == {
        "error": {
            "message": f"{REFUSED.problem} {REFUSED.fix}",
            "type": "permission_error",
            "param": None,
            "code": "label_not_cleared",
            "douane": {
                "code": "label_not_cleared",
                "rule": REFUSED.rule,
                "fact": REFUSED.problem,
                "fix": REFUSED.fix,
            },
        }
    }


def test_an_error_may_say_why_each_candidate_was_refused() -> None:
    why = Reason("blocked", "A blocked deployment receives nothing.", "Deployment `a` is blocked.", "Unblock it.")
    assert orjson.loads(error_body(REFUSED, candidates=[why]))["error"]["douane"]["candidates"] == [why.as_dict()]


def test_a_broken_configuration_tells_each_of_its_problems() -> None:
    problems = (ConfigurationError("A.", "B.", rule="R.", param="zones.x"), ConfigurationError("C.", "D."))
    told = orjson.loads(error_body(ConfigurationErrors(problems)))["error"]["douane"]
    assert told["fact"] == "The configuration has 2 problems."
    assert told["problems"] == [
        {"code": "configuration", "rule": "R.", "fact": "A.", "fix": "B.", "param": "zones.x"},
        {"code": "configuration", "rule": "configuration", "fact": "C.", "fix": "D.", "param": None},
    ]


def test_an_error_in_anthropics_dialect_is_an_error_object() -> None:
    body = orjson.loads(error_body(InvalidRequest("A.", "B.", param="model"), dialect="anthropic"))
    assert body["type"] == "error"
    assert body["error"]["message"] == "A. B."
    event = stream_error_event(REFUSED, dialect="anthropic")
    assert event.startswith(b"event: error\ndata: {")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimited("A.", "B.", retry_after_s=1.2), ((b"retry-after", b"2"),)),
        (RateLimited("A.", "B.", retry_after_s=0.0), ((b"retry-after", b"1"),)),
        (REFUSED, ((b"x-should-retry", b"false"),)),
        (UpstreamFailed("A.", "B.", stage="head"), ()),
    ],
)
def test_headers_tell_a_client_whether_to_try_again(
    error: DouaneError, expected: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert error_headers(error) == expected


def test_a_broken_stream_ends_in_one_event_with_the_same_envelope() -> None:
    fault = Fault(502, "upstream_failed", "The upstream ended its answer before it was complete.", retryable=True)
    for error in (fault, REFUSED):
        event = stream_error_event(error)
        assert event.startswith(b"data: {")
        assert event.endswith(b"}\n\n")
        assert event.count(b"\n") == 2
        assert orjson.loads(event[6:])["error"].keys() == {"message", "type", "param", "code", "douane"}

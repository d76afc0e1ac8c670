from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import chat, completions, events, relay_of, run

from douane.wire.call import Ask, Usage
from douane.wire.kinds.kind import StreamRelay

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choice = {
        "index": index,
        "delta": {} if delta is None else delta,
        "finish_reason": finish,
        **more.pop("choice", {}),
    }
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "upstream/model"}
    return b"data: " + orjson.dumps({**head, "choices": [choice], **more}) + b"\n\n"


def data(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
ROLE = chunk({"role": "assistant", "content": ""})
HELLO = [ROLE, chunk({"content": "Hel"}), chunk({"content": "lo é😀"}), chunk(finish="stop")]
WITH_USAGE = [*HELLO, data({"id": "c-1", "choices": [], "usage": USAGE}), DONE]
streamed = chat(stream=True)
with_usage = chat(stream=True, stream_options={"include_usage": True})


def content(sent: bytes) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for event in events(sent)
        if event != "[DONE]" and "error" not in event
        for choice in event["choices"]
    )


def state(relay: StreamRelay) -> tuple[Any, ...]:
    return relay.usage, relay.complete, relay.fault, relay.started, relay.ended, relay.output_pieces


def test_a_stream_is_relayed_as_the_routes_and_ends_in_one_done() -> None:
    relay = relay_of(streamed)
    sent = run(relay, WITH_USAGE)
    got = events(sent)
    assert got[-1] == "[DONE]"
    assert got.count("[DONE]") == 1
    assert {event["model"] for event in got[:-1]} == {"route"}
    assert content(sent) == "Hello é😀"
    assert relay.complete
    assert relay.usage == Usage(3, 4)
    assert relay.output_pieces == 2


def test_usage_goes_to_the_client_only_if_it_asked_then_once_before_done() -> None:
    assert all("usage" not in event for event in events(run(relay_of(streamed), WITH_USAGE))[:-1])
    asked = events(run(relay_of(with_usage), WITH_USAGE))
    assert [event["usage"] for event in asked[:-2]] == [None] * len(HELLO)
    assert asked[-2]["choices"] == []
    assert asked[-2]["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_usage_with_the_last_choice_counts_as_well_as_in_a_chunk_of_its_own() -> None:
    for usage in ({"usage": USAGE}, {"x_groq": {"usage": USAGE}}):
        relay = relay_of(with_usage)
        sent = events(run(relay, [*HELLO[:-1], chunk(finish="stop", **usage), DONE]))
        assert relay.usage == Usage(3, 4)
        assert [event["usage"] for event in sent[:-1] if event["usage"]] == [
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        ]


def test_running_usage_is_taken_at_its_last_and_nulls_are_tolerated() -> None:
    pieces = [
        chunk({"content": "a"}, usage=None),
        chunk({"content": "b"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
        chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
        DONE,
    ]
    relay = relay_of(with_usage)
    assert sum(bool(event["usage"]) for event in events(run(relay, pieces))[:-1]) == 1
    assert relay.usage == Usage(3, 2)


def test_a_finish_reason_without_usage_is_complete_and_unknown_is_not_zero() -> None:
    relay = relay_of(with_usage)
    sent = events(run(relay, [*HELLO, DONE]))
    assert sent[-1] == "[DONE]"
    assert relay.complete
    assert relay.usage is None
    assert not any(event["usage"] for event in sent[:-1])


def test_a_clean_end_after_the_finish_reason_needs_no_done() -> None:
    relay = relay_of(streamed)
    assert events(run(relay, HELLO))[-1] == "[DONE]"
    assert relay.complete


@pytest.mark.parametrize(
    "end", [b"", DONE, data({"choices": [], "usage": USAGE}), data({"choices": [], "usage": USAGE}) + DONE]
)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_stream_without_its_finish_reason_never_looks_complete(count: int, end: bytes) -> None:
    relay = relay_of(streamed)
    sent = events(run(relay, [*HELLO[:count], end]))
    assert "[DONE]" not in sent
    assert sent[-1]["error"]["code"] == "upstream_failed"
    assert relay.fault is not None
    assert not relay.complete


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n"])
def test_a_last_event_whose_line_end_is_missing_counts_if_its_json_is_whole(tail: bytes) -> None:
    raw = b"".join(HELLO).rstrip(b"\n")
    assert events(run(relay_of(streamed), [raw + tail]))[-1] == "[DONE]"
    assert "[DONE]" not in events(run(relay_of(streamed), [raw[:-1]]))


def test_every_choice_needs_its_finish_reason() -> None:
    first = [chunk({"content": "a"}, index=0), chunk({"content": "b"}, index=1), chunk(finish="stop", index=0)]
    for ask in (chat(stream=True, n=2), completions(["x", "y"], stream=True)):
        pieces = (
            first if ask.endpoint == "chat" else [piece.replace(b'"delta":{}', b'"text":""') for piece in first[2:]]
        )
        assert "[DONE]" not in events(run(relay_of(ask), [*pieces, DONE]))
        last = chunk(finish="length", index=1)
        last = last if ask.endpoint == "chat" else last.replace(b'"delta":{}', b'"text":""')
        assert events(run(relay_of(ask), [*pieces, last, DONE]))[-1] == "[DONE]"


@st.composite
def cuts(draw: st.DrawFn, size: int) -> list[int]:
    return sorted(draw(st.lists(st.integers(0, size), max_size=12)))


STREAMS: dict[str, tuple[Ask, bytes]] = {
    "whole": (with_usage, b"".join(WITH_USAGE)),
    "keep-alives": (
        with_usage,
        b": ping\r\n\r\n" + b"\r\n\r\n".join(piece.strip() for piece in WITH_USAGE) + b"\r\n\r\n",
    ),
    "no-end": (streamed, b"".join(HELLO[:-1])),
    "error": (streamed, HELLO[0] + HELLO[1] + data({"error": {"message": "busy", "code": 503}}) + DONE),
    "malformed": (streamed, HELLO[0] + b"data: {broken\n\n" + DONE),
    "after-done": (streamed, b"".join([*HELLO, DONE, chunk({"content": "late"}), b"data: {broken\n\n"])),
    "no-stream": (streamed, b'{"error":{"message":"no","code":500}}'),
    "named": (streamed, b"event: message\n" + b"event: message\n".join(HELLO) + b"event: ping\ndata: {}\n\n" + DONE),
    "no-last-line-end": (streamed, b"".join(HELLO).rstrip(b"\n")),
}


@pytest.mark.parametrize("name", STREAMS)
@given(draw=st.data())
def test_how_a_stream_is_cut_on_its_way_changes_nothing(name: str, draw: st.DataObject) -> None:
    ask, raw = STREAMS[name]
    whole = relay_of(ask)
    expected = run(whole, [raw])
    marks = [0, *draw.draw(cuts(len(raw))), len(raw)]
    relay = relay_of(ask)
    assert run(relay, [raw[a:b] for a, b in pairwise(marks)]) == expected
    assert state(relay) == state(whole)


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_is_the_same_as_at_once(name: str) -> None:
    ask, raw = STREAMS[name]
    relay = relay_of(ask)
    assert run(relay, [raw[at : at + 1] for at in range(len(raw))]) == run(relay_of(ask), [raw])


def test_a_stream_cut_at_any_byte_before_its_finish_reason_never_ends_in_done() -> None:
    raw = b"".join(WITH_USAGE)
    finished_at = raw.index(b"\n\n", raw.index(b'"finish_reason":"stop"'))
    for at in range(len(raw)):
        relay = relay_of(streamed)
        sent = run(relay, [raw[:at]])
        assert sent.endswith(b"data: [DONE]\n\n") == relay.complete
        if at < finished_at:
            assert b"[DONE]" not in sent, at
            assert events(sent)[-1]["error"]
        if b"[DONE]" in sent:
            assert content(sent) == "Hello é😀"


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {broken\n\n", b"data: []\n\n", b"data: 5\n\n", b"data: null\n\n", b"data: hello\n\n",
        b'data: {"error":{"message":"busy"}}\n\n', b'data: {"object":"error","message":"busy"}\n\n',
        b'event: error\ndata: {"message":"busy"}\n\n', b"event: error\ndata: busy\n\n", b'data: {"choices":[5]}\n\n',
        b'data: {"choices":[{"index":7,"delta":{}}]}\n\n', b'data: {"choices":[{"index":"0","delta":{}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":"x"}]}\n\n', chunk(finish="error"),
        b'data: {"choices":[{"index":0,"delta":{"content":' + b"[" * 300 + b"]" * 300 + b"}}]}\n\n",
        b"data: " + b"x" * (5 * 1024 * 1024) + b"\n\n",
    ],
    ids=lambda bad: bad[:40],
)  # fmt: skip
def test_what_is_no_event_of_the_protocol_ends_the_stream_in_an_error(bad: bytes) -> None:
    relay = relay_of(streamed)
    sent = events(run(relay, [*HELLO[:2], bad, *HELLO[2:], DONE]))
    assert "[DONE]" not in sent
    assert sent[-1]["error"]["douane"]["code"]
    assert relay.ended
    assert relay.fault is not None
    assert content(run(relay_of(streamed), [*HELLO[:2], bad])) == "Hel"


@pytest.mark.parametrize(
    "harmless",
    [
        b": keep-alive\n\n", b"data:\n\n", b"data: \n\n", b"retry: 3000\n\n", b"id: 5\n\n",
        b"event: ping\ndata: {}\n\n", b"event: ping\ndata: not json\n\n", b'data: {"type":"ping"}\n\n',
        b'data: {"choices":[]}\n\n',
        b'data: {"choices":null}\n\n', b'data: {"id":"c","choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[],"error":null}\n\n',
    ],
)  # fmt: skip
def test_what_carries_no_content_is_dropped(harmless: bytes) -> None:
    pieces = [piece for event in WITH_USAGE for piece in (harmless, event)]
    relay = relay_of(streamed)
    assert run(relay, pieces) == run(relay_of(streamed), WITH_USAGE)
    assert relay.complete


def test_timings_and_cache_hits_stay_here_and_content_passes_untouched() -> None:
    delta = {
        "role": "assistant", "content": None, "refusal": "no", "reasoning_content": "hm",
        "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}],
    }  # fmt: skip
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
    noisy = chunk(
        delta, choice={"logprobs": logprobs, "token_ids": [1], "stop_reason": 5}, timings={"cache_n": 5}, provider="x",
        prompt_progress={"cache": 9}, system_fingerprint="fp", service_tier="default",
    )  # fmt: skip
    relay = relay_of(streamed)
    event = events(relay.feed(noisy))[0]
    assert event.keys() == {"id", "object", "created", "model", "choices", "system_fingerprint", "service_tier"}
    assert event["choices"] == [
        {"index": 0, "delta": delta, "finish_reason": None, "logprobs": logprobs, "stop_reason": 5}
    ]
    assert relay.started


def test_a_role_alone_starts_nothing_and_an_empty_answer_ends_well() -> None:
    relay = relay_of(streamed)
    relay.feed(ROLE)
    assert not relay.started
    assert events(run(relay, [chunk(finish="stop"), DONE]))[-1] == "[DONE]"
    assert relay.started
    assert relay.output_pieces == 0


def test_missing_parts_of_a_choice_are_given_their_plain_values() -> None:
    relay = relay_of(streamed)
    sent = events(relay.feed(data({"choices": [{"delta": None, "finish_reason": "stop"}]})))
    assert sent[0]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert sent[0]["id"] == ""


def test_text_completions_stream_too() -> None:
    relay = relay_of(completions(stream=True))
    pieces = [
        data({"id": "c", "choices": [{"index": 0, "text": t, "finish_reason": f}]})
        for t, f in (("a", None), ("b", "stop"))
    ]
    sent = events(run(relay, [*pieces, DONE]))
    assert [event["object"] for event in sent[:-1]] == ["text_completion"] * 2
    assert relay.output_pieces == 2


@pytest.mark.parametrize(
    "body", [b"<html>502</html>", b'{"id":"c","choices":[{"index":0}]}', b"", b"busy", b'{"detail":"no"}']
)
def test_an_answer_that_is_no_stream_is_a_fault_and_gives_the_client_no_content(body: bytes) -> None:
    relay = relay_of(streamed)
    sent = events(run(relay, [body]))
    assert len(sent) == 1
    assert sent[0]["error"]
    assert not relay.started


def test_where_usage_does_not_cover_every_choice_it_is_unknown() -> None:
    pieces = [chunk({"content": "a"}, index=i) for i in (0, 1)] + [
        chunk(finish="stop", index=i, usage=USAGE) for i in (0, 1)
    ]
    relay = relay_of(chat(stream=True, n=2), "embedded")
    run(relay, [*pieces, DONE])
    assert relay.complete
    assert relay.usage is None
    assert relay.output_pieces == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "index", "delta", "finish_reason", "usage", "error", "x_groq", "content", "id"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        json_values.map(data) | st.sampled_from([*WITH_USAGE, b": x\n\n", b"data: {x\n\n"]) | st.binary(max_size=8),
        max_size=8,
    )
)
def test_whatever_an_upstream_streams_the_client_gets_whole_events_and_done_only_when_complete(
    pieces: list[bytes],
) -> None:
    relay = relay_of(streamed)
    sent = events(run(relay, pieces))
    assert sent[-1] == "[DONE]" if relay.complete else "error" in sent[-1]
    assert sent.count("[DONE]") == int(relay.complete)
    assert relay.feed(WITH_USAGE[0]) == b""

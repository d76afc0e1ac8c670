"""The reader of server-sent events, against an oracle that reads the whole stream at once, as the standard says it."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from douane.errors import UpstreamFailed
from douane.wire.sse import Event, SseReader

CORPUS = Path(__file__).parents[1] / "corpus" / "sse"
SAMPLES = sorted(CORPUS.glob("*.sse"))


def read(pieces, **bounds):
    reader = SseReader(**bounds)
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events, reader.finish()


def oracle(raw: bytes) -> list[tuple[bytes, str | None]]:
    """WHATWG HTML 9.2.6, word by word, on the whole stream; events without data and name are left out."""
    text = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, data, name = [], b"", b""
    for line in text.split(b"\n")[:-1]:
        if line == b"":
            if data != b"" and (data != b"\n" or name):
                events.append((data[:-1], name.decode("utf-8", "replace") or None))
            data, name = b"", b""
        elif line.startswith(b":"):
            continue
        else:
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                name = value
    return events


def cuts_of(raw: bytes):
    return st.lists(st.integers(0, len(raw)), max_size=12).map(
        lambda at: [raw[a:b] for a, b in zip([0, *sorted(at)], [*sorted(at), len(raw)], strict=True)]
    )


LINES = st.sampled_from(
    [b"data: {}", b"data:", b"data", b"data: x", b"data:  y", b"event: e", b"event:", b": c", b":", b"id: 1",
     b"retry: 3", b"", b"", b"", b"\xef\xbb\xbf", b"data: \xc3\xa9", b"junk", b"data: [DONE]"]
)  # fmt: skip
STREAMS = st.builds(
    lambda bom, parts: bom + b"".join(line + end for line, end in parts),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])), max_size=20),
)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_gives_its_events_whole_and_cut_at_every_byte(sample):
    raw = sample.read_bytes()
    expected = json.loads(sample.with_suffix(".json").read_text())
    events = [Event(e["data"].encode(), e["event"]) for e in expected["events"]]
    rest = expected["rest"] and Event(expected["rest"]["data"].encode(), expected["rest"]["event"])
    assert read([raw]) == (events, rest)
    assert read([raw[i : i + 1] for i in range(len(raw))]) == (events, rest)
    for at in range(len(raw) + 1):
        assert read([raw[:at], raw[at:]]) == (events, rest)


@given(STREAMS.flatmap(lambda raw: st.tuples(st.just(raw), cuts_of(raw))))
def test_any_stream_at_any_cut_gives_what_the_standard_says(case):
    raw, pieces = case
    assert b"".join(pieces) == raw
    events, _ = read(pieces)
    assert [tuple(event) for event in events] == oracle(raw)


@given(st.binary(max_size=300).flatmap(lambda raw: st.tuples(st.just(raw), cuts_of(raw))), st.integers(1, 40))
@example((b"\r\n", [b"\r", b"\n"]), 1)
def test_no_bytes_raise_anything_but_the_fault_of_the_bound_wherever_they_are_cut(case, bound):
    raw, pieces = case

    def outcome(parts):
        reader, events = SseReader(max_event_bytes=bound), []
        try:
            for part in parts:
                events += reader.feed(part)
            return events, reader.finish()
        except UpstreamFailed:
            with pytest.raises(UpstreamFailed):
                reader.feed(b"data: x\n\n")
            return events, "fault"

    assert outcome(pieces) == outcome([raw])
    assert outcome([raw[i : i + 1] for i in range(len(raw))]) == outcome([raw])


def test_an_event_at_the_bound_passes_and_one_byte_more_does_not():
    line = b"data: " + b"x" * 94
    assert read([line + b"\n\n"], max_event_bytes=100)[0] == [Event(b"x" * 94, None)]
    with pytest.raises(UpstreamFailed):
        read([line + b"y\n\n"], max_event_bytes=100)


@pytest.mark.parametrize(
    "stream",
    [b"x", b"data: " + b"x" * 10, b"data: xxxxxxxx\n", b":", b"event: n\ndata: d\n", b"data\n"],
    ids=["no line end", "unfinished line", "many lines", "one comment", "names and data", "empty lines of data"],
)
def test_what_is_held_never_grows_past_the_bound(stream):
    reader = SseReader(max_event_bytes=1000)
    line_bytes = len(stream.replace(b"\n", b""))
    for _ in range(1000 // line_bytes):
        assert reader.feed(stream) == []
    with pytest.raises(UpstreamFailed):
        reader.feed(stream)


def test_comments_without_an_empty_line_between_them_never_reach_the_bound():
    reader = SseReader(max_event_bytes=100)
    for _ in range(1000):
        assert reader.feed(b": keep-alive\n") == []
    assert reader.feed(b"data: x\n\n") == [Event(b"x", None)]


def test_events_before_the_one_past_the_bound_are_given_and_then_it_faults():
    reader = SseReader(max_event_bytes=20)
    assert reader.feed(b"data: a\n\ndata: " + b"x" * 50) == [Event(b"a", None)]
    with pytest.raises(UpstreamFailed):
        reader.finish()
    with pytest.raises(UpstreamFailed):
        reader.feed(b"\n\n")


def test_an_event_line_end_of_cr_alone_is_given_at_once_and_its_line_feed_is_not_another_line():
    reader = SseReader()
    assert reader.feed(b"data: a\r\n\r") == [Event(b"a", None)]
    assert reader.feed(b"\ndata: b\r\n\r\n") == [Event(b"b", None)]
    assert reader.finish() is None


def test_the_fault_says_what_and_how_but_quotes_nothing():
    with pytest.raises(UpstreamFailed) as caught:
        read([b"data: secret-content" * 10], max_event_bytes=50)
    assert caught.value.problem
    assert caught.value.fix
    assert "secret" not in str(caught.value)

"""One connection, fed bytes by hand: what it takes for an answer, what it refuses, wherever the bytes are cut."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from douane.adapters.http1.answer import MAX_BUFFERED_BYTES, Http1Answer
from douane.adapters.http1.connection import MAX_HEAD_BYTES, Connection
from douane.adapters.http1.head import Heads
from douane.core.models.catalogue import Endpoint
from douane.errors import UpstreamFailed
from douane.wire.call import Call

CORPUS = Path(__file__).parents[1] / "corpus" / "http1"
REFUSED = sorted((CORPUS / "refused").glob("*.http"))
ACCEPTED = sorted((CORPUS / "accepted").glob("*.http"))
OK = b"HTTP/1.1 200 OK\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written and remembers what was asked of it."""

    def __init__(self, protocol):
        super().__init__()
        self.protocol, self.written, self.aborted, self.paused = protocol, b"", False, False

    def writelines(self, pieces):
        self.written += b"".join(pieces)

    def get_write_buffer_size(self):
        return 0

    def is_closing(self):
        return self.aborted

    def abort(self):
        self.aborted = True

    def pause_reading(self):
        assert not self.paused
        self.paused = True

    def resume_reading(self):
        assert self.paused
        self.paused = False


class Bench:
    """A connection on a wire, with one question asked."""

    def __init__(self, loop):
        self.kept, self.losses = [], []
        self.connection = Connection(loop, 30.0, self.keep, self.losses.append)
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)
        self.answer = self.ask()

    def keep(self, connection):
        self.kept.append(connection)
        return True

    def ask(self):
        now = self.connection.loop.time()
        answer = Http1Answer(
            self.connection, "127.0.0.1:1", "local", first_byte_by=now + 60, total_by=now + 60, between_s=60
        )
        self.connection.ask((b"HEAD", b"BODY"), answer)
        return answer

    def feed(self, *pieces):
        for piece in pieces:
            if not self.wire.aborted:
                self.connection.data_received(piece)

    def end(self, error=None):
        self.connection.connection_lost(error)


async def whole(answer):
    await answer.head()
    return answer.status, await answer.body(1 << 26)


def outcome(*pieces):
    """Feed the pieces, end the connection; return status and body, or the fault's stage, and whether it was kept."""

    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(*pieces)
        kept = bool(bench.kept) and not bench.wire.aborted
        bench.end()
        try:
            return (*await whole(bench.answer), kept)
        except UpstreamFailed as fault:
            return fault

    return asyncio.run(play())


def bytes_of(raw):
    return [raw[i : i + 1] for i in range(len(raw))]


@pytest.mark.parametrize("sample", REFUSED, ids=lambda path: path.stem)
def test_what_is_no_answer_is_a_fault_whole_and_byte_by_byte(sample):
    raw = sample.read_bytes()
    for pieces in ([raw], bytes_of(raw)):
        fault = outcome(*pieces)
        assert isinstance(fault, UpstreamFailed)
        assert fault.stage in ("head", "body")
        assert fault.code == "upstream_failed"


@pytest.mark.parametrize("sample", ACCEPTED, ids=lambda path: path.stem)
def test_what_is_an_answer_is_read_the_same_however_it_is_cut(sample):
    raw, expected = sample.read_bytes(), json.loads(sample.with_suffix(".json").read_text())
    wanted = (expected["status"], expected["body"].encode())
    assert outcome(raw) == (*wanted, expected["kept"])
    assert outcome(*bytes_of(raw))[:2] == wanted
    for at in range(0, len(raw), 7):
        assert outcome(raw[:at], raw[at:])[:2] == wanted


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ACCEPTED + REFUSED), st.data())
def test_mutated_answers_end_in_an_answer_or_a_fault_of_ours(sample, data):
    raw = bytearray(sample.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        if raw:
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    result = outcome(bytes(raw))
    assert isinstance(result, UpstreamFailed) or 200 <= result[0] <= 599


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=10))
def test_the_body_is_the_bytes_that_were_sent_whatever_the_chunks(pieces):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    raw = OK + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    assert outcome(raw) == (200, b"".join(pieces), True)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (OK, b"x-a: " + b"v" * 1000 + b"\r\n"),
        (OK + b"x-a: ", b"v" * 1000),
        (b"HTTP/1.1 200 ", b"very fine" * 100),
        (OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x-trailer: " + b"v" * 1000 + b"\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n2", b";extension=" + b"v" * 1000),
    ],
    ids=["headers", "one header", "reason", "trailers", "chunk extensions"],
)
def test_bytes_that_carry_nothing_are_bounded(start, more):
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(start)
        sent = 0
        while not bench.wire.aborted:
            bench.feed(more)
            sent += len(more)
            assert sent <= MAX_HEAD_BYTES + 2 * len(more)
        with pytest.raises(UpstreamFailed):
            await whole(bench.answer)

    asyncio.run(play())


def test_a_head_above_the_bound_in_one_read_is_a_fault():
    raw = OK + b"".join(b"x-%d: %b\r\n" % (n, b"v" * 2000) for n in range(40)) + b"content-length: 0\r\n\r\n"
    assert isinstance(outcome(raw), UpstreamFailed)


def test_repeated_headers_are_joined_names_are_in_lower_case_and_interim_ones_are_gone():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(b"HTTP/1.1 103 Early Hints\r\nlink: early\r\n\r\n")
        bench.feed(OK + b"X-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n")
        await bench.answer.head()
        assert bench.answer.headers == {"x-a": "1, 2", "content-length": "0"}

    asyncio.run(play())


@pytest.mark.parametrize("piece", [b"x" * 4096, b"x"], ids=["pages", "single bytes"])
def test_reading_pauses_above_the_bound_and_goes_on_once_read(piece):
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"transfer-encoding: chunked\r\n\r\n")
        sent = 0
        while not bench.wire.paused:
            bench.feed(b"%x\r\n%b\r\n" % (len(piece), piece))
            sent += len(piece)
            assert sent // len(piece) * (len(piece) + 50) <= MAX_BUFFERED_BYTES + len(piece)
        assert len(await bench.answer.chunk()) == sent
        assert not bench.wire.paused

    asyncio.run(play())


def test_an_answer_that_ends_while_paused_gives_its_connection_back_reading():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        size = MAX_BUFFERED_BYTES + 10
        bench.feed(OK + b"content-length: %d\r\n\r\n" % size, b"x" * (size - 1))
        assert bench.wire.paused
        bench.feed(b"y")  # a transport may still hand over what it had read
        assert bench.kept == [bench.connection]
        assert not bench.wire.paused
        assert len(await bench.answer.body(size)) == size

    asyncio.run(play())


def test_an_answer_never_reads_the_bytes_of_the_next_one_on_its_connection():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"content-length: 5\r\n\r\nfirst")
        second = bench.ask()
        bench.feed(OK + b"content-length: 6\r\n\r\nsecond")
        assert await whole(bench.answer) == (200, b"first")
        assert await whole(second) == (200, b"second")
        assert await bench.answer.chunk() == b""

    asyncio.run(play())


def test_aborting_an_ended_answer_leaves_the_connection_to_the_next_one():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"content-length: 5\r\n\r\nfirst")
        second = bench.ask()
        bench.answer.abort()
        assert not bench.wire.aborted
        bench.feed(OK + b"content-length: 6\r\n\r\nsecond")
        assert await whole(second) == (200, b"second")
        assert await whole(bench.answer) == (200, b"first")

    asyncio.run(play())


def test_bytes_that_nobody_asked_for_close_an_idle_connection():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"content-length: 0\r\n\r\n")
        assert not bench.wire.aborted
        bench.feed(OK + b"content-length: 6\r\n\r\nstolen")
        assert bench.wire.aborted

    asyncio.run(play())


def test_what_came_before_a_break_is_read_before_the_fault_is_raised():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")
        bench.end(ConnectionResetError())
        assert await bench.answer.chunk() == b"{}"
        for _ in range(2):
            with pytest.raises(UpstreamFailed) as caught:
                await bench.answer.chunk()
            assert caught.value.stage == "body"

    asyncio.run(play())


def test_a_body_without_length_that_ends_by_a_reset_is_a_fault():
    async def play():
        bench = Bench(asyncio.get_running_loop())
        bench.feed(OK + b"\r\n{}")
        bench.end(ConnectionResetError())
        with pytest.raises(UpstreamFailed):
            await whole(bench.answer)

    asyncio.run(play())


def test_no_fault_quotes_what_the_upstream_sent():
    for raw in (b"SECRET", OK + b"SECRET\r\n\r\n", OK + b"content-encoding: SECRET\r\ncontent-length: 0\r\n\r\n"):
        fault = outcome(raw)
        assert isinstance(fault, UpstreamFailed)
        assert "SECRET" not in f"{fault} {fault.__cause__}"


CALLS = st.builds(
    Call,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/b"]),
    st.sampled_from([(), (("accept", "x/y"),), (("authorization", "Bearer 1"),), (("authorization", "Bearer 2"),)]),
    st.sampled_from([b"", b"{}", b"x" * 100]),
)
ENDPOINTS = st.builds(
    Endpoint, st.sampled_from(["http", "https"]), st.sampled_from(["a", "::1"]), st.just(443), st.just("")
)


@given(st.lists(st.tuples(ENDPOINTS, CALLS), max_size=20))
def test_a_head_that_was_built_before_is_the_one_that_would_be_built_now(asked):
    known = Heads()
    for endpoint, call in asked:
        assert known.head("local", endpoint, call) == Heads().head("local", endpoint, call)


def test_a_head_names_the_host_as_the_endpoint_does_and_the_port_unless_it_is_the_schemes():
    call = Call("POST", "/chat", (), b"{}")
    for endpoint, host in (
        (Endpoint("https", "api.example.org", 443, "/v1"), b"api.example.org"),
        (Endpoint("https", "api.example.org.", 8443, "/v1"), b"api.example.org:8443"),
        (Endpoint("http", "::1", 80, "/v1"), b"[::1]"),
    ):
        head = Heads().head("local", endpoint, call)
        assert head.startswith(b"POST /v1/chat HTTP/1.1\r\nhost: " + host + b"\r\n")
        assert head.endswith(b"\r\ncontent-length: 2\r\n\r\n")


def test_the_heads_that_are_kept_are_bounded():
    known = Heads()
    for n in range(1000):
        known.head("local", Endpoint("http", "a", 80, ""), Call("POST", f"/{n}", (), b"{}"))
    assert len(known._known) <= 256

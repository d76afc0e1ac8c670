"""Hostile and unusual requests: each sample of the corpus is refused, or served with exactly its body.

A sample's name says what it must provoke. After it, on the same connection, comes a second request, which is served
only where the first one's framing is beyond doubt and its answer was read.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path

import pytest
from edge_harness import HOSTS, SECOND, Echo, FakeTransport, answers, run, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from douane.http.app import Application
from douane.http.connection import Connection
from douane.http.edge import Edge
from douane.http.settings import EdgeSettings

CORPUS = Path(__file__).parent.parent / "corpus" / "http_edge"
HOST = b"Host: a.test\r\n"
CHUNKED = b"POST /v1/echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = {
    "chunk_above_the_bound": CHUNKED + b"7fffffff\r\n" + b"x" * (70 * 1024),
    "chunk_extension_without_end": CHUNKED + b"5;" + b"a" * (300 * 1024),
    "chunk_trailer_without_end": CHUNKED + b"5\r\nhello\r\n0\r\nX: " + b"a" * (300 * 1024),
    "field_too_large": b"POST /v1/echo HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 40_000 + b"\r\n\r\n",
    "field_without_end": b"POST /v1/echo HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 40_000,
    "field_name_without_end": b"POST /v1/echo HTTP/1.1\r\n" + HOST + b"y" * 40_000,
    "fields_too_many": b"POST /v1/echo HTTP/1.1\r\n"
    + HOST
    + b"".join(b"x-%d: y\r\n" % i for i in range(101))
    + b"\r\n",
    "target_too_long": b"POST /v1/echo?" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "target_without_end": b"POST /" + b"a" * 5000,
    "empty_lines_without_end": b"\r\n" * 300_000,
}


def samples(folder: str) -> dict[str, bytes]:
    found = {path.stem: path.read_bytes() for path in sorted((CORPUS / folder).glob("*.http"))}
    assert found
    return found


REFUSED = {**samples("refused"), **LONG}
SERVED = samples("served")


def test_no_refused_sample_is_served_nor_the_request_behind_it() -> None:
    async def scenario() -> None:
        wrong = []
        async with serving(max_body_bytes=64 * 1024) as (client, echo, _):
            for name, sample in REFUSED.items():
                got = await client.exchange(sample + SECOND)
                if len(got) != 1 or not 400 <= got[0].status < 600 or not got[0].error:
                    wrong.append((name, got))
                assert got[0].headers["connection"] == "close", name
            assert wrong == []
            assert echo.bodies == []

    run(scenario)


def test_every_served_sample_arrives_with_its_exact_body_and_then_the_request_after_its_answer() -> None:
    async def scenario() -> None:
        async with serving() as (client, _, _):
            for name, sample in SERVED.items():
                wire = await client.open(sample)
                first = await wire.answer()
                assert first.status == 200, name
                said = json.loads(first.body)
                assert said["path"] == "/v1/echo", name
                assert said["body"] == ("hello" if said["method"] == "POST" else ""), name
                wire.send(SECOND)
                rest = answers(await wire.rest()) if "connection" in first.headers else [await wire.answer()]
                served_second = [json.loads(answer.body)["path"] for answer in rest]
                assert served_second == ([] if "connection" in first.headers else ["/v1/second"]), name

    run(scenario)


@pytest.mark.parametrize("name", ["length", "chunked"])
def test_a_pipelined_request_is_never_served_and_the_first_answer_says_close(name: str) -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, _):
            [answer] = await client.exchange(SERVED[name] + SECOND * 50)
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
            assert [head.path for head in echo.heads] == ["/v1/echo"]

    run(scenario)


# --- the same, cut at every byte, and fuzz: without sockets, so that thousands are quick


async def feed(parts: list[bytes], *, max_body_bytes: int = 64 * 1024) -> tuple[Echo, FakeTransport, list[str]]:
    echo, faults = Echo(), []
    edge = Edge(
        Application(echo, probes={}, report=faults.append).handle,
        EdgeSettings(hosts=HOSTS, max_body_bytes=max_body_bytes),
        loop=asyncio.get_running_loop(),
        request_id=lambda: "req_test",
        crashed=lambda fault: faults.append(type(fault).__name__),
    )
    transport = FakeTransport()
    connection = Connection(edge)
    connection.connection_made(transport)
    for part in parts:
        if transport.is_closing():
            break
        connection.data_received(part)
        await asyncio.sleep(0)
    for _ in range(6):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    for task in tuple(edge.tasks):
        await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert not edge.tasks
    assert edge.waiting_bytes == 0
    assert not edge.connections
    return echo, transport, faults


@pytest.mark.parametrize("sample", [*SERVED.values()], ids=[*SERVED])
def test_a_served_sample_is_read_alike_wherever_it_is_cut(sample: bytes) -> None:
    async def scenario() -> None:
        for cut in range(1, len(sample)):
            echo, transport, _ = await feed([sample[:cut], sample[cut:]])
            assert echo.bodies == [b"hello" if b"POST" in sample else b""], cut
            assert answers(bytes(transport.written))[-1].status == 200, cut
        echo, _, _ = await feed([sample[i : i + 1] for i in range(len(sample))])
        assert echo.bodies == [b"hello" if b"POST" in sample else b""]

    asyncio.run(scenario())


def test_a_refused_sample_is_refused_wherever_it_is_cut() -> None:
    async def scenario() -> None:
        for name, sample in samples("refused").items():
            for cut in range(1, len(sample), max(1, len(sample) // 24)):
                echo, transport, faults = await feed([sample[:cut], sample[cut:] + SECOND])
                assert echo.bodies == [], (name, cut)
                assert faults == [], (name, cut)
                [answer] = answers(bytes(transport.written))
                assert answer.error, (name, cut)

    asyncio.run(scenario())


_PIECES = [*SERVED.values(), *samples("refused").values(), b"\r\n", b"\r\n\r\n", b"\0", b": ", b"0\r\n\r\n", SECOND]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from([*SERVED.values(), *samples("refused").values()])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                del data[at : at + draw(st.integers(1, 9))]
            case 2:
                data[at:at] = draw(st.sampled_from(_PIECES))
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 20))]
    return bytes(data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.one_of(mutated(), st.binary(max_size=300)), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_whatever_comes_the_edge_stands_and_speaks_json_and_serves_at_most_whole_requests(
    data: bytes, cuts: list[int]
) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [data[a:b] for a, b in itertools.pairwise(edges)]
    echo, transport, faults = asyncio.run(feed(parts))
    assert faults == []
    for answer in answers(bytes(transport.written)):
        assert answer.status == 200 or answer.error
    assert transport.writes <= 2 * max(1, len(echo.heads)) + 1


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.binary(min_size=1, max_size=40), max_size=20), chunked=st.booleans())
def test_a_body_arrives_byte_for_byte_however_it_is_chunked_and_segmented(parts: list[bytes], chunked: bool) -> None:
    body = b"".join(parts)
    if chunked:
        framed = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        segments = [framed[i : i + 7] for i in range(0, len(framed), 7)]
    else:
        segments = [b"POST /v1/echo HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body), *parts]
    echo, _, _ = asyncio.run(feed(segments))
    assert echo.bodies == [body]

"""Slow, silent and vanishing clients: nobody holds a connection, a handler or memory by doing nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import pytest
from edge_harness import (
    GET,
    PATIENCE_S,
    Echo,
    FakeTransport,
    Held,
    Script,
    Wire,
    answers,
    post,
    run,
    serving,
    soon,
    sweeps,
    until,
)

from douane.http.app import Application
from douane.http.connection import Connection
from douane.http.edge import Edge
from douane.http.server import Server
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, ClientGone, Head, Sink

FOREVER_S = 3600.0


async def drip(wire: Wire, server: Server, parts: Iterable[bytes]) -> None:
    """Send part after part, one between two sweeps, until the server closes."""
    for part in parts:
        if wire.reader.at_eof() or wire.writer.is_closing():
            return
        wire.send(part)
        await sweeps(server, 1)


def fake_connection() -> tuple[Edge, Connection, FakeTransport]:
    app = Application(Echo(), probes={})
    edge = Edge(
        app.handle,
        EdgeSettings(hosts=("a.test",)),
        loop=asyncio.get_running_loop(),
        request_id=app.request_id,
        crashed=lambda _fault: None,
    )
    connection, transport = Connection(edge), FakeTransport()
    connection.connection_made(transport)
    return edge, connection, transport


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def scenario() -> None:
        async with serving(head_s=0.05, body_s=FOREVER_S, idle_s=FOREVER_S) as (client, _, _):
            assert await (await client.open()).rest() == b""

    run(scenario)


@pytest.mark.parametrize("sent", [GET[:1], GET[:-2], b"\r\n", b"POST"], ids=["byte", "no end", "empty line", "method"])
def test_a_half_sent_head_is_answered_408_and_closed(sent: bytes) -> None:
    async def scenario() -> None:
        async with serving(head_s=0.05, body_s=FOREVER_S, idle_s=FOREVER_S) as (client, echo, _):
            [answer] = await client.exchange(sent)
            assert (answer.status, answer.error["code"]) == (408, "request_timeout")
            assert echo.heads == []

    run(scenario)


def test_a_head_that_drips_does_not_renew_its_deadline() -> None:
    async def scenario() -> None:
        async with serving(head_s=0.1, body_s=FOREVER_S, idle_s=FOREVER_S) as (client, _, server):
            wire = await client.open(b"GET /v1/echo HTTP/1.1\r\n")
            fields = (b"x-%d: y\r\n" % i for i in range(90))
            dripping = asyncio.create_task(drip(wire, server, itertools.chain(fields, itertools.repeat(b"x"))))
            [answer] = answers(await wire.rest())
            dripping.cancel()
            assert answer.status == 408

    run(scenario)


def test_a_half_sent_head_after_an_answered_request_has_the_same_deadline() -> None:
    async def scenario() -> None:
        async with serving(head_s=0.05, body_s=FOREVER_S, idle_s=FOREVER_S) as (client, _, _):
            wire = await client.open(GET)
            assert (await wire.answer()).status == 200
            wire.send(GET[:10])
            [answer] = answers(await wire.rest())
            assert answer.status == 408

    run(scenario)


def test_a_half_sent_body_is_answered_408_by_the_handler_that_waits_for_it() -> None:
    async def scenario() -> None:
        async with serving(head_s=FOREVER_S, body_s=0.05, idle_s=FOREVER_S) as (client, echo, _):
            [answer] = await client.exchange(post(b"x" * 100)[:-1])
            assert (answer.status, answer.error["code"]) == (408, "request_timeout")
            assert answer.headers["connection"] == "close"
            assert (len(echo.heads), echo.bodies) == (1, [])

    run(scenario)


def test_a_body_that_drips_below_the_least_rate_is_cut_off_and_one_above_it_is_not() -> None:
    async def scenario() -> None:
        slow = {"head_s": FOREVER_S, "body_s": 0.05, "idle_s": FOREVER_S}
        async with serving(**slow, body_min_bytes_per_s=10_000) as (client, _, server):
            wire = await client.open(post(b"x" * 1000)[:-1000])
            dripping = asyncio.create_task(drip(wire, server, itertools.repeat(b"x")))
            [answer] = answers(await wire.rest())
            dripping.cancel()
            assert answer.status == 408
        async with serving(**slow, body_min_bytes_per_s=1) as (client, echo, server):
            wire = await client.open(post(b"x" * 40)[:-40])
            await drip(wire, server, [b"x"] * 40)
            assert (await wire.answer()).status == 200
            assert echo.bodies == [b"x" * 40]

    run(scenario)


def test_an_idle_connection_is_closed_after_its_time() -> None:
    async def scenario() -> None:
        async with serving(head_s=FOREVER_S, body_s=FOREVER_S, idle_s=0.05) as (client, _, _):
            wire = await client.open(GET)
            assert (await wire.answer()).status == 200
            assert await wire.rest() == b""

    run(scenario)


def test_a_client_that_keeps_its_side_open_after_a_refusal_is_let_go() -> None:
    async def scenario() -> None:
        async with serving(linger_s=0.05) as (client, _, server):
            wire = await client.open(b"nonsense\r\n\r\n")
            assert answers(await wire.rest())[0].status == 400
            await soon(server.edge.quiet.wait())

    run(scenario)


def test_a_running_handler_has_no_deadline_of_the_edge() -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await body.read()
            await go_on.wait()
            await sink.answer(200, (), b"done")

        brief = {"head_s": 0.02, "body_s": 0.02, "idle_s": 0.02, "write_stall_s": 0.02, "linger_s": 0.02}
        async with serving(Script(handle), **brief) as (client, _, server):
            wire = await client.open(post(b"hello"))
            await sweeps(server, 10)
            go_on.set()
            assert (await wire.answer()).body == b"done"

    run(scenario)


# --- clients that do not read


class Flood:
    """A handler that writes for ever. `sent` is what its writes accepted, `ended` how it ended."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended: type[BaseException] | None = None
        self.over = asyncio.Event()

    async def handle(self, head: Head, body: Body, sink: Sink) -> None:
        await body.read()
        try:
            await sink.start(200, ())
            while True:
                await sink.write(b"x" * 65536)
                self.sent += 65536
        except BaseException as end:
            self.ended = type(end)
            raise
        finally:
            self.over.set()


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_client_that_does_not_read_stops_the_handler_from_writing_and_is_cut(version: bytes) -> None:
    async def scenario() -> None:
        async with serving(Flood(), write_stall_s=0.3) as (client, flood, server):
            wire = await client.open(post(b"hello").replace(b"HTTP/1.1", b"HTTP/" + version), limit=1024)
            wire.writer.transport.pause_reading()
            await soon(flood.over.wait())
            assert flood.ended in (asyncio.CancelledError, ClientGone)
            assert 0 < flood.sent <= 16 * 1024 * 1024
            await soon(server.edge.quiet.wait())

    run(scenario)


def test_a_stalled_reader_that_reads_on_gets_every_byte() -> None:
    async def scenario() -> None:
        total = 24 * 1024 * 1024

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.start(200, ())
            for _ in range(total // 65536):
                await sink.write(b"x" * 65536)
            await sink.end()

        async with serving(Script(handle)) as (client, _, server):
            wire = await client.open(GET, limit=1024)
            await until(lambda: any(connection.write_paused for connection in server.edge.connections))
            [answer] = answers(await _until(wire, b"\r\n0\r\n\r\n"))
            assert (answer.whole, len(answer.body)) == (True, total)

    run(scenario)


async def _until(wire: Wire, end: bytes) -> bytes:
    data = bytearray()
    while not data.endswith(end):
        data += await soon(wire.reader.read(1 << 20))
    return bytes(data)


def test_a_client_that_reads_no_answers_gets_no_further_requests_served() -> None:
    async def scenario() -> None:
        served = 0

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            nonlocal served
            served += 1
            await sink.answer(200, (), b"x" * 1024 * 1024)

        async with serving(Script(handle), write_stall_s=0.3, sweep_s=0.002) as (client, _, server):
            wire = await client.open(GET, limit=1024)
            wire.writer.transport.pause_reading()
            for _ in range(60):
                await sweeps(server, 1)
                wire.send(GET)
            await soon(server.edge.quiet.wait())
            assert 1 <= served <= 16

    run(scenario)


def test_input_is_not_read_while_an_answer_waits_to_be_read() -> None:
    async def scenario() -> None:
        _, connection, transport = fake_connection()
        connection.data_received(GET)
        connection.pause_writing()
        for _ in range(4):
            await asyncio.sleep(0)
        assert transport.reading_paused
        connection.resume_writing()
        assert not transport.reading_paused
        connection.connection_lost(None)

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [b"5;" + b"a" * 300_000, b"1;" + b"b" * 80 + b"\r\nx\r\n"], ids=["one", "each"])
def test_chunks_that_carry_more_framing_than_content_are_refused_long_before_any_deadline(sent: bytes) -> None:
    async def scenario() -> None:
        head = b"POST /v1/echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with serving(head_s=FOREVER_S, body_s=FOREVER_S) as (client, echo, _):
            [answer] = await client.exchange(head + sent * (1 + 500_000 // len(sent)))
            assert (answer.status, answer.error["code"]) == (400, "invalid_request")
            assert echo.bodies == []

    run(scenario)


def test_a_client_that_sends_without_end_after_its_request_is_cut() -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await asyncio.Event().wait()

        async with serving(Script(handle), max_dropped_bytes=1_000_000) as (client, _, server):
            wire = await client.open(GET)
            wire.send(b"x" * 500_000)
            await until(lambda: server.edge.tasks)
            await sweeps(server, 5)
            assert server.edge.tasks
            wire.send(b"x" * 1_000_000)
            await soon(server.edge.quiet.wait())

    run(scenario)


# --- clients that leave


@pytest.mark.parametrize("streaming", [False, True], ids=["before the answer", "within a stream"])
@pytest.mark.parametrize("how", ["close", "abort", "half-close"])
def test_a_client_that_leaves_cancels_its_handler(streaming: bool, how: str) -> None:
    async def scenario() -> None:
        held = Held(streaming=streaming)
        async with serving(held) as (client, _, server):
            wire = await client.open(post(b"hello"))
            await soon(held.running.wait())
            if how == "half-close":
                wire.writer.write_eof()
            elif how == "close":
                wire.writer.close()
            else:
                wire.writer.transport.abort()
            await soon(held.cancelled.wait())
            await soon(server.edge.quiet.wait())

    run(scenario)


def test_a_client_that_leaves_within_its_body_cancels_its_handler() -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, server):
            wire = await client.open(post(b"x" * 100)[:-50])
            await until(lambda: echo.heads)
            wire.writer.transport.abort()
            await soon(server.edge.quiet.wait())
            assert echo.bodies == []

    run(scenario)


def test_what_a_handler_does_after_its_answer_is_not_cancelled_by_a_client_that_leaves() -> None:
    async def scenario() -> None:
        left, settled = asyncio.Event(), []

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.answer(200, (), b"ok")
            await left.wait()
            settled.append(True)

        async with serving(Script(handle), drain_s=PATIENCE_S) as (client, _, server):
            wire = await client.open(GET)
            assert (await wire.answer()).body == b"ok"
            await wire.hang_up()
            await until(lambda: not server.edge.connections)
            left.set()
            await soon(server.edge.quiet.wait())
            assert settled == [True]

    run(scenario)


def test_connections_above_the_bound_get_503_while_all_others_are_busy() -> None:
    async def scenario() -> None:
        async with serving(max_connections=2) as (client, _, server):
            first, second = await client.open(post(b"x" * 9)[:-1]), await client.open(GET[:-2])
            await until(lambda: [connection.is_idle() for connection in server.edge.connections] == [False] * 2)
            [refused] = await client.exchange(GET)
            assert (refused.status, refused.error["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            second.send(GET[-2:])
            assert (await second.answer()).status == 200
            first.send(b"x")
            assert (await first.answer()).status == 200

    run(scenario)


def test_the_longest_idle_connection_gives_way_to_a_new_one() -> None:
    async def scenario() -> None:
        async with serving(max_connections=2, head_s=FOREVER_S, idle_s=FOREVER_S) as (client, _, _):
            hoarded = await client.open(GET)
            assert (await hoarded.answer()).status == 200
            for _ in range(4):
                silent = await client.open()
                assert (await (await client.open(GET)).answer()).status == 200
                assert await hoarded.rest() == b""
                hoarded = silent

    run(scenario)


def test_a_slow_reader_of_a_large_answer_is_not_cut_while_it_reads_a_fair_part_in_time() -> None:
    async def scenario() -> None:
        edge, connection, transport = fake_connection()
        stall = edge.settings.write_stall_s
        transport.unsent = 1_000_000
        connection.pause_writing()
        for unsent in (900_000, 800_000, 100_000, 30_000):
            transport.unsent = unsent
            edge.now = connection.stall_deadline
            connection.expire_stall()
            assert not transport.aborted
            assert connection.stall_deadline == edge.now + stall
        transport.unsent = 29_000
        connection.expire_stall()
        assert transport.aborted
        connection.connection_lost(None)

    asyncio.run(scenario())


def test_connections_far_above_the_bound_are_closed_without_a_word() -> None:
    async def scenario() -> None:
        async with serving(max_connections=1, linger_s=FOREVER_S, write_stall_s=FOREVER_S) as (client, _, server):
            await client.open(b"GET")
            await until(lambda: [connection.is_idle() for connection in server.edge.connections] == [False])
            wires = [await client.open() for _ in range(64)]
            await until(lambda: len(server.edge.connections) == 65)
            assert answers(await wires[-1].rest())[0].status == 503
            assert await (await client.open()).rest() == b""
            client.close()

    run(scenario)

"""Sizes, reuse of connections, and how an answer leaves."""

from __future__ import annotations

import asyncio
import json

import pytest
from edge_harness import (
    GET,
    SECOND,
    Echo,
    FakeTransport,
    Script,
    answers,
    post,
    run,
    serving,
    soon,
    sweeps,
    until,
)

from douane.errors import DouaneError, RateLimited, Unauthenticated
from douane.http.app import Application
from douane.http.connection import Connection
from douane.http.edge import Edge
from douane.http.response import error_page, head_bytes
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, Head, Sink

TEN_MB = 10_000_000


def test_a_ten_megabyte_body_is_413_before_a_byte_of_it_is_read() -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, _):
            [answer] = await client.exchange(post(b"x" * TEN_MB))
            assert (answer.status, answer.error["code"]) == (413, "too_large")
            assert answer.headers["x-should-retry"] == "false"
            assert echo.heads == []

    run(scenario)


def test_a_ten_megabyte_chunked_body_is_413_once_it_passes_the_bound() -> None:
    async def scenario() -> None:
        chunked = GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        async with serving(max_body_bytes=1_000_000) as (client, echo, _):
            [answer] = await client.exchange(chunked + chunk * 160 + b"0\r\n\r\n")
            assert (answer.status, answer.error["code"]) == (413, "too_large")
            assert echo.bodies == []

    run(scenario)


HEAVY = {
    "many fields": b"".join(b"X-%d: y\r\n" % number for number in range(101)),
    "one long field": b"X-Long: " + b"y" * 40_000 + b"\r\n",
    "many long fields": b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1000) for number in range(40)),
}


@pytest.mark.parametrize("ending", [b"\r\n", b""], ids=["whole", "without its end"])
@pytest.mark.parametrize("fields", HEAVY.values(), ids=HEAVY.keys())
def test_a_head_above_its_bounds_is_431_whether_or_not_its_end_is_there(fields: bytes, ending: bytes) -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, _):
            [answer] = await client.exchange(GET.removesuffix(b"\r\n") + fields + ending)
            assert (answer.status, answer.error["code"]) == (431, "headers_too_large")
            assert echo.heads == []

    run(scenario)


def test_a_head_below_its_bounds_is_served_however_large_what_follows_it() -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, _):
            fields = [b"X-%d: %b" % (number, b"y" * 300) for number in range(95)]
            wire = await client.open(post(b"z" * 60_000, *fields))
            assert (await wire.answer()).status == 200
            assert len(echo.heads[0].headers) == 97

    run(scenario)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
def test_a_body_up_to_the_bound_arrives_whole(size: int) -> None:
    async def scenario() -> None:
        body = bytes(range(256)) * (size // 256) + b"y" * (size % 256)
        async with serving(max_body_bytes=1_000_000) as (client, echo, _):
            wire = await client.open(post(body), limit=1 << 22)
            assert (await wire.answer()).status == 200
            assert echo.bodies == [body]
            wire.send(SECOND)
            assert (await wire.answer()).status == 200

    run(scenario)


def test_bodies_together_are_bounded_and_the_bound_is_given_back() -> None:
    async def scenario() -> None:
        async with serving(max_waiting_bytes=100_000) as (client, _, server):
            holding = await client.open(post(b"x" * 90_000)[:-1])
            await until(lambda: server.edge.waiting_bytes > 89_000)
            [answer] = await client.exchange(post(b"x" * 20_000))
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            holding.send(b"x")
            assert (await holding.answer()).status == 200
            assert (await (await client.open(post(b"x" * 90_000))).answer()).status == 200

    run(scenario)


def test_a_body_nobody_asked_for_is_not_read_beyond_a_little() -> None:
    async def scenario() -> None:
        refused, read_on = asyncio.Event(), asyncio.Event()

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            refused.set()
            await read_on.wait()
            raise Unauthenticated("No key.", "Send one.")

        async with serving(Script(handle)) as (client, _, server):
            wire = await client.open(post(b"x" * 4_000_000))
            await soon(refused.wait())
            await sweeps(server, 20)
            assert server.edge.waiting_bytes <= 64 * 1024 + 256 * 1024
            read_on.set()
            [answer] = answers(await wire.rest())
            assert (answer.status, answer.headers["connection"]) == (401, "close")

    run(scenario)


def test_a_connection_is_used_again_after_an_error_whose_request_was_read_whole() -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await body.read()
            if head.path == "/v1/echo":
                raise RateLimited("Too many.", "Wait.", retry_after_s=0.2)
            await sink.answer(200, (), b"second")

        async with serving(Script(handle)) as (client, _, _):
            wire = await client.open(post(b"hello"))
            first = await wire.answer()
            assert (first.status, first.error["code"], first.headers["retry-after"]) == (429, "rate_limited", "1")
            assert "connection" not in first.headers
            wire.send(SECOND)
            assert (await wire.answer()).body == b"second"

    run(scenario)


def test_an_answer_given_before_the_body_was_read_closes_the_connection_after_it() -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            raise Unauthenticated("No key.", "Send one.")

        async with serving(Script(handle)) as (client, _, _):
            wire = await client.open(post(b"x" * 200_000)[:-1])
            [answer] = answers(await wire.rest())
            assert (answer.status, answer.headers["connection"]) == (401, "close")

    run(scenario)


def test_continue_is_said_only_when_the_body_is_wanted_and_fits() -> None:
    async def scenario() -> None:
        async with serving(max_body_bytes=100) as (client, _, _):
            wire = await client.open(post(b"hello", b"Expect: 100-continue")[:-5])
            assert await soon(wire.reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.send(b"hello")
            assert json.loads((await wire.answer()).body)["body"] == "hello"
            raw = await (await client.open(post(b"x" * 101, b"Expect: 100-continue")[:-101])).rest()
            assert raw.startswith(b"HTTP/1.1 413 ")

    run(scenario)


def test_continue_is_never_said_to_a_client_that_does_not_expect_it() -> None:
    async def scenario() -> None:
        async with serving() as (client, echo, server):
            wire = await client.open(post(b"hello", b"Connection: close")[:-5])
            await until(lambda: echo.heads)
            await sweeps(server, 2)
            wire.send(b"hello")
            assert (await wire.rest()).startswith(b"HTTP/1.1 200 ")

    run(scenario)


def test_a_stream_ends_cleanly_by_end_alone() -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.start(200, ((b"content-type", b"text/event-stream"),))
            await sink.write(b"data: 1\n\n")
            await sink.write(b"")
            await sink.write(b"data: 2\n\n")
            match head.path:
                case "/v1/end":
                    await sink.end()
                case "/v1/cut":
                    sink.cut()
                case "/v1/error":
                    raise RateLimited("Too late.", "Wait.")
                case "/v1/return":
                    return

        async with serving(Script(handle)) as (client, _, _):
            for path, whole in (("end", True), ("cut", False), ("error", False), ("return", False)):
                request = GET.replace(b"/v1/echo", b"/v1/" + path.encode()).replace(
                    b"Host", b"Connection: close\r\nHost"
                )
                [answer] = await client.exchange(request)
                assert (answer.body, answer.whole) == (b"data: 1\n\ndata: 2\n\n", whole), path

    run(scenario)


def test_a_cut_towards_http_1_0_is_a_reset_and_never_a_clean_end() -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.start(200, ())
            await sink.write(b"data: 1\n\n")
            await body.read()
            if head.path == "/v1/cut":
                sink.cut()
            else:
                await sink.end()

        async with serving(Script(handle)) as (client, _, _):
            request = post(b"hello", path=b"/v1/cut").replace(b"HTTP/1.1", b"HTTP/1.0")
            wire = await client.open(request[:-1])
            assert await soon(wire.reader.readuntil(b"data: 1\n\n"))
            wire.send(request[-1:])
            with pytest.raises(ConnectionResetError):
                await soon(wire.reader.read())
            raw = await (await client.open(request.replace(b"/v1/cut", b"/v1/end"))).rest()
            assert raw.endswith(b"data: 1\n\n")
            assert b"transfer-encoding" not in raw

    run(scenario)


def test_a_handler_that_answers_nothing_or_raises_gets_500_in_its_stead_without_its_text() -> None:
    async def scenario() -> None:
        told: list[str] = []

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            if head.path == "/v1/raise":
                raise ValueError("the customer's secret")

        app = Application(Script(handle), probes={}, report=told.append)
        async with serving(app=app) as (client, _, _):
            for path in (b"/v1/raise", b"/v1/return"):
                raw = await (await client.open(GET.replace(b"/v1/echo", path))).reader.readuntil(b"}}}")
                [answer] = answers(raw)
                assert (answer.status, answer.error["code"]) == (500, "internal")
                assert b"secret" not in raw
            assert len(told) == 1
            assert "type=ValueError" in told[0]
            assert "secret" not in told[0]

    run(scenario)


def test_a_body_reads_the_same_twice_and_an_answer_is_given_once() -> None:
    async def scenario() -> None:
        wrong: list[str] = []

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            assert await body.read() == await body.read() == b"hello" * 20_000
            for misuse in (sink.write(b"early"), sink.end()):
                with pytest.raises(RuntimeError):
                    await misuse
            await sink.answer(200, (), b"once")
            for misuse in (sink.answer(200, (), b"twice"), sink.start(200, ()), sink.write(b"late"), sink.end()):
                with pytest.raises(RuntimeError):
                    await misuse
            sink.cut()
            wrong.append("none")

        async with serving(Script(handle)) as (client, _, _):
            wire = await client.open(post(b"hello" * 20_000), limit=1 << 20)
            assert (await wire.answer()).body == b"once"
            wire.send(SECOND[:10])
            await until(lambda: wrong == ["none"])

    run(scenario)


def test_head_gets_the_headers_of_the_answer_without_its_body() -> None:
    async def scenario() -> None:
        async with serving() as (client, _, _):
            wire = await client.open(GET.replace(b"GET", b"HEAD"))
            head = await soon(wire.reader.readuntil(b"\r\n\r\n"))
            assert b"\r\ncontent-length: 50\r\n" in head
            wire.send(SECOND)
            assert (await wire.answer()).status == 200

    run(scenario)


def test_an_answer_leaves_in_one_write_and_a_stream_in_one_write_a_part() -> None:
    async def handle(head: Head, body: Body, sink: Sink) -> None:
        if head.path == "/v1/whole":
            await sink.answer(200, (), b"x" * 1000)
        else:
            await sink.start(200, ())
            for _ in range(3):
                await sink.write(b"data\n\n")
            await sink.end()

    async def scenario() -> None:
        edge = Edge(
            Application(Script(handle), probes={}).handle,
            EdgeSettings(hosts=("a.test",)),
            loop=asyncio.get_running_loop(),
            request_id=lambda: "r",
            crashed=lambda fault: None,
        )
        for path, writes in ((b"/v1/whole", 1), (b"/v1/stream", 4)):
            transport, connection = FakeTransport(), Connection(edge)
            connection.connection_made(transport)
            connection.data_received(GET.replace(b"/v1/echo", path))
            for _ in range(5):
                await asyncio.sleep(0)
            assert transport.writes == writes
            connection.connection_lost(None)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "field", [(b"x", b"a\r\nset-cookie: b"), (b"x\r\ny", b"a"), (b"x", b"a\0"), (b"x", b"a\nb"), (b"x", b"a\rb")]
)
def test_a_header_can_not_break_an_answers_head_in_two(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="line break"):
        head_bytes(200, [field], b"", close=False)


def test_every_error_of_the_family_is_an_answer_in_the_dialect_of_its_path() -> None:
    for cls in DouaneError.__subclasses__():
        if cls.__init__ is DouaneError.__init__:
            page = error_page(cls("It broke.", "Mend it."), "req_1", "/v1/messages")
            said = json.loads(page.body)
            assert (page.status, said["type"]) == (cls.status, "error")
            assert json.loads(error_page(cls("It broke.", "Mend it."), "req_1").body)["error"]["code"] == cls.code


def test_the_gateway_sees_the_decoded_path_the_raw_query_lower_names_and_the_peer() -> None:
    async def scenario() -> None:
        async with serving(Echo()) as (client, echo, _):
            request = b"GET /v1/%65cho?a=%20b HTTP/1.1\r\nHost: a.test\r\nX-A: 1 \r\nx-a: 2\r\n\r\n"
            await (await client.open(request)).answer()
            [head] = echo.heads
            assert (head.method, head.path, head.query, head.peer) == ("GET", "/v1/echo", b"a=%20b", "127.0.0.1")
            assert (head.first(b"x-a"), head.all(b"x-a"), head.first(b"x-b")) == (b"1", [b"1", b"2"], None)

    run(scenario)

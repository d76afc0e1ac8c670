"""The application as the guest of another ASGI server (uvicorn): what the gateway relies on holds there as well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from edge_harness import GET, HOSTS, Client, Echo, Held, Script, answers, post, run, serving, soon, until

from douane.errors import RateLimited
from douane.http.app import Application
from douane.http.guest import Cut
from douane.http.settings import EdgeSettings
from douane.wire.head import Body, Head, Sink


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("uvicorn.error")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


@asynccontextmanager
async def visiting(handler: Any = None, **bounds: Any):
    """As `serving`, with uvicorn in front."""
    handler = handler or Echo()
    told: list[str] = []
    bounds = {"hosts": HOSTS, "max_body_bytes": 100_000, **bounds}
    app = Application(handler, probes={}, report=told.append, settings=EdgeSettings(**bounds))
    config = uvicorn.Config(
        app,
        port=0,
        http="httptools",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    client = Client(server.servers[0].sockets[0].getsockname()[1])
    try:
        yield client, handler, server
    finally:
        client.close()
        server.should_exit = True
        await soon(running)
        assert told == []


FRONTS = pytest.mark.parametrize("front", [serving, visiting], ids=["edge", "guest"])


@FRONTS
def test_a_request_arrives_whole_and_its_answer_too(front: Any) -> None:
    async def scenario() -> None:
        async with front() as (client, echo, _):
            wire = await client.open(post(b"x" * 90_000, path=b"/v1/%65cho?a=b"), limit=1 << 20)
            assert (await wire.answer()).status == 200
            [head] = echo.heads
            assert (head.method, head.path, head.query, head.peer) == ("POST", "/v1/echo", b"a=b", "127.0.0.1")
            assert echo.bodies == [b"x" * 90_000]

    run(scenario)


@FRONTS
def test_a_body_above_the_bound_is_413_and_an_unknown_host_400(front: Any) -> None:
    async def scenario() -> None:
        async with front(max_body_bytes=100_000) as (client, echo, _):
            answer = await (await client.open(post(b"x" * 100_001), limit=1 << 20)).answer()
            assert (answer.status, answer.error["code"]) == (413, "too_large")
            chunked = b"POST /v1/echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            wire = await client.open(chunked + b"186a1\r\n" + b"x" * 100_001 + b"\r\n", limit=1 << 20)
            answer = await wire.answer()
            assert (answer.status, answer.error["code"]) == (413, "too_large")
            answer = await (await client.open(GET.replace(b"a.test", b"b.test"))).answer()
            assert (answer.status, answer.error["code"]) == (400, "invalid_request")
            assert echo.bodies == []

    run(scenario)


@FRONTS
@pytest.mark.parametrize("streaming", [False, True])
def test_a_client_that_leaves_cancels_its_handler_on_either_front(front: Any, streaming: bool) -> None:
    async def scenario() -> None:
        held = Held(streaming=streaming)
        async with front(held) as (client, _, _):
            wire = await client.open(post(b"hello"))
            await soon(held.running.wait())
            wire.writer.transport.abort()
            await soon(held.cancelled.wait())

    run(scenario)


@FRONTS
@pytest.mark.parametrize("way", ["end", "cut", "return", "raise"])
def test_only_an_ended_stream_looks_whole(front: Any, way: str) -> None:
    async def scenario() -> None:
        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.start(200, ())
            await sink.write(b"data: 1\n\n")
            if way == "end":
                await sink.end()
            elif way == "cut":
                sink.cut()
            elif way == "raise":
                await body.read()
                raise RateLimited("Too late.", "Wait.")

        async with front(Script(handle)) as (client, _, _):
            [answer] = answers(await (await client.open(GET.replace(b"Host", b"Connection: close\r\nHost"))).rest())
            assert (answer.body, answer.whole) == (b"data: 1\n\n", way == "end")

    run(scenario)


@FRONTS
def test_a_client_that_does_not_read_makes_write_wait(front: Any) -> None:
    async def scenario() -> None:
        sent = 0

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            nonlocal sent
            await sink.start(200, ())
            while True:
                await sink.write(b"x" * 65536)
                sent += 65536

        async with front(Script(handle)) as (client, _, _):
            wire = await client.open(GET, limit=1024)
            wire.writer.transport.pause_reading()
            last = -1
            while sent != last or not sent:
                last = sent
                for _ in range(500):
                    await asyncio.sleep(0)
            assert sent <= 16 * 1024 * 1024
            client.close()

    run(scenario)


@pytest.mark.parametrize("way", ["cut", "return", "raise"])
def test_an_answer_that_was_not_ended_leaves_the_application_by_an_exception(way: str) -> None:
    async def handle(head: Head, body: Body, sink: Sink) -> None:
        await sink.start(200, ())
        if way == "cut":
            sink.cut()
        elif way == "raise":
            raise RateLimited("Too late.", "Wait.")

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        assert message["type"] == "http.response.start"

    async def scenario() -> None:
        scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [(b"host", b"a.test")]}
        with pytest.raises(Cut):
            await Application(Script(handle), probes={}, settings=EdgeSettings(hosts=HOSTS))(scope, receive, send)

    run(scenario)

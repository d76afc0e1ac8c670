"""Paths, probes, start and stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import MutableMapping
from typing import Any

import pytest
from edge_harness import GET, HOSTS, Echo, Script, answers, post, run, serving, soon, until

from douane.errors import ConfigurationError, PortTaken
from douane.http.app import Application, reading_page
from douane.http.hosts import KnownHosts, host_name, way_to
from douane.http.server import Server, probe_address, serve
from douane.http.settings import EdgeSettings
from douane.wire.head import STOPPING, Body, Head, Sink


def app_with(**more: Any) -> Application:
    return Application(
        Echo(), probes={"/healthz": lambda _head: reading_page(200, b"application/json", b'{"ok":true}')}, **more
    )


def request(line: bytes) -> bytes:
    return line + b" HTTP/1.1\r\nHost: a.test\r\n\r\n"


def test_paths_go_where_they_belong() -> None:
    async def scenario() -> None:
        mounted: list[str] = []

        async def other(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            mounted.append(scope["path"])
            await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"99")]})
            await send({"type": "http.response.body", "body": b"con", "more_body": True})
            await send({"type": "http.response.body", "body": b"sole"})

        async with serving(app=app_with(mounted=lambda: other)) as (client, _, _):
            for line, status, body in (
                (b"GET /healthz", 200, b'{"ok":true}'),
                (b"GET /v1/echo", 200, b'{"method": "GET", "path": "/v1/echo", "body": ""}'),
            ):
                answer = await (await client.open(request(line))).answer()
                assert (answer.status, answer.body) == (status, body)
            raw = await soon((await client.open(request(b"GET /v1"))).reader.readuntil(b"0\r\n\r\n"))
            [answer] = answers(raw)
            assert (answer.body, answer.whole) == (b"console", True)
        assert mounted == ["/v1"]

    run(scenario)


def test_unknown_paths_are_404_and_wrong_methods_405_in_the_envelope() -> None:
    async def scenario() -> None:
        async with serving(app=app_with()) as (client, _, _):
            for path in (
                b"/",
                b"/nothing",
                b"/v1",
                b"/healthz/",
                b"/admin/v1/status",
                b"//v1/echo",
                b"/v1/../healthz2",
            ):
                answer = await (await client.open(request(b"GET " + path))).answer()
                if answer.status != 200:
                    assert (answer.status, answer.error["code"]) == (404, "not_found"), path
            wrong = await (await client.open(request(b"DELETE /healthz"))).answer()
            assert (wrong.status, wrong.error["code"]) == (405, "method_not_allowed")
            assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"
            options = await (await client.open(request(b"OPTIONS /healthz"))).answer()
            assert (options.status, options.headers["allow"], options.body) == (204, "GET, HEAD, OPTIONS", b"")
            assert "access-control-allow-origin" not in options.headers

    run(scenario)


# --- hosts


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("LOCALHOST", "localhost"), ("a.test:80", "a.test"), ("[::1]", "::1"), ("[0:0:0:0:0:0:0:1]:8080", "::1"),
        ("127.0.0.1:1", "127.0.0.1"), ("", None), ("a b", None), ("a:", None), ("a:x", None), ("[::1", None),
        ("[zz]", None), ("a,b", None), ("a/b", None), ("x@a", None), ("a..", None), ("é", None), ("a" * 300, None),
        ("a.test\n", None), ("a:123456", None),
    ],
)  # fmt: skip
def test_a_host_field_has_one_normal_spelling_or_none(field: str, name: str | None) -> None:
    assert host_name(field) == name


def test_the_memory_of_spellings_is_bounded() -> None:
    known = KnownHosts(("a.test", "::1"))
    assert all(b"a.test:%d" % port in known for port in range(1000))
    assert b"[::1]:5" in known
    assert b"b.test" not in known
    assert len(known._spellings) <= 64


# --- start and stop


def test_a_stopping_server_lets_a_stream_end_and_accepts_nothing_new() -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            await sink.start(200, ())
            await sink.write(b"data: 1\n\n")
            await go_on.wait()
            await sink.end()

        async with serving(Script(handle), drain_s=20.0) as (client, _, server):
            idle, busy = await client.open(), await client.open(GET)
            await soon(busy.reader.readuntil(b"data: 1\n\n"))
            stopping = asyncio.create_task(server.stop())
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await client.open()
            go_on.set()
            assert (await busy.rest()).endswith(b"0\r\n\r\n")
            await soon(stopping)

    run(scenario)


def test_a_request_that_was_being_sent_when_the_server_began_to_stop_is_answered_and_told_to_close() -> None:
    async def scenario() -> None:
        async with serving(drain_s=20.0) as (client, _, server):
            half = await client.open(GET[:-2])
            await until(lambda: [connection.is_idle() for connection in server.edge.connections] == [False])
            stopping = asyncio.create_task(server.stop())
            await until(lambda: server.edge.draining)
            half.send(GET[-2:])
            [answer] = answers(await half.rest())
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            await soon(stopping)

    run(scenario)


def test_a_request_that_outlives_the_drain_is_cancelled_cut_and_settled_before_the_shutdown() -> None:
    async def scenario() -> None:
        order: list[str] = []

        async def handle(head: Head, body: Body, sink: Sink) -> None:
            if head.path == "/v1/stream":
                await sink.start(200, ())
                await sink.write(b"data: 1\n\n")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as gone:
                await asyncio.sleep(0)
                order.append(*gone.args)
                raise

        async def shutdown() -> None:
            order.append("shutdown")

        app = Application(Script(handle), probes={}, shutdown=shutdown)
        async with serving(app=app, drain_s=0.01) as (client, _, server):
            stream = await client.open(GET.replace(b"/v1/echo", b"/v1/stream"))
            whole = await client.open(GET)
            await soon(stream.reader.readuntil(b"data: 1\n\n"))
            await until(lambda: len(server.edge.tasks) == 2)
            await soon(server.stop())
            assert b"0\r\n\r\n" not in await stream.rest()
            [answer] = answers(await whole.rest())
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            assert order == [STOPPING, STOPPING, "shutdown"]
            order.clear()

    run(scenario)


def test_signals_reload_and_stop() -> None:
    async def scenario() -> None:
        reloaded, ready = asyncio.Event(), asyncio.Event()
        order: list[str] = []

        async def note(what: str) -> None:
            order.append(what)

        async def reload() -> None:
            reloaded.set()

        app = Application(Echo(), probes={}, startup=lambda: note("up"), shutdown=lambda: note("down"))
        serving_task = asyncio.create_task(
            serve(app, EdgeSettings(port=0, hosts=HOSTS), on_ready=lambda _addresses: ready.set(), reload=reload)
        )
        await soon(ready.wait())
        os.kill(os.getpid(), signal.SIGHUP)
        await soon(reloaded.wait())
        os.kill(os.getpid(), signal.SIGTERM)
        await soon(serving_task)
        assert order == ["up", "down"]

    run(scenario)


def test_a_reload_that_fails_is_reported_and_the_server_stays() -> None:
    async def scenario() -> None:
        ready, stop = asyncio.Event(), asyncio.Event()
        told: list[str] = []

        async def reload() -> None:
            raise ValueError("content")

        app = Application(Echo(), probes={}, report=told.append)
        serving_task = asyncio.create_task(
            serve(app, EdgeSettings(port=0), on_ready=lambda _: ready.set(), reload=reload, stop=stop)
        )
        await soon(ready.wait())
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: told)
        assert not serving_task.done()
        assert "content" not in told[0]
        stop.set()
        await soon(serving_task)

    run(scenario)


def test_a_port_that_is_taken_is_a_problem_with_a_fix() -> None:
    async def scenario() -> None:
        async with serving() as (client, _, _):
            with pytest.raises(ConfigurationError, match="cannot listen"):
                await Server(app_with(), EdgeSettings(port=client.port)).start()

    run(scenario)


def test_a_probe_tells_a_taken_port_from_an_address_of_others_and_keeps_no_port() -> None:
    async def scenario() -> None:
        async with serving() as (client, _, _):
            with pytest.raises(PortTaken, match="address already in use"):
                await probe_address(EdgeSettings(port=client.port))
            with pytest.raises(ConfigurationError, match="cannot listen") as refused:
                await probe_address(EdgeSettings(host="192.0.2.1", port=client.port))
            assert not isinstance(refused.value, PortTaken)
            await probe_address(EdgeSettings(port=0))
            free = client.port
        await probe_address(EdgeSettings(port=free))
        server = Server(app_with(), EdgeSettings(port=free))
        assert await server.start() == [("127.0.0.1", free)]
        await server.stop()

    run(scenario)


def test_a_body_is_given_to_a_mounted_application_whole_and_its_bound_holds_there() -> None:
    async def scenario() -> None:
        async def other(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            message = await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": message["body"]})

        app = app_with(mounted=lambda: other)
        async with serving(app=app, max_body_bytes=200_000) as (client, _, _):
            body = b"x" * 150_000
            answer = await (await client.open(post(body, path=b"/console"), limit=1 << 20)).answer()
            assert answer.body == body
            chunked = b"POST /console HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            [answer] = await client.exchange(chunked + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 4)
            assert (answer.status, answer.error["code"]) == (413, "too_large")

    run(scenario)


# --- the name that is printed


@pytest.mark.parametrize(
    ("bound", "hosts", "name"),
    [
        ("127.0.0.1", ("127.0.0.1", "localhost"), "127.0.0.1"),
        ("127.0.0.1", ("localhost", "127.0.0.1"), "127.0.0.1"),
        ("127.0.0.1", ("LocalHost:8080",), "localhost"),
        ("127.0.0.1", ("llm.test",), "llm.test"),
        ("0.0.0.0", ("127.0.0.1", "localhost"), "127.0.0.1"),
        ("0.0.0.0", ("llm.test", "localhost"), "localhost"),
        ("0.0.0.0", ("llm.test", "10.0.0.5"), "10.0.0.5"),
        ("0.0.0.0", ("0.0.0.0",), "0.0.0.0"),
        ("0.0.0.0", ("::1",), None),
        ("::", ("127.0.0.1", "localhost"), "localhost"),
        ("::", ("127.0.0.1", "[::1]", "localhost"), "::1"),
        ("::", ("127.0.0.1",), None),
        ("::1", ("127.0.0.1", "localhost"), "localhost"),
        ("10.0.0.5", ("127.0.0.1", "localhost"), None),
        ("10.0.0.5", ("127.0.0.1", "llm.test"), "llm.test"),
        ("10.0.0.5", ("llm.test", "10.0.0.5"), "10.0.0.5"),
        ("fe80::1%eth0", ("llm.test",), "llm.test"),
    ],
)  # fmt: skip
def test_the_name_that_leads_to_a_listener_is_one_that_it_answers(
    bound: str, hosts: tuple[str, ...], name: str | None
) -> None:
    assert way_to(bound, hosts) == name
    if name is not None:
        assert (f"[{name}]:1" if ":" in name else f"{name}:1").encode() in KnownHosts(hosts)


def test_a_port_of_a_known_host_is_ignored() -> None:
    known = KnownHosts(("LocalHost:8080", "[::1]:8080", "fe80::2"))
    assert all(field in known for field in (b"localhost", b"localhost:1", b"[::1]", b"[fe80:0::2]:80"))

"""Bounds that a reload brings: they hold for what begins after it, and cost nothing that had begun."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from edge_harness import GET, SECOND, Echo, answers, post, run, serving, until

from douane.http.app import Application
from douane.http.settings import EdgeSettings

OTHER = GET.replace(b"a.test", b"b.test")


def test_a_narrowed_list_of_hosts_holds_for_the_next_request_of_a_kept_connection_too() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={})
        async with serving(app=app) as (client, _, server):
            kept = await client.open(GET)
            assert (await kept.answer()).status == 200
            app.apply(replace(server.edge.settings, hosts=("b.test",)))
            kept.send(GET)
            refused = await kept.answer()
            assert (refused.status, refused.error["code"]) == (400, "invalid_request")
            [served] = answers(
                await (await client.open(OTHER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).rest()
            )
            assert served.status == 200

    run(scenario)


def test_a_widened_list_of_hosts_is_answered() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={})
        async with serving(app=app) as (client, _, server):
            assert (await (await client.open(OTHER)).answer()).status == 400
            app.apply(replace(server.edge.settings, hosts=("a.test", "b.test")))
            for request in (OTHER, GET):
                assert (await (await client.open(request)).answer()).status == 200

    run(scenario)


def test_a_smaller_body_is_asked_of_the_next_request_and_not_of_the_one_under_way() -> None:
    async def scenario() -> None:
        app = Application(echo := Echo(), probes={})
        body = b"x" * 50_000
        async with serving(app=app, max_body_bytes=60_000, max_waiting_bytes=120_000) as (client, _, server):
            begun = await client.open(post(body)[:-1])
            await until(lambda: server.edge.waiting_bytes > 49_000)
            app.apply(replace(server.edge.settings, max_body_bytes=1000, max_waiting_bytes=4000))
            begun.send(b"x")
            assert (await begun.answer()).status == 200
            assert echo.bodies == [body]
            begun.send(post(body))
            refused = await begun.answer()
            assert (refused.status, refused.error["code"]) == (413, "too_large")

    run(scenario)


def test_a_body_under_way_keeps_the_pace_that_it_was_asked_for() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={})
        async with serving(app=app, body_s=0.3, body_min_bytes_per_s=0.0001) as (client, _, server):
            begun = await client.open(post(b"xy")[:-1])
            await until(lambda: server.edge.waiting_bytes == 1)
            (connection,) = server.edge.connections
            app.apply(replace(server.edge.settings, body_s=0.001, body_min_bytes_per_s=1e9))
            await until(lambda: connection.deadline > server.edge.now + 60 or connection.transport.is_closing())
            late = await client.open(post(b"xy")[:-1])
            refused = await late.answer()
            assert (refused.status, refused.error["code"]) == (408, "request_timeout")
            begun.send(b"y")
            assert (await begun.answer()).status == 200

    run(scenario)


def test_fewer_connections_and_shorter_idleness_hold_for_what_begins() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={})
        async with serving(app=app, idle_s=3600.0) as (client, _, server):
            busy = await client.open(GET[:-2])
            await until(lambda: [connection.is_idle() for connection in server.edge.connections] == [False])
            app.apply(replace(server.edge.settings, max_connections=1, idle_s=0.001))
            [answer] = answers(await (await client.open(SECOND)).rest())
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            busy.send(GET[-2:])
            [answer] = answers(await busy.rest())
            assert answer.status == 200, "answered, and closed once it was idle"

    run(scenario)


def test_a_stopping_server_drains_as_long_as_the_last_reload_says() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={})
        async with serving(app=app, drain_s=3600.0) as (client, _, server):
            half = await client.open(post(b"xy")[:-1])
            await until(lambda: server.edge.waiting_bytes == 1)
            app.apply(replace(server.edge.settings, drain_s=0.001))
            await asyncio.wait_for(server.stop(), 60)
            [answer] = answers(await half.rest())
            assert answer.status == 503

    run(scenario)


def test_under_another_server_the_application_keeps_to_the_new_bounds() -> None:
    async def scenario() -> None:
        app = Application(Echo(), probes={}, settings=EdgeSettings(hosts=("a.test",)))

        async def status(host: bytes, body: bytes) -> int:
            sent: list[MutableMapping[str, Any]] = []
            messages = [{"type": "http.request", "body": body, "more_body": False}]

            async def receive() -> MutableMapping[str, Any]:
                if messages:
                    return messages.pop()
                await asyncio.Event().wait()
                raise AssertionError

            async def send(message: MutableMapping[str, Any]) -> None:
                sent.append(message)

            headers = [(b"host", host), (b"content-length", b"%d" % len(body))]
            scope = {"type": "http", "method": "POST", "path": "/v1/echo", "raw_path": b"/v1/echo", "headers": headers}
            await app(scope, receive, send)
            return int(sent[0]["status"])

        assert (await status(b"a.test", b"x" * 2000), await status(b"b.test", b"")) == (200, 400)
        app.apply(EdgeSettings(hosts=("b.test",), max_body_bytes=1000))
        assert (await status(b"b.test", b"x"), await status(b"a.test", b"")) == (200, 400)
        assert await status(b"b.test", b"x" * 2000) == 413

    run(scenario)

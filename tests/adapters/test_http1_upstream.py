"""The client against a real server on loopback, on both event loops."""

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvloop

from douane.adapters.http1 import Http1Upstream
from douane.core.models.catalogue import Deadlines, Endpoint
from douane.errors import AddressNotAllowed, ClearanceBroken, UpstreamFailed, UpstreamTimeout
from douane.testing import hostile_server as hostile
from douane.testing.hostile_server import HostileServer
from douane.testing.permits import LOOPBACK_ZONE, permit, still_cleared
from douane.wire.call import Call

PATH = "/v1/chat/completions"
BODY = b'{"model":"llama","messages":[]}'
SHORT = Deadlines(connect_s=0.05, first_byte_s=0.05, between_bytes_s=0.05)
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request):
    def runs(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main(), 15))

    return runs


class Bench:
    """A server that behaves as told, a client, and a way to send."""

    def __init__(self, behaviour=None, **settings):
        self.server = HostileServer()
        self.upstream = Http1Upstream(**settings)
        if behaviour is not None:
            self.server.behave(PATH, behaviour)

    async def __aenter__(self):
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.upstream.aclose()
        await self.server.__aexit__(*error)

    async def send(self, body=BODY, *, total_s=60.0, headers=(("authorization", "Bearer x"),), **permitted):
        permitted.setdefault("endpoint", self.server.endpoint("/v1"))
        call = Call("POST", "/chat/completions", tuple(headers), body)
        return await self.upstream.send(permit(body, **permitted), call, total_s=total_s, confirm=still_cleared)

    async def ask(self, body=BODY, **permitted):
        answer = await self.send(body, **permitted)
        return answer.status, await answer.body(1 << 20)


@asynccontextmanager
async def unread(answer):
    """A server that answers at the first bytes and reads no more."""
    transports = []

    class Unread(asyncio.Protocol):
        def connection_made(self, transport):
            transports.append(transport)

        def data_received(self, data):
            transports[-1].pause_reading()
            transports[-1].write(answer)

    server = await asyncio.get_running_loop().create_server(Unread, "127.0.0.1", 0)
    try:
        yield Endpoint("http", "127.0.0.1", server.sockets[0].getsockname()[1], "")
    finally:
        for transport in transports:
            transport.abort()
        server.close()
        await asyncio.sleep(0)


def test_the_request_is_what_was_cleared_and_names_no_encoding_but_identity(run):
    async def main():
        async with Bench(hostile.ok_json(b'{"ok":1}')) as bench:
            answer = await bench.send()
            assert (answer.status, await answer.body(100)) == (200, b'{"ok":1}')
            assert answer.headers["content-type"] == "application/json"
            assert answer.peer == f"127.0.0.1:{bench.server.port}"
            request = bench.server.received[0]
            assert (request.method, request.target, request.body) == ("POST", PATH, BODY)
            assert request.headers == {
                "host": f"127.0.0.1:{bench.server.port}",
                "accept-encoding": "identity",
                "content-length": str(len(BODY)),
                "authorization": "Bearer x",
                "user-agent": "douane",
                "accept": "*/*",
                "content-type": "application/json",
            }

    run(main)


def test_other_bytes_than_the_cleared_ones_are_not_sent_and_no_connection_is_made(run):
    async def main():
        async with Bench() as bench:
            call = Call("POST", "/chat/completions", (), BODY + b" ")
            with pytest.raises(ClearanceBroken):
                await bench.upstream.send(
                    permit(BODY, endpoint=bench.server.endpoint()), call, total_s=60, confirm=still_cleared
                )
            await asyncio.sleep(0)
            assert bench.server.connections == []

    run(main)


def test_connections_are_kept_from_one_call_to_the_next(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            for _ in range(3):
                assert await bench.ask() == (200, b"{}")
            assert [request.connection for request in bench.server.received] == [0, 0, 0]

    run(main)


def test_of_two_idle_connections_the_one_used_last_goes_first(run):
    async def main():
        gates = {b"1": asyncio.Event(), b"2": asyncio.Event()}
        async with Bench() as bench:
            bench.server.choose(PATH, lambda asked: hostile.waits(gates[asked.body], hostile.ok_json(b"{}")))
            one, two = asyncio.create_task(bench.ask(b"1")), asyncio.create_task(bench.ask(b"2"))
            await bench.server.until(lambda: len(bench.server.received) == 2)
            by_body = {asked.body: asked.connection for asked in bench.server.received}
            for task, body in ((two, b"2"), (one, b"1")):
                gates[body].set()
                await task
            await bench.ask(b"1")
            assert bench.server.received[2].connection == by_body[b"1"]

    run(main)


def test_two_answers_under_way_never_share_a_connection(run):
    async def main():
        gate = asyncio.Event()
        async with Bench(hostile.waits(gate, hostile.ok_json(b"{}"))) as bench:
            both = [asyncio.create_task(bench.ask()) for _ in range(2)]
            await bench.server.until(lambda: len(bench.server.received) == 2)
            gate.set()
            assert await asyncio.gather(*both) == [(200, b"{}")] * 2
            assert {request.connection for request in bench.server.received} == {0, 1}
            bench.server.behave(PATH, hostile.ok_json(b"{}"))
            await bench.ask()
            assert len(bench.server.connections) == 2

    run(main)


def test_no_more_connections_are_kept_idle_than_the_bound(run):
    async def main():
        gate = asyncio.Event()
        async with Bench(hostile.waits(gate, hostile.ok_json(b"{}")), max_idle=1) as bench:
            many = [asyncio.create_task(bench.ask()) for _ in range(4)]
            await bench.server.until(lambda: len(bench.server.received) == 4)
            gate.set()
            await asyncio.gather(*many)
            await bench.server.until(lambda: sum(log.closed.is_set() for log in bench.server.connections) == 3)
            await bench.ask()
            assert len(bench.server.connections) == 4

    run(main)


def test_an_idle_connection_closes_by_itself(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}"), idle_s=0.02) as bench:
            await bench.ask()
            await bench.server.connections[0].closed.wait()
            await bench.ask()
            assert len(bench.server.connections) == 2

    run(main)


def test_a_kept_connection_that_dies_before_a_byte_is_replaced_once(run):
    async def main():
        turns = (hostile.ok_json(b"1"), hostile.resets(), hostile.ok_json(b"2"))
        async with Bench(hostile.in_turn(*turns)) as bench:
            assert await bench.ask() == (200, b"1")
            assert await bench.ask() == (200, b"2")
            assert [request.connection for request in bench.server.received] == [0, 0, 1]

    run(main)


def test_a_replaced_connection_that_dies_as_well_is_a_fault_not_a_third_try(run):
    async def main():
        turns = (hostile.ok_json(b"1"), hostile.closes(), hostile.closes(), hostile.ok_json(b"2"))
        async with Bench(hostile.in_turn(*turns)) as bench:
            await bench.ask()
            with pytest.raises(UpstreamFailed):
                await bench.ask()
            assert len(bench.server.received) == 3

    run(main)


def test_a_fresh_connection_that_dies_is_a_fault_at_once(run):
    async def main():
        async with Bench(hostile.closes()) as bench:
            with pytest.raises(UpstreamFailed) as caught:
                await bench.ask()
            assert caught.value.stage == "head"
            assert len(bench.server.received) == 1

    run(main)


def test_a_kept_connection_that_dies_after_a_byte_is_not_asked_again(run):
    async def main():
        turns = (hostile.ok_json(b"1"), hostile.raw(b"HTTP/1.1 200", close=True), hostile.ok_json(b"2"))
        async with Bench(hostile.in_turn(*turns)) as bench:
            await bench.ask()
            with pytest.raises(UpstreamFailed):
                await bench.ask()
            assert len(bench.server.received) == 2

    run(main)


def test_a_kept_connection_that_is_silent_is_not_asked_again(run):
    async def main():
        async with Bench(hostile.in_turn(hostile.ok_json(b"1"), hostile.stalls())) as bench:
            await bench.ask()
            with pytest.raises(UpstreamTimeout):
                await bench.ask(deadlines=SHORT)
            assert len(bench.server.received) == 2

    run(main)


def test_connections_that_the_server_closed_while_idle_are_not_used(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            await bench.ask()
            bench.server.drop_all()
            await bench.server.connections[0].closed.wait()
            assert await bench.ask() == (200, b"{}")
            assert [request.connection for request in bench.server.received] == [0, 1]

    run(main)


def test_a_redirect_is_an_answer_and_nobody_follows_it(run):
    async def main():
        async with Bench() as bench:
            bench.server.behave(PATH, hostile.redirects(f"{bench.server.url}/elsewhere"))
            assert (await bench.ask())[0] == 302
            assert [request.path for request in bench.server.received] == [PATH]

    run(main)


def test_no_proxy_of_the_environment_is_used(run, monkeypatch):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench, HostileServer() as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setitem(os.environ, name, proxy.url)
            assert await bench.ask() == (200, b"{}")
            assert proxy.connections == []

    run(main)


def test_no_cookie_is_kept(run):
    async def main():
        async with Bench(hostile.answers(b"{}", headers={"set-cookie": "a=b"})) as bench:
            await bench.ask()
            await bench.ask()
            assert "cookie" not in bench.server.received[1].headers

    run(main)


def test_an_encoded_answer_is_refused(run):
    async def main():
        async with Bench(hostile.gzipped()) as bench:
            with pytest.raises(UpstreamFailed) as caught:
                await bench.ask()
            assert caught.value.stage == "head"
            await bench.server.connections[0].closed.wait()

    run(main)


# --- streams, ends, bounds


def test_chunks_come_as_they_are_sent_and_end_once(run):
    async def main():
        gate = asyncio.Event()

        async def two_steps(exchange):
            await exchange.write(hostile.head(200, {"transfer-encoding": "chunked"}) + hostile.chunked(b"one"))
            await gate.wait()
            await exchange.write(hostile.chunked(b"two") + hostile.chunked(b""))

        async with Bench(two_steps) as bench:
            answer = await bench.send()
            assert await answer.chunk() == b"one"
            gate.set()
            assert await answer.chunk() == b"two"
            assert await answer.chunk() == b""
            assert await answer.chunk() == b""

    run(main)


def test_a_stream_that_is_cut_raises_after_what_came(run):
    async def main():
        async with Bench(hostile.cut_stream(b"{}", b"{}")) as bench:
            answer = await bench.send()
            came = b""
            with pytest.raises(UpstreamFailed) as caught:  # noqa: PT012
                while True:
                    came += await answer.chunk()
            assert came == b"data: {}\n\n" * 2
            assert caught.value.stage == "body"

    run(main)


def test_a_reset_within_a_body_raises(run):
    async def main():
        gate = asyncio.Event()
        head = hostile.head(200, {"transfer-encoding": "chunked"}) + hostile.chunked(b"one")
        async with Bench(hostile.resets(head, once=gate)) as bench:
            answer = await bench.send()
            assert await answer.chunk() == b"one"
            gate.set()
            with pytest.raises(UpstreamFailed) as caught:
                await answer.chunk()
            assert caught.value.stage == "body"

    run(main)


def test_a_body_that_ends_with_its_connection_is_whole_and_the_connection_is_not_kept(run):
    async def main():
        async with Bench(hostile.until_close(b"{}")) as bench:
            assert await bench.ask() == (200, b"{}")
            assert await bench.ask() == (200, b"{}")
            assert len(bench.server.connections) == 2

    run(main)


def test_a_length_that_promises_more_than_comes_is_a_fault(run):
    async def main():
        async with Bench(hostile.lies_about_length(b"{}", 5)) as bench:
            with pytest.raises(UpstreamFailed) as caught:
                await bench.ask()
            assert caught.value.stage == "body"

    run(main)


def test_what_comes_beyond_the_length_belongs_to_no_answer(run):
    async def main():
        async with Bench(hostile.lies_about_length(b"{}", 1)) as bench:
            assert await bench.ask() == (200, b"{")
            assert await bench.ask() == (200, b"{")
            assert len(bench.server.connections) == 2

    run(main)


@pytest.mark.parametrize("framed", [True, False])
def test_a_body_above_the_limit_is_refused_and_the_connection_closed(run, framed):
    async def main():
        async with Bench(hostile.floods(300 * 1024 * 1024, framed=framed)) as bench:
            answer = await bench.send()
            with pytest.raises(UpstreamFailed) as caught:
                await answer.body(1024 * 1024)
            assert caught.value.stage == "body"
            log = bench.server.connections[0]
            await log.closed.wait()
            assert log.bytes_written < 64 * 1024 * 1024

    run(main)


def test_a_flood_that_nobody_reads_stops_at_a_bound(run):
    async def main():
        async with Bench(hostile.floods(300 * 1024 * 1024, framed=False)) as bench:
            answer = await bench.send()
            log = bench.server.connections[0]
            await bench.server.until(lambda: log.blocked)
            written = -1
            while not (log.blocked and written == log.bytes_written):
                written = log.bytes_written
                for _ in range(200):
                    await asyncio.sleep(0)
            assert written < 32 * 1024 * 1024
            assert len(await answer.chunk()) < 1024 * 1024
            answer.abort()

    run(main)


def test_a_flood_that_is_read_slowly_arrives_whole(run):
    async def main():
        total = 8 * 1024 * 1024
        async with Bench(hostile.floods(total)) as bench:
            answer = await bench.send()
            size = 0
            while part := await answer.chunk():
                size += len(part)
                for _ in range(20):
                    await asyncio.sleep(0)
            assert size == total

    run(main)


def test_interim_answers_are_skipped_up_to_a_bound(run):
    async def main():
        async with Bench(hostile.interim(3, hostile.ok_json(b"{}"))) as bench:
            assert await bench.ask() == (200, b"{}")
            bench.server.behave(PATH, hostile.interim(1000, hostile.ok_json(b"{}")))
            with pytest.raises(UpstreamFailed):
                await bench.ask()

    run(main)


@pytest.mark.parametrize("behaviour", [hostile.large_head(80_000), hostile.many_headers(150)], ids=["bytes", "number"])
def test_a_head_above_the_bounds_is_refused(run, behaviour):
    async def main():
        async with Bench(behaviour) as bench:
            with pytest.raises(UpstreamFailed):
                await bench.ask()

    run(main)


def test_an_answer_byte_by_byte_is_read(run):
    async def main():
        answer = hostile.head(200, {"transfer-encoding": "chunked"}) + hostile.chunked(b"{}") + hostile.chunked(b"")
        async with Bench(hostile.byte_by_byte(answer)) as bench:
            assert await bench.ask() == (200, b"{}")

    run(main)


def test_an_early_answer_ends_the_call_though_the_request_was_not_taken(run):
    async def main():
        async with unread(b"HTTP/1.1 413 X\r\ncontent-length: 2\r\n\r\n{}") as endpoint:
            upstream = Http1Upstream()
            body = b"x" * (32 * 1024 * 1024)
            answer = await upstream.send(
                permit(body, endpoint=endpoint), Call("POST", "/", (), body), total_s=20, confirm=still_cleared
            )
            assert (answer.status, await answer.body(10)) == (413, b"{}")
            assert upstream._pools.popitem()[1].idle == ()  # the rest of the request is still on its way
            await upstream.aclose()

    run(main)


def test_a_large_payload_arrives_whole(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            body = bytes(range(256)) * 32 * 1024
            await bench.ask(body)
            assert bench.server.received[0].body == body

    run(main)


# --- deadlines


@pytest.mark.parametrize(
    ("behaviour", "stage"),
    [
        (hostile.stalls(), "head"),
        (hostile.stalls(b"HTTP/1.1 200 OK\r\ncontent-"), "head"),
        (hostile.stalls(b"HTTP/1.1 100 Continue\r\n\r\n"), "head"),
        (hostile.stalls(hostile.head(200, {"content-length": "9"}) + b"{"), "body"),
        (hostile.stalls(hostile.head(200, {"transfer-encoding": "chunked"})), "body"),
    ],
    ids=["nothing", "half a head", "interim", "half a body", "no body"],
)
def test_silence_ends_in_a_timeout_that_names_its_stage_and_closes(run, behaviour, stage):
    async def main():
        async with Bench(behaviour) as bench:
            with pytest.raises(UpstreamTimeout) as caught:
                await bench.ask(deadlines=SHORT)
            assert caught.value.stage == stage
            await bench.server.connections[0].closed.wait()

    run(main)


@pytest.mark.parametrize("which", ["deployment", "caller"])
def test_an_endless_drip_ends_at_the_deadline_for_the_whole(run, which):
    async def drip(exchange):
        await exchange.write(hostile.head(200, {"transfer-encoding": "chunked"}))
        while True:
            await exchange.write(hostile.chunked(b"x"))
            await asyncio.sleep(0.002)

    async def main():
        async with Bench(drip) as bench:
            lasting = Deadlines(total_s=0.1) if which == "deployment" else Deadlines()
            with pytest.raises(UpstreamTimeout) as caught:
                await bench.ask(deadlines=lasting, total_s=0.1 if which == "caller" else 60.0)
            assert caught.value.stage == "body"
            assert "whole" in caught.value.problem
            await bench.server.connections[0].closed.wait()

    run(main)


def test_a_request_that_is_not_taken_times_out_while_sending(run):
    async def main():
        async with unread(b"") as endpoint:
            body = b"x" * (32 * 1024 * 1024)
            cleared = permit(body, endpoint=endpoint, deadlines=replace(SHORT, first_byte_s=0.4))
            with pytest.raises(UpstreamTimeout) as caught:
                await Http1Upstream().send(cleared, Call("POST", "/", (), body), total_s=20, confirm=still_cleared)
            assert caught.value.stage == "send"

    run(main)


def test_a_reader_that_takes_its_time_is_not_held_against_the_upstream(run):
    async def main():
        async with Bench(hostile.floods(4 * 1024 * 1024)) as bench:
            answer = await bench.send(deadlines=replace(SHORT, between_bytes_s=0.03))
            await bench.server.until(lambda: bench.server.connections[0].blocked)
            late = asyncio.Event()
            asyncio.get_running_loop().call_later(0.1, late.set)
            await late.wait()
            assert len(await answer.body(1 << 23)) == 4 * 1024 * 1024

    run(main)


def test_a_port_that_nobody_accepts_on_times_out_while_connecting(run):
    async def main():
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        upstream = Http1Upstream()
        with pytest.raises(UpstreamTimeout) as caught:
            await upstream.send(
                permit(BODY, endpoint=Endpoint("http", "127.0.0.1", port, ""), deadlines=SHORT),
                Call("POST", "/", (), BODY),
                total_s=60,
                confirm=still_cleared,
            )
        assert caught.value.stage == "connect"
        for each in (full, *others):
            each.close()

    run(main)


@pytest.mark.parametrize("total_s", [0.0, -1.0])
def test_a_call_whose_time_is_over_sends_nothing(run, total_s):
    async def main():
        async with Bench(hostile.stalls()) as bench:
            with pytest.raises(UpstreamTimeout):
                await bench.ask(total_s=total_s)
            assert bench.server.received == []

    run(main)


def test_a_refused_connection_is_a_fault_of_connecting(run):
    async def main():
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        async with Bench() as bench:
            with pytest.raises(UpstreamFailed) as caught:
                await bench.ask(endpoint=Endpoint("http", "127.0.0.1", port, ""))
            assert (caught.value.stage, caught.value.code) == ("connect", "upstream_failed")
        free.close()

    run(main)


def test_a_server_that_resets_on_accept_is_a_fault(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            bench.server.reset_on_accept()
            for _ in range(3):
                with pytest.raises(UpstreamFailed):
                    await bench.ask()
            bench.server.reset_on_accept(False)
            assert await bench.ask() == (200, b"{}")

    run(main)


# --- cancelling, aborting, closing


def test_cancelling_a_send_closes_the_connection(run):
    async def main():
        async with Bench(hostile.stalls()) as bench:
            task = asyncio.create_task(bench.ask())
            await bench.server.until(lambda: len(bench.server.received) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await bench.server.connections[0].closed.wait()

    run(main)


def test_cancelling_a_reader_closes_the_connection(run):
    async def main():
        async with Bench(hostile.stalls(hostile.head(200, {"transfer-encoding": "chunked"}))) as bench:
            answer = await bench.send()
            task = asyncio.create_task(answer.chunk())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await bench.server.connections[0].closed.wait()

    run(main)


def test_aborting_closes_the_connection_and_yields_nothing_more(run):
    async def main():
        stalled = hostile.head(200, {"transfer-encoding": "chunked"}) + hostile.chunked(b"one")
        async with Bench(hostile.stalls(stalled)) as bench:
            answer = await bench.send()
            answer.abort()
            answer.abort()
            with pytest.raises(UpstreamFailed):
                await answer.chunk()
            await bench.server.connections[0].closed.wait()

    run(main)


def test_an_abort_from_elsewhere_wakes_the_reader(run):
    async def main():
        async with Bench(hostile.stalls(hostile.head(200, {"transfer-encoding": "chunked"}))) as bench:
            answer = await bench.send()
            reading = asyncio.create_task(answer.chunk())
            await asyncio.sleep(0)
            answer.abort()
            with pytest.raises(UpstreamFailed):
                await reading

    run(main)


@pytest.mark.parametrize("kept", [False, True])
def test_a_permit_that_falls_at_the_last_moment_closes_the_connection_that_was_to_carry_it(run, kept):
    async def main():
        def withdrawn():
            raise ClearanceBroken("It was withdrawn.", "Ask again.")

        async with Bench(hostile.ok_json(b"{}")) as bench:
            if kept:
                await bench.ask()
            cleared = permit(BODY, endpoint=bench.server.endpoint())
            with pytest.raises(ClearanceBroken):
                await bench.upstream.send(cleared, Call("POST", "/x", (), BODY), total_s=60, confirm=withdrawn)
            await bench.server.until(lambda: bool(bench.server.connections))
            await bench.server.connections[0].closed.wait()
            assert len(bench.server.received) == int(kept)

    run(main)


def test_a_permit_that_falls_while_a_dead_connection_is_replaced_sends_nothing_more(run):
    async def main():
        confirmed = []

        def once_only():
            if confirmed:
                raise ClearanceBroken("It was withdrawn.", "Ask again.")
            confirmed.append(True)

        async with Bench(hostile.in_turn(hostile.ok_json(b"1"), hostile.closes(), hostile.ok_json(b"2"))) as bench:
            await bench.ask()
            cleared = permit(BODY, endpoint=bench.server.endpoint())
            with pytest.raises(ClearanceBroken):
                await bench.upstream.send(
                    cleared, Call("POST", "/chat/completions", (), BODY), total_s=60, confirm=once_only
                )
            assert len(bench.server.received) == 2

    run(main)


def test_closing_closes_idle_connections_and_sends_nothing_more(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            await bench.ask()
            await bench.upstream.aclose()
            await bench.server.connections[0].closed.wait()
            with pytest.raises(UpstreamFailed):
                await bench.ask()
            assert len(bench.server.received) == 1

    run(main)


def test_an_answer_under_way_while_closing_is_read_to_its_end(run):
    async def main():
        gate = asyncio.Event()
        async with Bench(hostile.waits(gate, hostile.ok_json(b"{}"))) as bench:
            asking = asyncio.create_task(bench.ask())
            await bench.server.until(lambda: len(bench.server.received) == 1)
            await bench.upstream.aclose()
            gate.set()
            assert await asking == (200, b"{}")
            await bench.server.connections[0].closed.wait()

    run(main)


# --- what is not sent


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", "Bearer x\r\nhost: evil"),),
        (("authorization", "Bearer x\nx: y"),),
        (("authorization", "Bearer \x00"),),
        (("authorization", "Bearer é"),),
        (("authorization", " Bearer"),),
        (("authorization", ""),),
        (("bad name", "x"),),
        (("x:y", "x"),),
        (("x\r\ny", "x"),),
        (("", "x"),),
        (("Host", "evil"),),
        (("Content-Length", "0"),),
        (("transfer-encoding", "chunked"),),
        (("Connection", "upgrade"),),
        (("accept-encoding", "gzip"),),
        (("expect", "100-continue"),),
        (("x-a", "1"), ("X-A", "2")),
    ],
    ids=repr,
)
def test_a_header_that_could_change_the_message_is_never_sent(headers):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            with pytest.raises(UpstreamFailed) as caught:
                await bench.ask(headers=headers)
            assert caught.value.stage == "send"
            assert "Bearer" not in str(caught.value)
            assert bench.server.connections == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/x"), ("CONNECT", "/x"), ("post", "/x"), ("POST /\r\nx:", "/x"), ("POST", "x"), ("POST", ""),
     ("POST", "/x y"), ("POST", "/x\r\n"), ("POST", "/é"), ("POST", "/x#y"), ("POST", "http://evil/")],
)  # fmt: skip
def test_a_method_or_path_that_could_change_the_message_is_never_sent(method, path):
    async def main():
        async with HostileServer() as server:
            call = Call(method, path, (), BODY)
            with pytest.raises(UpstreamFailed):
                await Http1Upstream().send(
                    permit(BODY, endpoint=server.endpoint("")), call, total_s=60, confirm=still_cleared
                )
            assert server.connections == []

    asyncio.run(main())


def test_a_reload_that_moves_the_zone_away_leaves_its_old_connections_unused(run):
    async def main():
        async with Bench(hostile.ok_json(b"{}")) as bench:
            await bench.ask()
            elsewhere = replace(LOOPBACK_ZONE, networks=LOOPBACK_ZONE.networks[1:])
            with pytest.raises(AddressNotAllowed):
                await bench.ask(zone=elsewhere)
            assert len(bench.server.received) == 1
            await bench.server.connections[0].closed.wait()

    run(main)


def test_an_answer_that_is_let_go_of_and_does_not_end_loses_its_connection(run):
    async def main():
        async with Bench() as bench:
            bench.server.otherwise(
                hostile.stalls(
                    hostile.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
                    + hostile.chunked(b"data: [DONE]\n\n")
                )
            )
            answer = await bench.send()
            await answer.chunk()
            answer.let_go()
            await bench.server.connections[0].closed.wait()

    run(main)

"""What every upstream client must do: one suite, run on the shipped fake and on HTTP/1.1 over loopback."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvloop

from douane.adapters.http1 import Http1Upstream
from douane.core.models.catalogue import Deadlines, Endpoint
from douane.errors import AddressNotAllowed, ClearanceBroken, UpstreamFailed, UpstreamTimeout
from douane.testing import hostile_server as hostile
from douane.testing import scripted_upstream as scripted
from douane.testing.hostile_server import HostileServer
from douane.testing.permits import PUBLIC_ZONE, permit, still_cleared
from douane.testing.scripted_upstream import ScriptedUpstream
from douane.wire.call import Call

BODY = b'{"model":"llama"}'
CALL = Call("POST", "/chat/completions", (("content-type", "application/json"),), BODY)
SHORT = Deadlines(first_byte_s=0.05, between_bytes_s=0.05)
SSE = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}


class Scripted:
    """The fake, told in the words of this suite."""

    def __init__(self):
        self.upstream = ScriptedUpstream()

    def endpoint(self):
        return Endpoint("http", "127.0.0.1", 8000, "/v1")

    def answers(self, status, body):
        self.upstream.play("local", scripted.json_reply(body, status=status))

    def streams(self, *pieces, gate=None):
        steps = [step for piece in pieces for step in ((piece, gate) if gate else (piece,))]
        self.upstream.play("local", scripted.sse_reply(*steps))

    def breaks_before_the_head(self):
        self.upstream.play("local", scripted.Fault(scripted.failure("head")))

    def breaks_within_the_body(self, *pieces):
        self.upstream.play("local", scripted.sse_reply(*pieces, scripted.failure("body")))

    def is_silent_before_the_head(self):
        self.upstream.play("local", scripted.Fault(scripted.timeout("head")))

    def is_silent_within_the_body(self, *pieces):
        self.upstream.play("local", scripted.sse_reply(*pieces, scripted.timeout("body")))

    def never_answers(self):
        self.upstream.play("local", scripted.Fault(scripted.failure("head"), after=asyncio.Event()))

    def payloads(self):
        return [sent.call.payload for sent in self.upstream.sent]

    async def until_asked(self):
        await self.upstream.until_sent(1)


class Real:
    """HTTP/1.1 to a server on loopback, told in the words of this suite."""

    def __init__(self, server):
        self.server = server
        self.upstream = Http1Upstream()

    def endpoint(self):
        return self.server.endpoint("/v1")

    def answers(self, status, body):
        self.server.otherwise(hostile.answers(body, status=status))

    def streams(self, *pieces, gate=None):
        async def behave(exchange):
            await exchange.write(hostile.head(200, SSE))
            for piece in pieces:
                await exchange.write(hostile.chunked(piece))
                if gate is not None:
                    await gate.wait()
            await exchange.write(hostile.chunked(b""))

        self.server.otherwise(behave)

    def breaks_before_the_head(self):
        self.server.otherwise(hostile.closes())

    def breaks_within_the_body(self, *pieces):
        self.server.otherwise(hostile.streams(*pieces, end=False))

    def is_silent_before_the_head(self):
        self.server.otherwise(hostile.stalls())

    def is_silent_within_the_body(self, *pieces):
        self.server.otherwise(hostile.stalls(hostile.head(200, SSE) + b"".join(map(hostile.chunked, pieces))))

    def never_answers(self):
        self.server.otherwise(hostile.stalls())

    def payloads(self):
        return [request.body for request in self.server.received]

    async def until_asked(self):
        await self.server.until(lambda: bool(self.server.received))


@asynccontextmanager
async def scripted_world():
    yield Scripted()


@asynccontextmanager
async def real_world():
    async with HostileServer() as server:
        world = Real(server)
        yield world
        await world.upstream.aclose()


WORLDS = {
    "scripted": (asyncio.new_event_loop, scripted_world),
    "http1-asyncio": (asyncio.new_event_loop, real_world),
    "http1-uvloop": (uvloop.new_event_loop, real_world),
}


@pytest.fixture(params=WORLDS)
def run(request):
    loop_factory, world = WORLDS[request.param]

    def runs(main):
        async def within():
            async with world() as made:
                await asyncio.wait_for(main(made), 15)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(within())

    return runs


def cleared(world, payload=BODY, **permitted):
    return permit(payload, endpoint=world.endpoint(), **permitted)


async def everything(answer):
    whole = b""
    while part := await answer.chunk():
        whole += part
    return whole


@pytest.mark.parametrize("status", [200, 400, 429, 500, 302])
def test_an_answer_has_status_headers_body_and_a_peer_whatever_its_status(run, status):
    async def main(world):
        world.answers(status, b'{"a":1}')
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.peer == f"127.0.0.1:{world.endpoint().port}"
        assert await answer.body(100) == b'{"a":1}'
        assert world.payloads() == [BODY]

    run(main)


def test_a_payload_that_is_not_the_cleared_one_is_never_sent(run):
    async def main(world):
        world.answers(200, b"{}")
        with pytest.raises(ClearanceBroken):
            await world.upstream.send(cleared(world, b"another"), CALL, total_s=60, confirm=still_cleared)
        assert world.payloads() == []

    run(main)


def test_an_address_outside_of_the_permits_zone_is_never_called(run):
    async def main(world):
        world.answers(200, b"{}")
        with pytest.raises(AddressNotAllowed) as caught:
            await world.upstream.send(cleared(world, zone=PUBLIC_ZONE), CALL, total_s=60, confirm=still_cleared)
        assert caught.value.stage == "connect"
        assert world.payloads() == []

    run(main)


def test_chunks_arrive_before_the_answer_has_ended(run):
    async def main(world):
        gate = asyncio.Event()
        world.streams(b"data: 1\n\n", b"data: 2\n\n", gate=gate)
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await answer.chunk() == b"data: 1\n\n"
        gate.set()
        assert await everything(answer) == b"data: 2\n\n"

    run(main)


def test_the_end_is_empty_and_stays_so(run):
    async def main(world):
        world.streams(b"x")
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await everything(answer) == b"x"
        assert await answer.chunk() == b""
        answer.abort()

    run(main)


def test_a_break_before_the_head_is_a_fault_of_send(run):
    async def main(world):
        world.breaks_before_the_head()
        with pytest.raises(UpstreamFailed) as caught:
            await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert (caught.value.stage, caught.value.code) == ("head", "upstream_failed")
        assert caught.value.fix

    run(main)


def test_a_break_within_the_body_is_never_an_end(run):
    async def main(world):
        world.breaks_within_the_body(b"data: 1\n\n")
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await answer.chunk() == b"data: 1\n\n"
        for _ in range(2):
            with pytest.raises(UpstreamFailed) as caught:
                await answer.chunk()
            assert caught.value.stage == "body"

    run(main)


def test_silence_before_the_head_is_a_timeout(run):
    async def main(world):
        world.is_silent_before_the_head()
        with pytest.raises(UpstreamTimeout) as caught:
            await world.upstream.send(cleared(world, deadlines=SHORT), CALL, total_s=60, confirm=still_cleared)
        assert (caught.value.stage, caught.value.code) == ("head", "upstream_timeout")

    run(main)


def test_silence_within_the_body_is_a_timeout_after_what_came(run):
    async def main(world):
        world.is_silent_within_the_body(b"data: 1\n\n")
        answer = await world.upstream.send(cleared(world, deadlines=SHORT), CALL, total_s=60, confirm=still_cleared)
        assert await answer.chunk() == b"data: 1\n\n"
        with pytest.raises(UpstreamTimeout) as caught:
            await answer.chunk()
        assert caught.value.stage == "body"

    run(main)


def test_a_body_above_its_limit_is_a_fault_and_one_at_the_limit_is_not(run):
    async def main(world):
        world.answers(200, b"x" * 100)
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert len(await answer.body(100)) == 100
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        with pytest.raises(UpstreamFailed) as caught:
            await answer.body(99)
        assert caught.value.stage == "body"

    run(main)


def test_an_aborted_answer_yields_nothing_more(run):
    async def main(world):
        world.streams(b"1", b"2", gate=asyncio.Event())
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await answer.chunk() == b"1"
        answer.abort()
        with pytest.raises(UpstreamFailed):
            await answer.chunk()
        answer.abort()

    run(main)


def test_a_cancelled_send_stays_cancelled(run):
    async def main(world):
        world.never_answers()
        task = asyncio.create_task(world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared))
        await world.until_asked()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_a_cancelled_reader_ends_the_answer(run):
    async def main(world):
        world.streams(b"1", b"2", gate=asyncio.Event())
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        await answer.chunk()
        task = asyncio.create_task(answer.chunk())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(UpstreamFailed):
            await answer.chunk()

    run(main)


def test_many_calls_at_once_get_their_own_answers(run):
    async def main(world):
        if isinstance(world, Scripted):
            world.upstream.play("local", lambda _, call: scripted.json_reply(call.payload))
        else:
            world.server.choose("/v1/chat/completions", lambda request: hostile.ok_json(request.body))

        async def one(payload):
            sent = Call("POST", "/chat/completions", (), payload)
            answer = await world.upstream.send(cleared(world, payload), sent, total_s=10, confirm=still_cleared)
            return await answer.body(100)

        payloads = [b"%d" % n for n in range(50)]
        assert await asyncio.gather(*map(one, payloads)) == payloads

    run(main)


def test_a_permit_that_no_longer_holds_at_the_last_moment_sends_nothing(run):
    async def main(world):
        world.answers(200, b"{}")

        def withdrawn():
            raise ClearanceBroken("It was withdrawn.", "Ask again.")

        with pytest.raises(ClearanceBroken):
            await world.upstream.send(cleared(world), CALL, total_s=60, confirm=withdrawn)
        assert world.payloads() == []
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await answer.body(100) == b"{}"

    run(main)


def test_an_answer_that_is_let_go_of_frees_its_connection_and_is_not_read_any_more(run):
    async def main(world):
        world.streams(b"data: [DONE]\n\n")
        answer = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await answer.chunk() == b"data: [DONE]\n\n"
        answer.let_go()
        answer.abort()
        again = await world.upstream.send(cleared(world), CALL, total_s=60, confirm=still_cleared)
        assert await everything(again) == b"data: [DONE]\n\n"

    run(main)

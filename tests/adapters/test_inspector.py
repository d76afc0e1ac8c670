"""Small bodies are read at once, large ones in a child; whatever goes wrong there is a Failure (law 2)."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import pytest
import uvloop
from shipped_detectors import shipped_inspector

from douane.config import detector_rules
from douane.core.finding import Failure, Inspection
from douane.detect.registered.names import dictionary, words_of
from douane.detect.registered.seal import Seal
from douane.detect.registered.watch import Registered
from douane.detect.settings import DetectorSettings
from douane.errors import ConfigurationError

LARGE = 10**6
BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "é: jean@exemple.fr, BE68 5390 0754 7034"}],
    "top_p": 0.5,
}
HANGS = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
DIES = (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); sys.exit(3)")
BABBLES = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.write('????hello'); sys.stdout.flush(); sys.stdin.buffer.read()",
)
LIES = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write((2).to_bytes(4, 'big') + b'{}'); sys.stdout.flush(); sys.stdin.buffer.read()",
)
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def run(loop, scene):
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(scene())


def inspector(**given):
    return shipped_inspector(**{"deadline_s": 30.0, **given})


@asynccontextmanager
async def reading(**given):
    reader = inspector(**given)
    try:
        yield reader
    finally:
        await reader.aclose()


class Broken:
    name = "broken"
    version = "1"

    def scan_if_brief(self, value, most_hits, owner):
        raise RuntimeError("a text of the request")


@LOOPS
def test_a_large_body_gives_what_a_small_one_gives(loop):
    async def scene():
        async with reading() as reader:
            small = await reader.inspect(BODY, 100)
            large = await reader.inspect(BODY, LARGE)
            again = await reader.inspect(BODY, LARGE)
        assert isinstance(small, Inspection)
        assert {f.type for f in small.findings} == {"EMAIL", "IBAN"}
        assert large == small == again

    run(loop, scene)


def test_a_small_body_that_is_all_hits_is_read_in_the_child_with_the_same_findings():
    async def scene():
        dense = {"messages": [{"role": "user", "content": "4111 1111 1111 1111 " * 500}]}
        reader, whole, lone = inspector(), inspector(inline_hits=10**6), inspector(command=DIES)
        try:
            assert await reader.inspect(dense, 100) == await whole.inspect(dense, 100)
            assert isinstance(await lone.inspect(dense, 100), Failure)
            assert isinstance(await lone.inspect(BODY, 100), Inspection)
        finally:
            for each in (reader, whole, lone):
                await each.aclose()

    run(None, scene)


@LOOPS
def test_a_late_child_is_killed_and_the_next_one_is_fresh(loop):
    async def scene():
        async with reading(command=HANGS, deadline_s=0.05) as reader:
            for _ in range(2):
                failure = await reader.inspect(BODY, LARGE)
                assert (type(failure), failure.cause) == (Failure, "late")
                assert reader._pool.pids == ()

    run(loop, scene)


@pytest.mark.parametrize(
    ("command", "cause"), [(DIES, "died"), (BABBLES, "answer too long"), (LIES, "answer not understood")]
)
def test_a_child_that_dies_or_talks_nonsense_is_a_failure(command, cause):
    async def scene():
        async with reading(command=command) as reader:
            failure = await reader.inspect(BODY, LARGE)
            assert (type(failure), failure.cause) == (Failure, cause)
            assert reader._pool.pids == ()

    run(None, scene)


def test_a_command_that_can_not_start_is_a_failure():
    async def scene():
        reader = inspector(command=("/nonexistent/python",))
        failure = await reader.inspect(BODY, LARGE)
        await reader.aclose()
        assert (type(failure), failure.cause) == (Failure, "died")

    run(None, scene)


@LOOPS
def test_a_child_that_died_at_rest_is_replaced_before_anybody_notices(loop):
    async def scene():
        async with reading() as reader:
            first = await reader.inspect(BODY, LARGE)
            assert isinstance(first, Inspection)
            os.kill(reader._pool.pids[0], 9)
            await reader._pool._children[0]._process.wait()
            assert await reader.inspect(BODY, LARGE) == first

    run(loop, scene)


@LOOPS
def test_a_child_whose_death_is_not_known_yet_costs_one_failure_at_most(loop):
    async def scene():
        async with reading() as reader:
            first = await reader.inspect(BODY, LARGE)
            os.kill(reader._pool.pids[0], 9)
            assert isinstance(await reader.inspect(BODY, LARGE), Failure | Inspection)
            assert await reader.inspect(BODY, LARGE) == first

    run(loop, scene)


@LOOPS
def test_a_pipe_that_closed_is_a_failure_and_not_a_fault(loop):
    async def scene():
        async with reading() as reader:
            first = await reader.inspect(BODY, LARGE)
            reader._pool._children[0]._process.stdin.close()
            assert isinstance(await reader.inspect(BODY, LARGE), Failure)
            assert await reader.inspect(BODY, LARGE) == first

    run(loop, scene)


def test_a_caller_who_leaves_does_not_disturb_the_next():
    async def scene():
        async with reading() as reader:
            first = asyncio.ensure_future(reader.inspect(BODY, LARGE))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            other = {"model": "m", "messages": [{"role": "user", "content": "rien"}]}
            assert (await reader.inspect(other, LARGE)).findings == ()

    run(None, scene)


def test_what_waits_is_bounded_and_waiting_ends_by_the_deadline():
    async def scene():
        async with reading(command=HANGS, deadline_s=0.2, queue=3) as reader:
            answers = await asyncio.gather(*(reader.inspect(BODY, LARGE) for _ in range(6)))
        assert all(isinstance(answer, Failure) for answer in answers)
        assert sorted(answer.cause for answer in answers) == ["late", "late, waiting", "late, waiting"] + 3 * [
            "queue full"
        ]

    run(None, scene)


def test_closing_ends_the_child_and_what_waits_for_it():
    async def scene():
        reader = inspector(command=HANGS)
        waiting = asyncio.ensure_future(reader.inspect(BODY, LARGE))
        while not reader._pool.pids:  # noqa: ASYNC110 - the process has no event of its own
            await asyncio.sleep(0)
        process = reader._pool._children[0]._process
        await reader.aclose()
        await process.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(None, scene)


def test_a_detector_that_errs_is_a_failure_that_tells_no_content():
    async def scene():
        reader = inspector()
        reader._scanner = Broken()
        failure = await reader.inspect(BODY, 100)
        await reader.aclose()
        assert failure == Failure("patterns", "RuntimeError", reader.detectors)

    run(None, scene)


def test_what_can_not_be_handed_to_the_child_is_a_failure():
    async def scene():
        reader = inspector()
        failure = await reader.inspect({"x": "\ud800"}, LARGE)
        await reader.aclose()
        assert (type(failure), failure.cause) == (Failure, "not serialisable")

    run(None, scene)


# --- other settings, while it runs -----------------------------------------------------------------------------------

BRITISH = {"messages": [{"role": "user", "content": "ring 020 7946 0018 today"}]}


async def put_in_force(reader, settings):
    reader.take(settings, await reader.prepare(settings))


@LOOPS
def test_other_settings_count_for_small_and_large_bodies_alike(loop):
    rows = detector_rules()
    french, british = DetectorSettings(rows, regions=("FR",)), DetectorSettings(rows, regions=("GB",))

    async def scene():
        async with reading() as reader:
            await put_in_force(reader, french)
            assert (await reader.inspect(BRITISH, LARGE)).findings == ()
            before = reader.detectors
            await put_in_force(reader, british)
            for size in (100, LARGE):
                inspection = await reader.inspect(BRITISH, size)
                assert [found.type for found in inspection.findings] == ["PHONE"]
                assert inspection.detectors == reader.detectors != before

    run(loop, scene)


def test_what_is_being_read_when_the_settings_change_ends_as_it_began():
    async def scene():
        async with reading() as reader:
            running = asyncio.ensure_future(reader.inspect(BODY, LARGE))
            while not reader._pool.pids:  # noqa: ASYNC110 - the process has no event of its own
                await asyncio.sleep(0)
            process, before = reader._pool._children[0]._process, reader.detectors
            await put_in_force(reader, DetectorSettings(detector_rules(), regions=("GB",)))
            inspection = await running
            assert isinstance(inspection, Inspection)
            assert inspection.detectors == before != reader.detectors
            await process.wait()

    run(None, scene)


def test_equal_settings_keep_the_child_that_runs():
    async def scene():
        async with reading() as reader:
            await reader.inspect(BODY, LARGE)
            pids = reader._pool.pids
            await put_in_force(reader, DetectorSettings(detector_rules()))
            await reader.inspect(BODY, LARGE)
            assert reader._pool.pids == pids

    run(None, scene)


def test_settings_that_do_not_compile_change_nothing():
    async def scene():
        async with reading() as reader:
            with pytest.raises(ConfigurationError):
                await reader.prepare(DetectorSettings(detector_rules(), engine="pcre"))
            assert isinstance(await reader.inspect(BODY, 100), Inspection)

    run(None, scene)


def test_what_an_owner_registered_is_found_in_its_requests_small_and_large():
    key = "5a" * 32
    content = dictionary([words_of("Projet Aurore")], Seal(key))
    settings = DetectorSettings(detector_rules(), registered=(Registered("projects", ("research",), key, content),))
    body = {"messages": [{"role": "user", "content": "le projet aurore"}]}

    async def scene():
        async with reading() as reader:
            await put_in_force(reader, settings)
            for size in (100, LARGE):
                inspection = await reader.inspect(body, size, "research")
                assert [(found.type, found.detail) for found in inspection.findings] == [("DICTIONARY", "projects")]
                assert (await reader.inspect(body, size, "sales")).findings == ()

    run(None, scene)

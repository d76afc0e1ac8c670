"""Reading for meaning in processes of their own: warmed, by a deadline, restarted; whatever goes wrong is a Failure."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import numpy as np
import pytest

from douane.adapters.inspector.inspector import ScanningInspector
from douane.adapters.inspector.readers import LONGEST_BODY_BYTES, QUEUE, Readers
from douane.adapters.inspector.reading_worker import Remembered
from douane.config import detector_rules
from douane.core.finding import Failure, Inspection
from douane.detect.settings import DetectorSettings, MeaningSettings
from douane.errors import EngineFailed

LIGHT = ("meaning-light",)
FULL = ("meaning-light", "meaning")
GRAVE = {
    "model": "chat",
    "messages": [
        {"role": "user", "content": "Summarise the discharge letter: my husband has metastatic cancer since March."}
    ],
}
PLAIN = {"model": "chat", "messages": [{"role": "user", "content": "How do I bake bread at home?"}]}
HANGS = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
DIES = (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); sys.exit(3)")
LIES = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write((2).to_bytes(4, 'big') + b'{}'); sys.stdout.flush(); sys.stdin.buffer.read()",
)
HALF = (
    sys.executable,
    "-c",
    """
import sys
answer = b'{"findings": [], "layers": ["meaning-light"], "model": "m"}'
sys.stdout.buffer.write(len(answer).to_bytes(4, "big") + answer)
sys.stdout.flush()
sys.stdin.buffer.read()
""",
)


@asynccontextmanager
async def reading(layers=FULL, command=None, deadline_s=30.0, processes=1):
    readers = Readers(MeaningSettings(layers, deadline_s, processes), command)
    try:
        yield readers
    finally:
        await readers.pool.aclose()


def settings(layers, deadline_s=30.0):
    return DetectorSettings(detector_rules(), meaning=MeaningSettings(layers, deadline_s))


def test_a_body_is_read_by_both_layers_and_findings_stand_where_it_says_so():
    async def scene():
        async with reading() as readers:
            await readers.start()
            heard = await readers.read(GRAVE, "team")
            assert heard.layers == FULL
            assert heard.model.startswith("meaning-")
            (found,) = heard.findings
            assert (found.type, found.pointer) == ("MEANING", "/messages/0/content")
            assert found.detail in ("confidential", "restricted")
            assert (await readers.read(PLAIN, "team")).findings == ()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("command", "cause"), [(DIES, "died"), (LIES, "answer not understood"), (HALF, "answer not understood")]
)
def test_a_reader_that_dies_lies_or_leaves_out_a_layer_is_a_failure(command, cause):
    async def scene():
        async with reading(command=command) as readers:
            failure = await readers.read(PLAIN, "")
            assert (failure.layer, failure.cause) == ("meaning", cause)

    asyncio.run(scene())


def test_a_late_reader_is_killed():
    async def scene():
        async with reading(command=HANGS, deadline_s=0.05) as readers:
            assert await readers.read(PLAIN, "") == Failure("meaning", "late")
            assert readers.pool.pids == ()

    asyncio.run(scene())


def test_a_killed_reader_is_warm_again_for_the_next_body():
    async def scene():
        async with reading(LIGHT) as readers:
            await readers.start()
            (pid,) = readers.pool.pids
            running = asyncio.ensure_future(readers.read({"messages": [{"content": "word " * 300_000}]}, ""))
            await asyncio.sleep(0)
            os.kill(pid, 9)
            assert await running == Failure("meaning", "died")
            assert (await readers.read(PLAIN, "")).layers == LIGHT
            assert readers.pool.pids != (pid,)

    asyncio.run(scene())


def test_a_reader_that_does_not_start_is_told_before_anything_is_served():
    async def scene():
        async with reading(command=DIES) as readers:
            with pytest.raises(EngineFailed):
                await readers.start()

    asyncio.run(scene())


def test_what_is_too_long_is_not_read_in_part():
    async def scene():
        async with reading(LIGHT) as readers:
            body = {"messages": [{"role": "user", "content": "a" * LONGEST_BODY_BYTES}]}
            assert await readers.read(body, "") == Failure("meaning", "too long")

    asyncio.run(scene())


def test_what_waits_is_bounded():
    async def scene():
        async with reading(command=HANGS, deadline_s=0.2) as readers:
            answers = await asyncio.gather(*[readers.read(PLAIN, "") for _ in range(QUEUE + 1)])
            causes = [answer.cause for answer in answers]
            assert causes.count("queue full") == 1
            assert set(causes) == {"late", "late, waiting", "queue full"}

    asyncio.run(scene())


@pytest.mark.parametrize("layers", [LIGHT, FULL])
def test_an_inspection_gains_the_layers_and_the_version_of_what_read_it(layers):
    async def scene():
        inspector = ScanningInspector(settings(layers))
        try:
            await inspector.start()
            before = await inspector.inspect(GRAVE, 100)
            after = await inspector.understand(GRAVE, before, "team")
            assert isinstance(before, Inspection)
            assert after.layers == (*before.layers, *layers)
            assert after.detectors.startswith(f"{before.detectors} meaning-")
            assert after.failed == ()
        finally:
            await inspector.aclose()

    asyncio.run(scene())


def test_where_meaning_is_off_whoever_asks_for_it_is_told_that_it_was_not_read():
    async def scene():
        inspector = ScanningInspector(settings(()))
        try:
            before = await inspector.inspect(PLAIN, 100)
            (failure,) = (await inspector.understand(PLAIN, before, "")).failed
            assert failure.layer == "meaning"
        finally:
            await inspector.aclose()

    asyncio.run(scene())


def test_a_reload_starts_and_ends_readers_and_keeps_those_that_fit():
    async def scene():
        inspector = ScanningInspector(settings(()))
        try:
            light = settings(LIGHT)
            inspector.take(light, await inspector.prepare(light))
            (pid,) = inspector._readers.pool.pids
            other = DetectorSettings(detector_rules(), regions=("GB",), meaning=light.meaning)
            inspector.take(other, await inspector.prepare(other))
            assert inspector._readers.pool.pids == (pid,)
            off = settings(())
            inspector.take(off, await inspector.prepare(off))
            assert inspector._readers is None
            await asyncio.gather(*inspector._retired)
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        finally:
            await inspector.aclose()

    asyncio.run(scene())


def test_what_is_remembered_of_one_owner_is_unknown_to_another():
    remembered = Remembered("model")
    remembered.keep("one", "text", np.zeros(3))
    assert remembered.recall("one", "text") is not None
    assert remembered.recall("other", "text") is None
    assert remembered.recall("on", "e\0text") is None


def test_the_longest_unused_is_forgotten_first():
    remembered = Remembered("model", most=2)
    for text in ("a", "b"):
        remembered.keep("", text, np.zeros(3))
    remembered.recall("", "a")
    remembered.keep("", "c", np.zeros(3))
    assert [remembered.recall("", text) is not None for text in ("a", "b", "c")] == [True, False, True]

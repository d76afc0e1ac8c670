"""Reading for names in a process of its own: warmed, by a deadline, restarted; whatever goes wrong is a Failure."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import orjson
import pytest

from douane.adapters.inspector.inspector import ScanningInspector
from douane.adapters.inspector.name_readers import LONGEST_BODY_BYTES, QUEUE, NameReaders
from douane.adapters.inspector.name_words import shipped_words
from douane.adapters.inspector.names_worker import Reader
from douane.config import detector_rules
from douane.core.finding import Failure, Finding
from douane.detect.settings import DetectorSettings, NamesSettings
from douane.errors import EngineFailed
from douane.testing.name_finder import ListedNames

BODY = {"model": "chat", "messages": [{"role": "user", "content": "Hier, Zoé Lefèvre est venue à la réunion."}]}
NAMED = (Finding("PERSON", "/messages/0/content", 6, 17, 0.5, "names"),)
LISTED = (
    sys.executable,
    "-c",
    """
from douane.adapters.inspector.names_worker import run
from douane.testing.name_finder import ListedNames
run(ListedNames)
""",
)
RAISES = (
    sys.executable,
    "-c",
    """
from douane.adapters.inspector.names_worker import run
class Raises:
    def find(self, text):
        raise ValueError(text)
run(Raises)
""",
)
HANGS = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
DIES = (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); sys.exit(3)")
LIES = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write((2).to_bytes(4, 'big') + b'{}'); sys.stdout.flush(); sys.stdin.buffer.read()",
)


@asynccontextmanager
async def reading(command=LISTED, deadline_s=30.0):
    readers = NameReaders(NamesSettings(True, deadline_s), command)
    try:
        yield readers
    finally:
        await readers.pool.aclose()


def settings(wanted=True):
    return DetectorSettings(detector_rules(), names=NamesSettings(wanted, 30.0))


class Ticks:
    """A clock that goes on by one each time it is read."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 1.0
        return self.now_s


def test_a_body_is_read_and_names_stand_where_it_says_so():
    async def scene():
        async with reading() as readers:
            await readers.start()
            assert await readers.read(BODY, "team") == NAMED
            assert await readers.read({"messages": [{"role": "user", "content": "Du pain, du vin."}]}, "team") == ()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("command", "cause"), [(DIES, "died"), (LIES, "answer not understood"), (RAISES, "ValueError")]
)
def test_a_reader_that_dies_lies_or_errs_is_a_failure_and_tells_no_text(command, cause):
    async def scene():
        async with reading(command) as readers:
            assert await readers.read(BODY, "") == Failure("names", cause)

    asyncio.run(scene())


def test_a_reader_that_hangs_is_killed():
    async def scene():
        async with reading(HANGS, deadline_s=0.05) as readers:
            assert await readers.read(BODY, "") == Failure("names", "late")
            assert readers.pool.pids == ()

    asyncio.run(scene())


def test_a_reader_that_takes_long_says_so_lives_on_and_goes_on_where_it_was():
    text = "".join([f"{turn}: Zoé Lefèvre est venue. " for turn in range(400)])
    reader = Reader(ListedNames(), 4.0, shipped_words(), clock_s=Ticks())
    body = orjson.dumps({"content": text})
    answers = []
    while not answers or "unread" in answers[-1]:
        answers.append(reader.answer("team", body))
    assert answers[0] == {"unread": "late"}
    assert len(answers[-1]["names"]) == 400
    assert len(answers) > 1


def test_what_was_read_for_one_owner_is_read_again_for_another():
    finder = ListedNames()
    reader = Reader(finder, 30.0, shipped_words())
    for owner in ("one", "one", "other", "on"):
        reader.answer(owner, orjson.dumps(BODY))
    assert len(finder.asked) == 3


def test_the_longest_unused_is_forgotten_first():
    finder = ListedNames()
    reader = Reader(finder, 30.0, shipped_words(), most=2)
    for text in ("a b", "c d", "a b", "e f", "a b", "c d"):
        reader.answer("", orjson.dumps(text))
    assert finder.asked == ["a b", "c d", "e f", "c d"]


def test_more_names_than_are_told_are_none_at_all():
    answer = Reader(ListedNames(), 30.0, shipped_words()).answer("", orjson.dumps(["le Jean"] * 4_097))
    assert answer == {"unread": "too many names"}


def test_a_reader_that_does_not_start_is_told_before_anything_is_served():
    async def scene():
        async with reading(DIES) as readers:
            with pytest.raises(EngineFailed):
                await readers.start()

    asyncio.run(scene())


def test_what_is_too_long_is_not_read_in_part():
    async def scene():
        async with reading() as readers:
            assert await readers.read({"content": "a " * LONGEST_BODY_BYTES}, "") == Failure("names", "too long")

    asyncio.run(scene())


def test_what_waits_is_bounded():
    async def scene():
        async with reading(HANGS, deadline_s=0.2) as readers:
            answers = await asyncio.gather(*[readers.read(BODY, "") for _ in range(QUEUE + 1)])
            assert [answer.cause for answer in answers].count("queue full") == 1

    asyncio.run(scene())


def test_the_inspector_starts_a_reader_only_where_it_is_wanted_and_a_reload_ends_it():
    async def scene():
        inspector = ScanningInspector(settings(False), names_command=LISTED)
        try:
            await inspector.start()
            assert await inspector.find_names(BODY, "") == Failure("names", "policy.names is patterns")
            wanted = settings()
            inspector.take(wanted, await inspector.prepare(wanted))
            assert await inspector.find_names(BODY, "") == NAMED
            (pid,) = inspector._names.pool.pids
            other = DetectorSettings(detector_rules(), regions=("GB",), names=wanted.names)
            inspector.take(other, await inspector.prepare(other))
            assert inspector._names.pool.pids == (pid,)
            inspector.take(settings(False), await inspector.prepare(settings(False)))
            await asyncio.gather(*inspector._retired)
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        finally:
            await inspector.aclose()

    asyncio.run(scene())


def test_the_models_find_names_in_a_process_without_the_gateway_importing_them():
    pytest.importorskip("spacy", reason="the extra `ner` is not installed")

    async def scene():
        async with reading(None) as readers:
            await readers.start()
            assert await readers.read(BODY, "team") == NAMED

    asyncio.run(scene())


def test_models_that_are_not_those_that_were_measured_find_nothing():
    pytest.importorskip("spacy", reason="the extra `ner` is not installed")
    from douane.adapters.inspector import spacy_names

    source = spacy_names.SOURCES["en"]
    for changed in (source._replace(sha256="0" * 64), source._replace(package="no_such"), source._replace(folder="x")):
        with pytest.raises(spacy_names.ModelMissing):
            spacy_names._model(changed)


def test_the_gateway_imports_nothing_of_the_models():
    program = "import sys; import douane.http.server, douane.bootstrap; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

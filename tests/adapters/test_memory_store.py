"""The memory of conversations on its disk and within its bounds."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from douane.adapters.memory import ConversationMemory
from douane.adapters.memory.book import AGE_S, MOST_PER_CONVERSATION, Book
from douane.adapters.memory.file import MemoryFile, Rows
from douane.core.label import PUBLIC, Label, Level
from douane.core.traffic.conversation import Mark, NameKind
from douane.errors import StoreFailed
from douane.testing.clock import FrozenClock
from douane.testing.conversations import InMemoryConversations

READ = frozenset({"patterns"})
CLEAN = Mark.of(PUBLIC, READ)
SECRET = Mark.of(Label(Level.CONFIDENTIAL, frozenset({"pci", "health"})), READ)


def named(word: str) -> bytes:
    return b"c" + word.encode().rjust(15, b"\0")


def mark_of(book: Any, *asked: Any) -> Mark | None:
    recalled = book.recall(*asked)
    return recalled.mark if recalled is not None else None


def recorded(folder: Path, owner: str, word: str, mark: Mark) -> None:
    async def story() -> None:
        memory = await ConversationMemory.open(folder, FrozenClock())
        pending = memory.record(owner, [memory.name(owner, NameKind.CALLER, word)], mark)
        assert pending is not None
        await pending
        await memory.aclose()

    asyncio.run(story())


def recalled(folder: Path, owner: str, word: str, clock: FrozenClock | None = None) -> Mark | None:
    async def story() -> Mark | None:
        memory = await ConversationMemory.open(folder, clock or FrozenClock())
        mark = mark_of(memory, owner, [memory.name(owner, NameKind.CALLER, word)])
        await memory.aclose()
        return mark

    return asyncio.run(story())


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_restart_lowers_no_label(tmp_path: Path) -> None:
    recorded(tmp_path, "one", "a", SECRET)
    assert recalled(tmp_path, "one", "a") == SECRET
    assert recalled(tmp_path, "one", "b") is None
    assert recalled(tmp_path, "two", "a") is None


def test_what_was_awaited_survives_a_process_that_dies_there(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:

        async def story() -> None:
            memory = await ConversationMemory.open(tmp_path, FrozenClock())
            pending = memory.record("one", [memory.name("one", NameKind.CALLER, "a")], SECRET)
            assert pending is not None
            await pending
            os._exit(7)

        asyncio.run(story())
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert recalled(tmp_path, "one", "a") == SECRET


def test_files_are_their_owners_alone_and_hold_no_word(tmp_path: Path) -> None:
    recorded(tmp_path, "one", "a-very-telling-conversation", SECRET)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert b"telling" not in path.read_bytes()


def test_a_key_that_is_gone_is_no_empty_memory(tmp_path: Path) -> None:
    recorded(tmp_path, "one", "a", SECRET)
    (tmp_path / "memory.key").unlink()
    with pytest.raises(StoreFailed) as failure:
        recalled(tmp_path, "one", "a")
    assert "memory.key" in failure.value.problem
    assert failure.value.fix
    (tmp_path / "memory.db").unlink()
    assert recalled(tmp_path, "one", "a") is None


@pytest.mark.parametrize("hurt", ["key", "database", "schema"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, hurt: str) -> None:
    recorded(tmp_path, "one", "a", SECRET)
    if hurt == "key":
        (tmp_path / "memory.key").write_bytes(b"short")
    elif hurt == "database":
        (tmp_path / "memory.db").write_bytes(b"not a database" * 400)
    else:
        connection = sqlite3.connect(tmp_path / "memory.db")
        connection.execute("pragma user_version=9")
        connection.close()
    with pytest.raises(StoreFailed):
        recalled(tmp_path, "one", "a")


def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    recorded(tmp_path, "one", "a", SECRET)
    clock = FrozenClock()
    clock.advance(AGE_S - 1)
    assert recalled(tmp_path, "one", "a", clock) == SECRET
    clock.advance(AGE_S - 1)
    assert recalled(tmp_path, "one", "a", clock) == SECRET, "its last turn was within the age"
    clock.advance(AGE_S + 1)
    assert recalled(tmp_path, "one", "a", clock) is None


def test_what_could_not_be_written_is_said_and_written_later(tmp_path: Path) -> None:
    async def story() -> None:
        memory = await ConversationMemory.open(tmp_path, FrozenClock())
        write, memory._file.write = memory._file.write, fail  # type: ignore[method-assign]
        names = [memory.name("one", NameKind.CALLER, "a")]
        for _ in range(2):
            pending = memory.record("one", names, SECRET)
            assert pending is not None
            with pytest.raises(StoreFailed):
                await pending
            assert mark_of(memory, "one", names) == SECRET, "this process knows it all the same"
        memory._file.write = write  # type: ignore[method-assign]
        pending = memory.record("one", names, CLEAN)
        assert pending is not None
        await pending
        assert memory.record("one", names, SECRET) is None
        await memory.aclose()

    def fail(_rows: Rows) -> None:
        raise StoreFailed("The disk is full.", "Free some of it.", rule="r")

    asyncio.run(story())
    assert recalled(tmp_path, "one", "a") == SECRET


def test_an_owner_is_forgotten_for_good(tmp_path: Path) -> None:
    recorded(tmp_path, "one", "a", SECRET)
    recorded(tmp_path, "two", "a", SECRET)

    async def story() -> int:
        memory = await ConversationMemory.open(tmp_path, FrozenClock())
        count = await memory.forget("one")
        await memory.aclose()
        return count

    assert asyncio.run(story()) == 1
    assert recalled(tmp_path, "one", "a") is None
    assert recalled(tmp_path, "two", "a") == SECRET


# --- the book --------------------------------------------------------------------------------------------------------


def test_a_flood_of_names_is_bounded_and_costs_other_owners_nothing() -> None:
    book = Book(most_names=1000)
    for number in range(100):
        book.record("quiet", [named(f"q{number}")], SECRET, (), 1)
    for number in range(20_000):
        book.record("loud", [named(str(number))], SECRET, (), 2)
        assert len(book) <= 1000
    assert all(mark_of(book, "quiet", [named(f"q{number}")], 3) == SECRET for number in range(100))
    changes = book.take_changes()
    assert changes.everything or len(changes.names) <= 2 * 1000


def test_the_lowest_marks_are_forgotten_first() -> None:
    book = Book(most_names=1000)
    for number in range(500):
        book.record("one", [named(f"s{number}")], SECRET, (), 1)
    for number in range(20_000):
        book.record("one", [named(str(number))], CLEAN, (), 2)
    assert all(mark_of(book, "one", [named(f"s{number}")], 3) == SECRET for number in range(500))


def test_one_conversation_has_a_bounded_number_of_names() -> None:
    book = Book()
    for number in range(3 * MOST_PER_CONVERSATION):
        book.record("one", [named("id")], CLEAN, [b"a" + named(str(number))[1:]], 1)
        assert len(book) <= MOST_PER_CONVERSATION
    assert mark_of(book, "one", [named("id")], 1) == CLEAN
    assert mark_of(book, "one", [b"a" + named(str(3 * MOST_PER_CONVERSATION - 1))[1:]], 1) == CLEAN


def test_what_waits_to_be_written_is_bounded_while_nothing_can_be(tmp_path: Path) -> None:
    book = Book(most_names=100)
    for number in range(5000):
        book.record("one", [named(str(number))], SECRET, (), 1)
        if number % 50 == 0:
            book.take_changes()
            book.not_written()
    file = MemoryFile(tmp_path / "memory.db")
    file.write(Rows(book.take_changes()))
    book.written()
    stored = {name for conversation in file.read(0) for name in conversation.names}
    assert stored == {name for name in map(named, map(str, range(5000))) if mark_of(book, "one", [name], 1)}
    file.close()


def name_of(owner: str, kind: NameKind, word: str) -> bytes:
    """Return a name as the adapter makes them: no two owners share one."""
    return kind.value + f"{owner}{word}".encode().rjust(15, b"\0")


class BookMachine(RuleBasedStateMachine):
    """The book, written and read again at any moment, remembers what the plain fake does."""

    NAMES = st.tuples(st.sampled_from(list(NameKind)), st.sampled_from("1234"))
    OWNERS = st.sampled_from(["one", "two"])
    MARKS = st.builds(
        lambda level, words, layers, masked: Mark(Label(level, frozenset(words)), frozenset(layers), Label(masked), frozenset(layers), frozenset(words)),
        st.sampled_from(Level), st.sets(st.sampled_from(["pci", "health"])), st.sets(st.sampled_from(["a", "b"])),
        st.sampled_from(Level),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.book, self.fake = Book(), InMemoryConversations()
        self.folder = tempfile.TemporaryDirectory()
        self.file = MemoryFile(Path(self.folder.name) / "memory.db")

    @rule(owner=OWNERS, names=st.lists(NAMES, max_size=3, unique=True), mark=MARKS)
    def record(self, owner: str, names: list[tuple[NameKind, str]], mark: Mark) -> None:
        given = [name_of(owner, *name) for name in names]
        self.book.record(owner, given, mark, (), 1)
        self.fake.record(owner, given, mark)

    @rule(owner=OWNERS, names=st.lists(NAMES, max_size=2, unique=True), said=NAMES, mark=MARKS)
    def serve(self, owner: str, names: list[tuple[NameKind, str]], said: tuple[NameKind, str], mark: Mark) -> None:
        if said not in names:
            given, served = [name_of(owner, *name) for name in names], [name_of(owner, *said)]
            self.book.record(owner, given, mark, served, 1)
            self.fake.record(owner, given, mark, served)

    @rule(owner=OWNERS)
    def forget(self, owner: str) -> None:
        self.book.forget(owner)
        asyncio.run(self.fake.forget(owner))
        self.fake._servings = {at: n for at, n in self.fake._servings.items() if at[0] != owner}

    @rule(works=st.booleans())
    def write(self, works: bool) -> None:
        rows = Rows(self.book.take_changes())
        if works:
            self.file.write(rows)
            self.book.written()
        else:
            self.book.not_written()

    @rule()
    def restart(self) -> None:
        self.file.write(Rows(self.book.take_changes()))
        fresh = Book()
        fresh.load(self.file.read(0))
        for owner, share in self.book._shares.items():
            if owner in fresh._shares:
                fresh._shares[owner].servings = share.servings  # counted anew after a restart: not so in the fake
        self.book = fresh

    @invariant()
    def they_agree(self) -> None:
        for owner in ("one", "two"):
            for kind in NameKind:
                for word in "1234":
                    name = name_of(owner, kind, word)
                    assert mark_of(self.book, owner, [name], 1) == mark_of(self.fake, owner, [name])

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBook = BookMachine.TestCase

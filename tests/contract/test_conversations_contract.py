"""One contract for every memory of conversations: the fake that tests of the gateway use, and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from douane.adapters.memory import ConversationMemory
from douane.core.label import PUBLIC, Label, Level
from douane.core.traffic.conversation import Mark, NameKind
from douane.ports import Conversations
from douane.testing.clock import FrozenClock
from douane.testing.conversations import InMemoryConversations

Story = Callable[[Conversations], Awaitable[None]]
READ = frozenset({"patterns", "meaning"})
SECRET = Mark.of(Label(Level.CONFIDENTIAL, frozenset({"pci"})), READ)
HEALTH = Mark.of(Label(Level.RESTRICTED, frozenset({"health"})), frozenset({"patterns"}))
CLEAN = Mark.of(PUBLIC, READ)


@pytest.fixture(params=["memory", "sqlite"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Story], None]:
    async def on_disk(story: Story) -> None:
        memory = await ConversationMemory.open(tmp_path, FrozenClock())
        await story(memory)
        await memory.aclose()

    async def in_memory(story: Story) -> None:
        await story(InMemoryConversations())

    return lambda story: asyncio.run((on_disk if request.param == "sqlite" else in_memory)(story))


async def record(book: Conversations, names: list[bytes], mark: Mark, served: list[bytes] | None = None) -> None:
    pending = book.record("one", names, mark, served or [])
    if pending is not None:
        await pending


def mark_of(book: Conversations, owner: str, names: list[bytes]) -> Mark | None:
    recalled = book.recall(owner, names)
    if recalled is None:
        return None
    again = book.recall(owner, recalled.names)
    assert again is not None
    assert again.mark == recalled.mark, "the names that it returns are those of the conversations that it found"
    return recalled.mark


def names_of(book: Conversations, *words: str, owner: str = "one") -> list[bytes]:
    return [book.name(owner, NameKind.CALLER, word) for word in words]


def test_a_name_tells_its_kind_and_nothing_of_its_word(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        for kind in NameKind:
            name = book.name("one", kind, "word")
            assert name.startswith(kind.value)
            assert len(name) == 16
            assert b"word" not in name
            assert name == book.name("one", kind, "word")
        every = {book.name(o, k, w) for o in ("one", "on", "") for k in NameKind for w in ("eword", "word", "oneword")}
        assert len(every) == 3 * len(NameKind) * 3

    play(story)


def test_a_mark_only_rises(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        a, b = names_of(book, "a", "b")
        assert mark_of(book, "one", [a]) is None
        await record(book, [a], SECRET)
        assert mark_of(book, "one", [a, b]) == SECRET
        await record(book, [a, b], CLEAN)
        assert mark_of(book, "one", [b]) == SECRET
        await record(book, [b], HEALTH)
        assert mark_of(book, "one", [a]) == SECRET.joined(HEALTH)
        assert SECRET.joined(HEALTH).layers == {"patterns"}

    play(story)


def test_two_conversations_that_turn_out_to_be_one_are_one(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        a, b, c, d = names_of(book, "a", "b", "c", "d")
        await record(book, [a, b], CLEAN)
        await record(book, [c, d], SECRET)
        assert mark_of(book, "one", [a]) == CLEAN
        await record(book, [b, c], CLEAN)
        await record(book, [d], HEALTH)
        assert mark_of(book, "one", [a]) == SECRET.joined(HEALTH)

    play(story)


def test_an_answer_that_everybody_gets_tells_no_conversation(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        said = book.name("one", NameKind.ANSWER, "I am sorry, I can't help with that.")
        await record(book, names_of(book, "0"), SECRET, [said])
        assert mark_of(book, "one", [said]) == SECRET
        for number in range(1, 9):
            await record(book, names_of(book, str(number)), CLEAN, [said])
        assert mark_of(book, "one", [said]) is None
        await record(book, [said], HEALTH)
        assert mark_of(book, "one", [said]) is None
        assert mark_of(book, "one", names_of(book, "0")) == SECRET
        assert mark_of(book, "one", names_of(book, "8")) == CLEAN

    play(story)


def test_an_answer_served_again_in_its_own_conversation_tells_it_still(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        said = book.name("one", NameKind.ANSWER, "As I said before.")
        for _ in range(20):
            await record(book, names_of(book, "a"), SECRET, [said])
        assert mark_of(book, "one", [said]) == SECRET

    play(story)


def test_owners_do_not_meet(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        (mine,), (theirs,) = names_of(book, "a"), names_of(book, "a", owner="two")
        await record(book, [mine], SECRET)
        assert mark_of(book, "two", [theirs]) is None
        assert mark_of(book, "two", [mine]) is None
        assert not book.kinds("two")
        assert set(book.kinds("one")) == {NameKind.CALLER}
        assert await book.forget("two") == 0
        assert mark_of(book, "one", [mine]) == SECRET
        assert await book.forget("one") == 1
        assert mark_of(book, "one", [mine]) is None
        assert not book.kinds("one")

    play(story)


def test_what_is_durable_is_not_awaited_again(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        (a,) = names_of(book, "a")
        assert book.record("one", [a], SECRET) is not None
        pending = book.record("one", [a], SECRET)
        assert pending is not None, "not durable before somebody awaited it"
        await pending
        assert book.record("one", [a], SECRET) is None
        assert book.record("one", [a], CLEAN) is None
        assert book.record("one", [a], HEALTH) is not None

    play(story)


def test_nothing_to_record_is_nothing(play: Callable[[Story], None]) -> None:
    async def story(book: Conversations) -> None:
        assert book.record("one", [], SECRET) is None
        assert not book.kinds("one")

    play(story)

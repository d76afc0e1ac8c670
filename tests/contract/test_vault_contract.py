"""One suite on the shipped fake and on the real vault: what is kept for whom, for how long, and what erasing means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from douane.adapters.vault import FileVault
from douane.core.pseudonym import Pseudonym
from douane.errors import StoreFailed
from douane.ports import Vault
from douane.testing.clock import FrozenClock
from douane.testing.in_memory_vault import InMemoryVault

IBAN = "FR14 2004 1010 0505 0001 3M02 606"
KEPT_S = 3600.0


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["fake", "files"])
def vault(request: pytest.FixtureRequest, clock: FrozenClock, tmp_path: Path) -> Iterator[Vault]:
    if request.param == "fake":
        yield InMemoryVault(clock, KEPT_S)
        return
    real = FileVault(tmp_path, clock, lambda: KEPT_S)
    yield real
    real.close()


async def say(
    vault: Vault, owner: str, talk: str, *values: tuple[str, str], subject: str | None = None
) -> list[Pseudonym]:
    """Mask values in a conversation as a request does."""
    pseudonyms = await vault.recall(owner, talk)
    issued = [pseudonyms.issue(kind, value) for kind, value in values]
    if pseudonyms.fresh:
        await vault.keep(owner, talk, pseudonyms, subject)
    return [each for each in issued if each is not None]


async def knows(vault: Vault, owner: str, talk: str | None, each: Pseudonym) -> bool:
    return (await vault.recall(owner, talk)).find(each.nonce, each.number) == each


def test_a_conversation_keeps_its_pseudonyms(vault: Vault) -> None:
    async def story() -> None:
        first = await say(vault, "acme", "c", ("IBAN", IBAN), ("SECRET", "sk-live-01234567"))
        again = await say(vault, "acme", "c", ("EMAIL", "a@x.fr"), ("IBAN", IBAN.replace(" ", "")))
        assert again[1] == first[0]
        assert again[1].value == IBAN
        assert all([await knows(vault, "acme", "c", each) for each in (*first, *again)])
        assert first[1].value is None

    asyncio.run(story())


def test_nobody_else_knows_them(vault: Vault) -> None:
    async def story() -> None:
        (mine,) = await say(vault, "acme", "c", ("IBAN", IBAN))
        for owner, talk in (("acme", "d"), ("other", "c"), ("acme", None), ("acme", "")):
            theirs = (await vault.recall(owner, talk)).issue("IBAN", IBAN)
            assert theirs is not None
            assert theirs.nonce != mine.nonce
            assert not await knows(vault, owner, talk, mine)

    asyncio.run(story())


def test_two_requests_without_a_conversation_share_nothing(vault: Vault) -> None:
    async def story() -> None:
        one, two = await vault.recall("acme", None), await vault.recall("acme", None)
        assert one.issue("IBAN", IBAN) != two.issue("IBAN", IBAN)

    asyncio.run(story())


def test_values_have_their_time(vault: Vault, clock: FrozenClock) -> None:
    async def story() -> None:
        (mine,) = await say(vault, "acme", "c", ("IBAN", IBAN))
        clock.advance(KEPT_S - 1)
        assert await knows(vault, "acme", "c", mine)
        clock.advance(2)
        assert not await knows(vault, "acme", "c", mine)

    asyncio.run(story())


ERASED: dict[str, tuple[tuple[str | None, str | None], tuple[bool, bool, bool, bool]]] = {
    "an owner": (("acme", None), (False, False, False, True)),
    "everybody": ((None, None), (False, False, False, False)),
    "an end user of an owner": (("acme", "user-7"), (False, True, True, True)),
    "an end user of everybody": ((None, "user-7"), (False, True, True, False)),
    "a value, however it is spelt": (("acme", IBAN.replace(" ", "-").lower()), (True, False, True, True)),
    "a person": (("acme", "Jean  Dupont"), (True, True, False, True)),
    "somebody unknown": (("acme", "nobody"), (True, True, True, True)),
    "another owner": (("nobody", None), (True, True, True, True)),
}


@pytest.mark.parametrize("what", ERASED)
def test_what_is_erased_is_gone_and_the_rest_stays(vault: Vault, what: str) -> None:
    async def story() -> None:
        (of_user,) = await say(vault, "acme", "u", ("EMAIL", "a@x.fr"), subject="user-7")
        (iban,) = await say(vault, "acme", "c", ("IBAN", IBAN))
        (person,) = await say(vault, "acme", "c", ("PERSON", "Jean Dupont"))
        (theirs,) = await say(vault, "other", "c", ("EMAIL", "b@x.fr"), subject="user-7")
        kept = (("acme", "u", of_user), ("acme", "c", iban), ("acme", "c", person), ("other", "c", theirs))
        (owner, subject), expected = ERASED[what]
        assert await vault.erase(owner, subject) == expected.count(False)
        assert tuple([await knows(vault, *each) for each in kept]) == expected
        assert await vault.erase(owner, subject) == 0

    asyncio.run(story())


# --- the files ---------------------------------------------------------------------------------------------------------


def with_files(folder: Path, act: Callable[[FileVault], Awaitable[None]]) -> None:
    vault = FileVault(folder, FrozenClock(), lambda: KEPT_S)
    try:
        asyncio.run(act(vault))  # type: ignore[arg-type]
    finally:
        vault.close()


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_restart_forgets_nothing_and_the_files_tell_nothing(tmp_path: Path) -> None:
    issued: list[Pseudonym] = []

    async def first(vault: FileVault) -> None:
        issued.extend(
            await say(vault, "acme", "talk-4711", ("IBAN", IBAN), ("PERSON", "\ud800 Jean"), subject="user-7")
        )

    async def second(vault: FileVault) -> None:
        assert all([await knows(vault, "acme", "talk-4711", each) for each in issued])

    with_files(tmp_path, first)
    with_files(tmp_path, second)
    told = contents(tmp_path)
    assert not any(word in told for word in (b"FR14", b"3M02", b"Jean", b"user-7", b"talk-4711"))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_what_was_erased_is_overwritten(tmp_path: Path) -> None:
    sealed: list[bytes] = []

    async def story(vault: FileVault) -> None:
        await say(vault, "acme", "c", ("IBAN", IBAN))
        rows = vault._rows
        assert rows is not None
        sealed.extend(row[0] for row in rows._db.execute("select sealed from entries union select wrapped from owners"))
        assert all(each in contents(tmp_path) for each in sealed)
        await vault.erase("acme", None)

    with_files(tmp_path, story)
    assert not any(each in contents(tmp_path) for each in sealed)


def test_what_was_masked_before_an_erasure_is_not_kept_after_it(tmp_path: Path) -> None:
    async def story(vault: FileVault) -> None:
        under_way = await vault.recall("acme", "c")
        issued = under_way.issue("IBAN", IBAN)
        await vault.erase("acme", None)
        await vault.keep("acme", "c", under_way, None)
        await say(vault, "acme", "d", ("IBAN", IBAN))
        await vault.keep("acme", "c", under_way, None)
        assert issued is not None
        assert not await knows(vault, "acme", "c", issued)

    with_files(tmp_path, story)


def test_an_owner_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("douane.adapters.vault.rows.MOST_VALUES", 3)

    async def story(vault: FileVault) -> None:
        await say(vault, "acme", "c", *[("EMAIL", f"a{number}@x.fr") for number in range(5)])
        await say(vault, "other", "c", ("EMAIL", "b@x.fr"))
        assert len(await vault.recall("acme", "c")) == 3
        assert len(await vault.recall("other", "c")) == 1

    with_files(tmp_path, story)


@pytest.mark.parametrize("damage", ["open to all", "cut short", "another key", "no database", "moved row"])
def test_a_vault_that_cannot_be_trusted_says_so(tmp_path: Path, damage: str) -> None:
    async def fill(vault: FileVault) -> None:
        await say(vault, "acme", "c", ("IBAN", IBAN))
        await say(vault, "acme", "d", ("IBAN", IBAN))

    with_files(tmp_path, fill)
    key, database = tmp_path / "vault.key", tmp_path / "vault.db"
    if damage == "open to all":
        key.chmod(0o644)
    elif damage == "cut short":
        key.write_bytes(key.read_bytes()[:16])
    elif damage == "another key":
        key.write_bytes(bytes(32))
    elif damage == "no database":
        database.write_bytes(b"not a database, but of some length all the same" * 30)
    else:
        import sqlite3

        with sqlite3.connect(database) as connection:
            one, two = connection.execute("select sealed from entries order by conversation").fetchall()
            connection.execute("update entries set sealed = ? where sealed = ?", (one[0], two[0]))

    async def read(vault: FileVault) -> None:
        for talk in ("c", "d"):
            await vault.recall("acme", talk)

    with pytest.raises(StoreFailed) as told:
        with_files(tmp_path, read)
    assert told.value.fix

"""Virtual keys: made once, shown once, withdrawn at once; on the store that a running gateway reads."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from douane.adapters.store.key_book import KeyBook
from douane.adapters.store.sqlite_keys import SqliteKeys
from douane.cli.keys import keys as command
from douane.control.keys import Wanted, create, listing, revoke
from douane.core.digest import digest
from douane.core.label import Label, Level
from douane.core.traffic.keys import is_secret, secret_of
from douane.core.traffic.snapshot import Budget, Key, Limits, Policy, Snapshot
from douane.errors import InvalidRequest, NotFound, StoreFailed
from douane.testing.clock import FrozenClock

CLOCK = FrozenClock()
NOW_S = CLOCK.now_us() // 1_000_000
CHANCE = bytes(range(32))


class Configured:
    """A configuration with these keys."""

    def __init__(self, *keys: Key) -> None:
        self._snapshot = Snapshot("1", {}, {}, {}, {key.name: key for key in keys}, Policy())

    def current(self) -> Snapshot:
        return self._snapshot


@pytest.fixture
def database(data: Path) -> Path:
    return data / "douane.db"


@pytest.fixture
def store(database: Path) -> KeyBook:
    return KeyBook(database)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 52), st.characters(codec="ascii"))
def test_a_secret_has_its_form_and_no_text_that_differs_in_one_place_has_it(
    chance: bytes, place: int, other: str
) -> None:
    secret = secret_of(chance)
    assert len(secret) == 53
    assert is_secret(secret)
    if secret[place] != other:
        assert not is_secret(secret[:place] + other + secret[place + 1 :])


def test_a_key_is_found_by_its_secret_with_all_that_it_allows(store: KeyBook, database: Path) -> None:
    wanted = Wanted(
        "support-team", "support", ("chat",), ("premises",), "confidential", ("pci",), 600, 200_000, 50, "499.50",
        "EUR", "month", "90d", True,
    )  # fmt: skip
    secret = create(store, CLOCK, CHANCE, wanted)
    gateway = SqliteKeys.open(database, Configured())
    found = gateway.find(digest(secret.encode()))
    gateway.close()
    assert found == Key(
        "support-team", digest(secret.encode()), "support", frozenset({"chat"}), frozenset({"premises"}),
        Label(Level.CONFIDENTIAL, frozenset({"pci"})), Limits(600, 200_000, 50),
        Budget(499_500_000, "EUR", "month"), NOW_S + 90 * 86_400, True,
    )  # fmt: skip


def test_a_key_made_in_haste_sends_nothing_to_zones_that_take_public_content_alone(store: KeyBook) -> None:
    create(store, CLOCK, CHANCE, Wanted("dev"))
    (entry,) = store.entries()
    assert entry.key.floor.level is Level.INTERNAL
    assert (entry.key.routes, entry.key.zones, entry.key.budget, entry.key.owner) == (None, None, None, "dev")


def test_neither_the_secret_nor_its_digest_is_ever_shown_again(store: KeyBook, database: Path) -> None:
    secret = create(store, CLOCK, CHANCE, Wanted("dev"))
    shown = json.dumps(listing(store, CLOCK))
    assert secret not in shown
    assert digest(secret.encode()) not in shown
    files = b"".join(path.read_bytes() for path in database.parent.iterdir())
    assert secret.encode() not in files


def test_a_running_gateway_learns_of_new_keys_revocations_and_blocks(store: KeyBook, database: Path) -> None:
    gateway = SqliteKeys.open(database, Configured())
    assert not gateway.refresh()
    secret = create(store, CLOCK, CHANCE, Wanted("dev"))
    hashed = digest(secret.encode())
    assert gateway.find(hashed) is None
    assert gateway.refresh()
    assert gateway.find(hashed) is not None
    assert hashed not in gateway.revocations().keys
    revoke(store, CLOCK, "dev")
    store.block("llama-together", 1, "wrong model digest")
    assert gateway.refresh()
    assert hashed in gateway.revocations().keys
    assert gateway.find(hashed) is not None
    assert gateway.revocations().deployments == {"llama-together"}
    assert store.blocked() == {"llama-together": "wrong model digest"}
    assert store.unblock("llama-together")
    assert not store.unblock("llama-together")
    assert gateway.refresh()
    assert gateway.revocations().deployments == frozenset()
    gateway.close()
    later = SqliteKeys.open(database, Configured())
    assert hashed in later.revocations().keys
    later.close()


def test_the_configuration_wins_where_it_names_the_same_key(store: KeyBook, database: Path) -> None:
    secret = create(store, CLOCK, CHANCE, Wanted("dev", admin=True))
    configured = Key("dev", "f" * 64, "dev")
    same_secret = Key("other", digest(secret.encode()), "other")
    gateway = SqliteKeys.open(database, Configured(configured))
    assert gateway.find(digest(secret.encode())) is None
    assert gateway.find("f" * 64) is configured
    assert list(gateway.all()) == [configured]
    gateway.close()
    gateway = SqliteKeys.open(database, Configured(same_secret))
    assert gateway.find(digest(secret.encode())) is same_secret
    gateway.close()


def test_keys_stay_in_force_when_the_store_cannot_be_read_and_the_caller_is_told(
    store: KeyBook, database: Path
) -> None:
    secret = create(store, CLOCK, CHANCE, Wanted("dev"))
    gateway = SqliteKeys.open(database, Configured())
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("drop table key_changes")
    with pytest.raises(StoreFailed):
        gateway.refresh()
    assert gateway.find(digest(secret.encode())) is not None
    gateway.close()


def test_a_name_is_never_used_twice_not_even_after_its_key_was_withdrawn(store: KeyBook) -> None:
    create(store, CLOCK, CHANCE, Wanted("dev"))
    revoke(store, CLOCK, "dev")
    with pytest.raises(InvalidRequest, match="dev"):
        create(store, CLOCK, bytes(32), Wanted("dev"))
    with pytest.raises(NotFound):
        revoke(store, CLOCK, "dev")


def test_a_listing_tells_active_expired_and_revoked_keys(store: KeyBook) -> None:
    for number, (name, expires) in enumerate([("a", None), ("b", "12h"), ("c", None)]):
        create(store, CLOCK, bytes([number] * 32), Wanted(name, expires=expires))
    revoke(store, CLOCK, "c")
    later = FrozenClock(CLOCK.now_us() + 13 * 3_600_000_000)
    assert [(key["name"], key["state"]) for key in listing(store, later)] == [
        ("a", "active"),
        ("b", "expired"),
        ("c", "revoked"),
    ]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        (Wanted(""), "name"),
        (Wanted("-a"), "name"),
        (Wanted("a b"), "name"),
        (Wanted("a" * 65), "name"),
        (Wanted("=cmd"), "name"),
        (Wanted("a", owner="x\n"), "owner"),
        (Wanted("a", routes=("ch at",)), "routes"),
        (Wanted("a", zones=tuple(f"z{n}" for n in range(257))), "zones"),
        (Wanted("a", floor="secret"), "floor"),
        (Wanted("a", compartments=("P C I",)), "compartments"),
        (Wanted("a", requests_per_minute=0), "rpm"),
        (Wanted("a", tokens_per_minute=-1), "tpm"),
        (Wanted("a", concurrent=10**10), "concurrent"),
        (Wanted("a", budget="5OO", currency="EUR"), "budget"),
        (Wanted("a", budget="NaN", currency="EUR"), "budget"),
        (Wanted("a", budget="Infinity", currency="EUR"), "budget"),
        (Wanted("a", budget="0", currency="EUR"), "budget"),
        (Wanted("a", budget="0.0000001", currency="EUR"), "budget"),
        (Wanted("a", budget="1e12", currency="EUR"), "budget"),
        (Wanted("a", budget="5"), "currency"),
        (Wanted("a", currency="EUR"), "currency"),
        (Wanted("a", budget="5", currency="euro"), "currency"),
        (Wanted("a", budget="5", currency="EUR", per="year"), "per"),
        (Wanted("a", expires="soon"), "expires"),
        (Wanted("a", expires="0d"), "expires"),
        (Wanted("a", expires="2020-01-01"), "expires"),
    ],
)
def test_what_a_key_cannot_allow_is_told_with_a_fix_and_without_the_value(
    store: KeyBook, wanted: Wanted, param: str
) -> None:
    with pytest.raises(InvalidRequest) as told:
        create(store, CLOCK, CHANCE, wanted)
    assert told.value.param == param
    assert told.value.fix
    assert store.entries() == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90d", NOW_S + 90 * 86_400), ("2w", NOW_S + 1_209_600), ("2030-01-01", 1_893_456_000)],
)
def test_an_expiry_is_a_span_or_a_date(store: KeyBook, text: str, seconds: int) -> None:
    create(store, CLOCK, CHANCE, Wanted("a", expires=text))
    assert store.entries()[0].key.expires_at == seconds


def test_the_command_makes_lists_and_withdraws(tmp_path: Path) -> None:
    run, data = CliRunner(), ["--data", str(tmp_path / "data")]
    made = run.invoke(
        command,
        ["create", "dev", "--route", "chat", "--budget", "500", "--currency", "EUR", "--floor", "public", *data],
    )
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert is_secret(secret)
    listed = run.invoke(command, ["list", "--json", *data])
    (key,) = json.loads(listed.stdout)["keys"]
    assert (key["name"], key["state"], key["routes"], key["floor"]["level"]) == ("dev", "active", ["chat"], "public")
    assert key["budget"] == {"amount_micro": 500_000_000, "currency": "EUR", "per": "month"}
    assert "dev" in run.invoke(command, ["list", *data]).stdout
    assert run.invoke(command, ["revoke", "dev", *data]).exit_code == 0
    assert isinstance(run.invoke(command, ["revoke", "dev", *data]).exception, NotFound)
    assert isinstance(run.invoke(command, ["create", "dev", *data]).exception, InvalidRequest)
    absent = run.invoke(command, ["list", "--data", str(tmp_path / "absent")])
    assert isinstance(absent.exception, NotFound)
    assert not os.path.exists(tmp_path / "absent")

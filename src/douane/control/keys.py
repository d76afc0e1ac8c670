"""Make, list and withdraw virtual keys.

A key's secret leaves this module once, as the answer of `create`; the store has its SHA-256. What a key allows is
checked here; whether its routes and zones exist is the configuration's matter: a name that is none opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from douane.core.digest import digest
from douane.core.label import Label, Level
from douane.core.money import micro
from douane.core.traffic.keys import KeyEntry, secret_of
from douane.core.traffic.snapshot import Budget, Key, Limits
from douane.errors import InvalidRequest, NotFound
from douane.ports import Clock, KeyStore

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS: Final = {"h": 3_600, "d": 86_400, "w": 604_800}
_MOST_NAMES: Final = 256
_MOST_MONEY: Final = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key is to allow, in the words of whoever asks. None: no limit of that sort, or all of them.

    `floor` is the lowest label of whatever the key sends: `internal` unless said otherwise, so that a key made in
    haste opens no zone that takes public content alone. `owner` partitions caches and memory; the name without one.
    """

    name: str
    owner: str | None = None
    routes: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    floor: str = "internal"
    compartments: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    budget: str | None = None
    currency: str | None = None
    per: str = "month"
    expires: str | None = None
    admin: bool = False


def create(store: KeyStore, clock: Clock, chance: bytes, wanted: Wanted) -> str:
    """Keep a new key and return its secret, which nothing will tell again. `chance` is 32 random bytes.

    Raises InvalidRequest where something wanted cannot be, StoreFailed.
    """
    now_us = clock.now_us()
    secret = secret_of(chance)
    key = Key(
        _name(wanted.name, "name"),
        digest(secret.encode()),
        _name(wanted.owner if wanted.owner is not None else wanted.name, "owner"),
        _names(wanted.routes, "routes"),
        _names(wanted.zones, "zones"),
        Label(_level(wanted.floor), _names(wanted.compartments, "compartments") or frozenset()),
        Limits(
            _limit(wanted.requests_per_minute, "rpm"),
            _limit(wanted.tokens_per_minute, "tpm"),
            _limit(wanted.concurrent, "concurrent"),
        ),
        _budget(wanted),
        None if wanted.expires is None else _expiry_s(wanted.expires, now_us // 1_000_000),
        wanted.admin,
    )
    store.add(KeyEntry(key, now_us))
    return secret


def revoke(store: KeyStore, clock: Clock, name: str) -> None:
    """Withdraw a key for good, within a second at running gateways. Raises NotFound, StoreFailed."""
    if not store.revoke(name, clock.now_us()):
        raise NotFound(
            f"The store has no key `{name}` in force." if _NAME.fullmatch(name) else "The store has no such key.",
            "`douane keys list` shows them. A key of the configuration is withdrawn there, then reloaded.",
            rule="Only a key that exists is withdrawn.",
            param="name",
        )


def listing(store: KeyStore, clock: Clock) -> list[dict[str, Any]]:
    """Return every key of the store, by name, without its digest."""
    now_s = clock.now_us() // 1_000_000
    return [_shown(entry, now_s) for entry in store.entries()]


def _shown(entry: KeyEntry, now_s: int) -> dict[str, Any]:
    key = entry.key
    expired = key.expires_at is not None and key.expires_at <= now_s
    return {
        "name": key.name,
        "owner": key.owner,
        "state": "revoked" if entry.revoked_us is not None else "expired" if expired else "active",
        "routes": None if key.routes is None else sorted(key.routes),
        "zones": None if key.zones is None else sorted(key.zones),
        "floor": {"level": key.floor.level.word, "compartments": sorted(key.floor.compartments)},
        "limits": {
            "requests_per_minute": key.limits.requests_per_minute,
            "tokens_per_minute": key.limits.tokens_per_minute,
            "concurrent": key.limits.concurrent,
        },
        "budget": None if key.budget is None else _shown_budget(key.budget),
        "expires": None if key.expires_at is None else _iso(key.expires_at),
        "admin": key.admin,
        "created": _iso(entry.created_us // 1_000_000),
        "revoked": None if entry.revoked_us is None else _iso(entry.revoked_us // 1_000_000),
    }


def _shown_budget(budget: Budget) -> Mapping[str, Any]:
    return {"amount_micro": budget.amount_micro, "currency": budget.currency, "per": budget.per}


def _iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _wrong(problem: str, fix: str, param: str) -> InvalidRequest:
    return InvalidRequest(problem, fix, rule="A key says exactly what it allows.", param=param)


def _name(text: str, param: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise _wrong(
            f"The {param} has {len(text)} characters, or some that a name does not have.",
            "Use 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first.",
            param,
        )
    return text


def _names(names: tuple[str, ...] | None, param: str) -> frozenset[str] | None:
    if names is None:
        return None
    if len(names) > _MOST_NAMES:
        raise _wrong(f"{len(names)} {param} are too many.", f"Name up to {_MOST_NAMES}, or none for all.", param)
    return frozenset(_name(name, param) for name in names)


def _level(word: str) -> Level:
    level = Level.parse(word)
    if level is None:
        raise _wrong("The floor is no level.", f"Choose among {', '.join(level.word for level in Level)}.", "floor")
    return level


def _limit(count: int | None, param: str) -> int | None:
    if count is not None and not 1 <= count <= 1_000_000_000:
        raise _wrong("A limit lies between 1 and 1,000,000,000.", "Leave it out for no limit.", param)
    return count


def _budget(wanted: Wanted) -> Budget | None:
    if wanted.budget is None:
        if wanted.currency is not None:
            raise _wrong("There is a currency without a budget.", "Give both, or neither.", "currency")
        return None
    try:
        amount = Decimal(wanted.budget)
    except InvalidOperation:
        raise _wrong("The budget is no amount.", "Write it as 500 or 499.50.", "budget") from None
    if not amount.is_finite() or not 0 < amount <= _MOST_MONEY or amount != round(amount, 6):
        raise _wrong(
            f"The budget is not above 0, beyond {_MOST_MONEY:,}, or finer than a millionth.",
            "Write it as 500 or 499.50.",
            "budget",
        )
    if wanted.currency is None or _CURRENCY.fullmatch(wanted.currency) is None:
        raise _wrong("A budget needs a currency of three capital letters.", "Add `--currency EUR`.", "currency")
    if wanted.per not in ("day", "month"):
        raise _wrong("A budget runs for a day or a month.", "Use `--per day` or `--per month`.", "per")
    return Budget(micro(amount), wanted.currency, wanted.per)


def _expiry_s(text: str, now_s: int) -> int:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now_s + int(span[1]) * _SECONDS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong("The expiry is no date and no span.", "Write 90d, 12h, 2w or 2027-01-31.", "expires") from None
    at_s = int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp())
    if at_s <= now_s:
        raise _wrong("The expiry lies in the past.", "Choose a later one.", "expires")
    return at_s

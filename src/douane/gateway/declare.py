"""What a request declares in its headers: a label that only raises, patience, and whom it speaks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from douane.core.label import COMPARTMENTS, PUBLIC, Label, Level
from douane.core.traffic.routing import Wish
from douane.core.traffic.snapshot import Snapshot
from douane.errors import DouaneError, InvalidRequest
from douane.wire.head import Head

_TOKEN = re.compile(r"[\x21-\x7e]{1,256}\Z")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the headers say. Absent ones leave the defaults."""

    label: Label = PUBLIC
    wish: Wish = Wish.STANDARD
    conversation: str | None = None
    end_user: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    client_retry: int = 0


NOTHING = Declaration()


def read_declaration(head: Head, snapshot: Snapshot) -> Declaration:
    """Read the headers of a request; InvalidRequest names the one that is wrong. Repeated labels join.

    A header of ours that we don't know, or a level left empty, is refused: whoever misspells `x-douane-level` means it.
    """
    found: dict[str, list[str]] = {}
    for name, value in head.headers:
        if name in _READ:
            found.setdefault(name.decode("ascii"), []).append(value.decode("latin-1"))
        elif name.startswith(_OURS):
            raise _unknown()
    if not found:
        return NOTHING
    return Declaration(
        label=_label(found, snapshot),
        wish=_wish(found.get("x-douane-latency")),
        conversation=_token(found, "x-douane-conversation"),
        end_user=_token(found, "x-douane-end-user"),
        idempotency_key=_token(found, "idempotency-key"),
        traceparent=_traceparent(found.get("traceparent")),
        client_retry=_retry(found.get("x-stainless-retry-count")),
    )


_READ = frozenset(
    {b"x-douane-level", b"x-douane-compartments", b"x-douane-latency", b"x-douane-conversation", b"x-douane-end-user",
     b"idempotency-key", b"traceparent", b"x-stainless-retry-count"}
)  # fmt: skip
_OURS = b"x-douane-"


def _label(found: dict[str, list[str]], snapshot: Snapshot) -> Label:
    level = Level.PUBLIC
    levels = found.get("x-douane-level", [])
    for word in _words(levels) or levels:
        parsed = Level.parse(word)
        if parsed is None:
            raise _wrong("x-douane-level", "one of public, internal, confidential, restricted")
        level = max(level, parsed)
    compartments = frozenset(_words(found.get("x-douane-compartments", [])))
    if not compartments <= COMPARTMENTS | snapshot.compartments:
        raise _wrong("x-douane-compartments", "a list of compartments that the configuration knows")
    return Label(level, compartments)


def _words(values: list[str]) -> list[str]:
    return [word for value in values for part in value.split(",") if (word := part.strip().lower())]


def _wish(values: list[str] | None) -> Wish:
    if values is None:
        return Wish.STANDARD
    words = set(_words(values))
    if len(words) != 1 or not words <= set(Wish):
        raise _wrong("x-douane-latency", "one of interactive, standard, batch")
    return Wish(words.pop())


def _token(found: dict[str, list[str]], name: str) -> str | None:
    values = found.get(name)
    if values is None:
        return None
    if len(values) != 1 or not _TOKEN.match(values[0]):
        raise _wrong(name, "one value of 1 to 256 printable ASCII characters without spaces")
    return values[0]


def _traceparent(values: list[str] | None) -> str | None:
    """A malformed trace context is dropped, as W3C Trace Context asks."""
    return values[0] if values and len(values) == 1 and _TRACEPARENT.match(values[0]) else None


def _retry(values: list[str] | None) -> int:
    return (
        min(int(values[0]), 99) if values and len(values[0]) <= 3 and values[0].isascii() and values[0].isdigit() else 0
    )


def _unknown() -> DouaneError:
    known = ", ".join(f"`{name.decode()}`" for name in sorted(_READ) if name.startswith(_OURS))
    return InvalidRequest(
        "A header begins with `x-douane-` and is none that is known.",
        f"Known are {known}.",
        rule="What is declared is understood or refused.",
    )


def _wrong(name: str, wanted: str) -> DouaneError:
    return InvalidRequest(
        f"Header `{name}` has a value that is not known.",
        f"Send {wanted}.",
        rule="What is declared is understood or refused.",
        param=name,
    )

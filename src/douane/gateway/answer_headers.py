"""What an answer's headers say of how its request was handled: label, deployment, attempts, what is left of limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from douane.core.label import Level
from douane.core.models.catalogue import Deployment
from douane.gateway.exchange import Exchange
from douane.wire.head import Headers

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
NO_STORE: Final[Header] = (b"cache-control", b"no-store")
REPLAYED: Final[Header] = (b"x-douane-replayed", b"true")
_WHOLE: Final = (JSON,)
_STREAM: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
)
_LEVELS: Final[Mapping[Level, Header]] = {level: (b"x-douane-level", level.word.encode()) for level in Level}
_LIMITED: Final[Mapping[str, tuple[bytes, bytes, bytes]]] = {
    name: (
        f"x-ratelimit-limit-{name}".encode(),
        f"x-ratelimit-remaining-{name}".encode(),
        f"x-ratelimit-reset-{name}".encode(),
    )
    for name in ("requests", "tokens")
}
PARTLY_UNMASKED: Final[Header] = (b"x-douane-unmask", b"partial")
_SERVED_BY: Final = frozenset(
    {b"x-douane-zone", b"x-douane-deployment", b"x-douane-model-digest", b"x-douane-masked", b"x-douane-unmask"}
)


def named(request_id: str) -> tuple[Header, ...]:
    """Return the headers of an answer of which nothing but its request's name is known."""
    return ((b"x-request-id", request_id.encode()), NO_STORE)


def answer_headers(
    exchange: Exchange,
    deployment: Deployment | None,
    remaining: Mapping[str, tuple[int, int, float]],
    masked: str = "",
) -> tuple[Header, ...]:
    """Return the headers of an answer; of a `deployment`'s own answer, whence it came and its content type too.

    `masked` names the types whose values that deployment did not get.
    `remaining` holds, by `requests` and `tokens`, the limit, what is left, and seconds until all of it is.
    """
    label = exchange.label
    headers: list[Header] = [
        (b"x-request-id", exchange.request_id.encode()),
        NO_STORE,
        _LEVELS[label.level],
        (b"x-douane-attempts", b"%d" % exchange.attempts),
    ]
    if label.compartments:
        headers.append((b"x-douane-compartments", ",".join(sorted(label.compartments)).encode()))
    if deployment is not None:
        headers += (
            (b"x-douane-zone", deployment.zone.encode()),
            (b"x-douane-deployment", deployment.name.encode()),
            *(_STREAM if exchange.ask.stream else _WHOLE),
        )
        if masked:
            headers.append((b"x-douane-masked", masked.encode()))
        if deployment.model_digest is not None:
            headers.append((b"x-douane-model-digest", deployment.model_digest.encode()))
    for name, (limit, left, reset_s) in remaining.items():
        for_limit, for_left, for_reset = _LIMITED[name]
        headers += ((for_limit, b"%d" % limit), (for_left, b"%d" % left), (for_reset, b"%ds" % round(reset_s)))
    return tuple(headers)


def served_by(headers: Headers) -> tuple[Header, ...]:
    """Return, of the headers of an answer that is told again, those that say whence it came."""
    return tuple((name, value) for name, value in headers if name in _SERVED_BY)

"""Receipts: what the ledger writes of an attempt, before and after (law 4), and of a refusal.

An intent is durable before an attempt's first byte leaves the premises (or, on the premises, before the first byte of
its answer); an outcome follows. The outcome with `settles` ends its request: exactly one per request. Both are chained:
the hash of each covers the one before it. Named tuples, since they cross to the writer's process by the thousand.

Times are Unix microseconds, durations microseconds, money micro-units. Unknown is None, never 0 (law 8).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import orjson

from douane.core.digest import canonical, digest

GENESIS: Final = "0" * 64
"""What the first record of a chain names as the hash before it."""

State = Literal["complete", "partial", "failed", "unknown"]
"""complete: the answer ended as its protocol says. partial: bytes were relayed, then it broke off or the client left.
failed: no byte was relayed. unknown: the process died between intent and outcome."""

TokenSource = Literal["upstream", "counted", "estimate", "unknown"]


class Intent(NamedTuple):
    """What is about to be sent: to whom, as what, decided by which policy.

    `level` and `compartments` are the request's. Where the payload is a masked form of it, `masked` names the types
    that were replaced and `payload_label` the label of what is sent.
    """

    request_id: str
    attempt: int
    at_us: int
    key: str
    owner: str
    route: str
    endpoint: str
    deployment: str
    zone: str
    premises: bool
    model: str
    model_digest: str | None
    assurance: str
    level: int
    compartments: str
    reasons: str
    policy_version: str
    snapshot_version: str
    detectors: str
    layers: str
    payload_digest: str
    payload_bytes: int
    reserved_input_tokens: int
    reserved_output_tokens: int
    reserved_micro: int | None
    currency: str | None
    client_retry: int
    masked: str = ""
    payload_label: str = ""


class Outcome(NamedTuple):
    """How an attempt ended. `error_code` is "" where it ended well; `upstream` is the peer: address, TLS key digest."""

    request_id: str
    attempt: int
    at_us: int
    key: str
    owner: str
    route: str
    deployment: str
    zone: str
    state: State
    status: int
    error_code: str
    input_tokens: int | None
    output_tokens: int | None
    token_source: TokenSource
    cost_micro: int | None
    currency: str | None
    answer_bytes: int
    upstream: str
    first_byte_us: int | None
    duration_us: int
    settles: bool


class Refusal(NamedTuple):
    """A request that caused no attempt, and why. It settles its request at no cost."""

    request_id: str
    at_us: int
    key: str
    owner: str
    route: str
    endpoint: str
    level: int
    compartments: str
    reasons: str
    policy_version: str
    snapshot_version: str
    detectors: str
    layers: str
    body_bytes: int
    code: str
    status: int
    client_retry: int


class Settlement(NamedTuple):
    """Ends a request that was left between two attempts: its process died after one that did not settle it.

    `attempt`, `deployment`, `zone` and `currency` are those of its last attempt. It costs nothing by itself.
    """

    request_id: str
    attempt: int
    at_us: int
    key: str
    owner: str
    route: str
    deployment: str
    zone: str
    currency: str | None
    state: State
    status: int
    error_code: str


Record = Intent | Outcome | Refusal | Settlement

Kind = Literal["intent", "outcome", "refusal", "settlement"]

SHAPES: Final[dict[str, type[Intent] | type[Outcome] | type[Refusal] | type[Settlement]]] = {
    "intent": Intent,
    "outcome": Outcome,
    "refusal": Refusal,
    "settlement": Settlement,
}
"""What each kind of chained record holds."""


def record_body(kind: str, chain: str, seq: int, before: str, record: Record) -> bytes:
    """Return the bytes that record `seq` of `chain` hashes: canonical JSON of what places it, then of all its fields.

    An array in the order of the fields: their names would be half of what is written. A field is only ever added at
    the end, with a default, so that what was written before is still read.
    """
    return canonical((kind, chain, seq, before, *record))


def record_hash(body: bytes) -> str:
    """Return the hash that the next record of the chain names."""
    return digest(body)


def read_body(body: bytes) -> tuple[str, str, int, str, Record]:
    """Return kind, chain, seq, the hash before and the record that a body holds; ValueError where it holds none."""
    values = orjson.loads(body)
    if not isinstance(values, list):
        raise ValueError("a record is an array")
    try:
        kind, chain, seq, before, *fields = values
        return kind, chain, seq, before, SHAPES[kind](*fields)
    except (KeyError, TypeError, ValueError) as cause:
        raise ValueError("fields are missing or unknown") from cause

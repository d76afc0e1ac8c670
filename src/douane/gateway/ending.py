"""How one attempt ended, before it is known whether another one follows."""

from __future__ import annotations

from dataclasses import dataclass

from douane.core.models.catalogue import Deployment
from douane.core.receipt import State, TokenSource
from douane.wire.call import Usage


@dataclass(slots=True)
class Ending:
    """Mutable while the attempt runs. Seconds are monotonic; `usage` None is unknown."""

    deployment: Deployment
    number: int
    started_s: float
    state: State
    status: int
    error_code: str = ""
    usage: Usage | None = None
    token_source: TokenSource = "unknown"  # noqa: S105 - not a password
    answer_bytes: int = 0
    upstream: str = ""
    first_byte_us: int | None = None
    ended_s: float = 0.0

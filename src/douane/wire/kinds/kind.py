"""What an upstream kind is to the gateway: how it is called, and how its answers, streams and refusals are read.

A kind knows one platform's dialect and nothing of transport. One file each beside this one, found by `registry`; third
parties add theirs through the entry point group `douane.upstreams`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from douane.core.models.catalogue import Deployment, KindFacts
from douane.core.reason import Reason
from douane.wire.call import Ask, Call, Fault, Usage


class Reply(NamedTuple):
    """A whole answer as the client gets it. `payload` is empty where `fault` says why there is none.

    `usage` None is unknown (law 8). `complete`: every choice has its finish reason.
    """

    payload: bytes
    usage: Usage | None
    complete: bool
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """What an upstream says is left of our limits with it. None is unknown; `reset_s` counts seconds from now."""

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset_s: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset_s: float | None = None


class AnswerReader(Protocol):
    """Reads one whole answer."""

    def read(self, body: bytes) -> Reply:
        """Return the answer in our serialisation, or the fault that it is. Never raises for content."""


class StreamRelay(Protocol):
    """Turns one upstream's stream into the client's. Feed it until `ended` or the upstream's clean end; then `finish`.

    `started`: content or a finish reason has been produced. `complete`: every choice has its finish reason. `ended`:
    nothing more that the upstream sends counts. `output_pieces` counts pieces of content, for a marked estimate.
    """

    @property
    def usage(self) -> Usage | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def fault(self) -> Fault | None: ...
    @property
    def started(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def output_pieces(self) -> int: ...

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return the events that are whole by now, in our serialisation. Never raises."""

    def finish(self) -> bytes:
        """Take the upstream's clean end; return what closes the client's stream: `[DONE]`, or an error event."""


class Kind(Protocol):
    """One upstream dialect. Values only: one instance serves every deployment of its kind."""

    @property
    def facts(self) -> KindFacts: ...

    def objection(self, deployment: Deployment, *, premises: bool) -> Reason | None:
        """Return why a deployment may not be used in such a zone, or None."""

    def call(self, ask: Ask, deployment: Deployment, *, premises: bool, isolation: str | None) -> Call:
        """Return the call, in our serialisation; raise Unsupported where a field may not go to such a deployment.

        `isolation` names the partition of an engine's prefix cache: owner and label, digested (law 11).
        """

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
        """Read a refusal: any status but 200."""

    def rate_limits(self, headers: Mapping[str, str]) -> RateLimitState | None:
        """Read what is left of our limits; None where the headers do not say."""

    def reader(self, ask: Ask, deployment: Deployment) -> AnswerReader:
        """Return a reader for one whole answer."""

    def relay(self, ask: Ask, deployment: Deployment) -> StreamRelay:
        """Return a relay for one stream."""

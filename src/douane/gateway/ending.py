"""How one attempt ended, before it is known whether another one follows."""

from __future__ import annotations

from dataclasses import dataclass

from douane.core.models.catalogue import Deployment
from douane.core.receipt import State, TokenSource
from douane.wire.call import Usage


@dataclass(slots=True)
class Ending:
    """Mutable while the attempt runs. Seconds are monotonic; `usage` None is unknown.

    `held_tokens` are charged to limits where usage stays unknown though the upstream may have worked.
    """

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
    held_tokens: int = 0

    def take_estimate(self, input_tokens: int, output_tokens: int) -> None:
        """Take what was reserved where nobody tells what was used: in the books only where tokens are billed."""
        if self.usage is None:
            self.held_tokens = input_tokens + output_tokens
            if self.deployment.price is not None:
                self.usage, self.token_source = Usage(input_tokens, output_tokens), "estimate"

"""What a parsed request needs of a deployment: from the wire's words to routing's."""

from __future__ import annotations

from typing import Final

from douane.core.traffic.routing import Need, Wish
from douane.wire.call import Ask
from douane.wire.tokens import estimate_input_tokens

DEFAULT_OUTPUT_TOKENS = 1024
"""What is reserved, per choice, for an answer whose length the caller did not bound."""

MOST_OUTPUT_TOKENS: Final = 50_000_000
"""What is reserved at most: no upstream is believed that it made more, and the ledger takes no more."""


def need_of(ask: Ask, body_bytes: int, wish: Wish) -> Need:
    """Return what the request needs, with token estimates for reservation, cost and time."""
    return Need(ask.endpoint, ask.needs, estimate_input_tokens(ask, body_bytes), output_estimate(ask), wish)


def bounded(ask: Ask) -> Ask:
    """Return the request with an output that is bounded by what is reserved, where the caller set no bound (law 7)."""
    if ask.endpoint == "embeddings" or ask.max_output_tokens is not None:
        return ask
    return ask._replace(bound=DEFAULT_OUTPUT_TOKENS)


def output_estimate(ask: Ask) -> int:
    """Return the output tokens to reserve: the caller's bound or the default, per choice and prompt."""
    if ask.endpoint == "embeddings":
        return 0
    wanted = (ask.max_output_tokens or DEFAULT_OUTPUT_TOKENS) * ask.choices * ask.input_count
    return min(wanted, MOST_OUTPUT_TOKENS)

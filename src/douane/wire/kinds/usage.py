"""Tokens as upstreams report them: believed where they can be true, unknown otherwise (law 8).

Totals are not read: upstreams add them up differently. Counts of cached tokens never reach a client: they tell of other
tenants (law 11).
"""

from __future__ import annotations

from typing import Any, Final

from douane.wire.call import Endpoint, Usage

_MOST_TOKENS: Final = 50_000_000


def read_usage(raw: Any, endpoint: Endpoint) -> Usage | None:
    """Return the usage of an answer or a chunk; None where it is missing, malformed or cannot be true.

    An input of no tokens cannot be: servers that do not count say 0.
    """
    if type(raw) is not dict:
        return None
    given = raw.get("prompt_tokens")
    made = 0 if endpoint == "embeddings" else raw.get("completion_tokens")
    if type(given) is not int or type(made) is not int:
        return None
    return Usage(given, made) if 0 < given <= _MOST_TOKENS and 0 <= made <= _MOST_TOKENS else None


def write_usage(usage: Usage, raw: Any, endpoint: Endpoint) -> dict[str, Any]:
    """Return the usage object for the client: our own sum, and of the details only the reasoning tokens."""
    body: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if endpoint == "embeddings":
        return body
    body["completion_tokens"] = usage.output_tokens
    details = raw.get("completion_tokens_details") if type(raw) is dict else None
    reasoning = _count(details.get("reasoning_tokens")) if type(details) is dict else None
    if reasoning is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return body


def _count(number: Any) -> int | None:
    return number if type(number) is int and 0 <= number <= _MOST_TOKENS else None

"""What is asked of us, what we ask of an upstream, what it says it used: the values that wire hands to the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Endpoint = Literal["chat", "completions", "embeddings"]


class Ask(NamedTuple):
    """A client's request, parsed strictly and checked. A tuple, like what else is made once per request: it costs less.

    `value` is the parsed body: what is classified, and the only source of what is sent. `model` is the route's name.
    `include_usage` tells whether the client asked for usage in its stream. `choices` is `n`. `max_output_tokens` is per
    choice, None where the client named none. `needs` holds capability words: tools, tools-forced, json_schema,
    logprobs, choices. `input_count` is the number of inputs of an embeddings request, or of prompts of a completions
    request, else 1: an answer holds `choices` times `input_count` choices.
    `bound` is what the gateway itself sets on the output of each choice: where limits hold and the caller set none.
    """

    endpoint: Endpoint
    model: str
    value: dict[str, Any]
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    max_output_tokens: int | None = None
    needs: frozenset[str] = frozenset()
    input_count: int = 1
    bound: int | None = None


class Call(NamedTuple):
    """One HTTP request to an upstream: path below its endpoint's own, headers without host and length, payload."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    payload: bytes


class Usage(NamedTuple):
    """Tokens as the upstream counted them."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Fault:
    """An upstream's refusal, read from its status, headers and body.

    `code` and `status` are ours (`upstream_failed`, `rate_limited`, `invalid_request`, ...). `message` is the
    upstream's own text, bounded; it goes to the caller at most, never to a log (law 9). `retryable`: another attempt,
    here or elsewhere, may succeed. `elsewhere_only`: another deployment may succeed, the same one will not (a wrong
    credential).
    """

    status: int
    code: str
    message: str
    retryable: bool
    elsewhere_only: bool = False
    retry_after_s: float | None = None
    upstream_type: str = ""
    param: str | None = None

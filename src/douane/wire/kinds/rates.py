"""Rate-limit headers of upstreams, by family: which header holds what, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from douane.wire.kinds.kind import RateLimitState

_DURATION: Final = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,7}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Headers:
    """The names of one family's headers, in lower case; "" where it has none."""

    requests_limit: str
    requests_remaining: str
    requests_reset: str
    tokens_limit: str
    tokens_remaining: str
    tokens_reset: str


OPENAI_FAMILY: Final = Headers(
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
)  # fmt: skip
TOGETHER_FAMILY: Final = Headers(
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-tokenlimit-limit",
    "x-tokenlimit-remaining",
    "",
)
MISTRAL_FAMILY: Final = Headers(
    "x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute", "",
    "x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute", "",
)  # fmt: skip


def read_rate_limits(headers: Mapping[str, str], *families: Headers) -> RateLimitState | None:
    """Return what the first family that is there says; None where none is."""
    for family in families:
        state = RateLimitState(
            _count(headers.get(family.requests_limit)),
            _count(headers.get(family.requests_remaining)),
            seconds(headers.get(family.requests_reset)),
            _count(headers.get(family.tokens_limit)),
            _count(headers.get(family.tokens_remaining)),
            seconds(headers.get(family.tokens_reset)),
        )
        if state != RateLimitState():
            return state
    return None


def _count(text: str | None) -> int | None:
    """Return a count; None for what is none: some platforms have answered -1 for unknown."""
    if text is None or len(text) > 12 or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)


def seconds(text: str | None) -> float | None:
    """Return a duration such as `12ms`, `1s`, `6m0s` or bare seconds.

    >>> seconds("6m0s"), seconds("12ms"), seconds("1.5"), seconds("soon")
    (360.0, 0.012, 1.5, None)
    """
    if not text or len(text) > 32:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _DURATION.fullmatch(text)
    if parts is None:
        return None
    hours, minutes, whole, thousandths = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000

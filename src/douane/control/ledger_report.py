"""`ledger report`: usage and cost from roll-ups alone, at any size of the ledger.

Rules kept here:
1. Sums of what is known, and counts of what is not: a cost or a count of tokens of which nothing is known is null,
   never 0 (law 8). Money of two currencies is never added.
2. Time is cut by whole hours (UTC), as the roll-ups are: the first hour is the one `since_us` lies in.
3. An attempt without a currency ran on a deployment without a price, which only own hardware may lack: nothing is
   billed per token. That is another matter than a priced attempt whose tokens are unknown; each has its count.
4. A refused request has no deployment: it counts in `refusals`, by route and code, and in no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from douane.core.traffic.ledger import HourKey, HourSums
from douane.errors import InvalidRequest
from douane.ports import LedgerReader

PLACES: Final = ("route", "deployment", "zone")
PERIODS: Final = {"hour": "%Y-%m-%dT%H:00Z", "day": "%Y-%m-%d", "month": "%Y-%m"}
DIMENSIONS: Final = (*PLACES, "key", *PERIODS)
FOREVER_US: Final = 253_402_300_800_000_000
"""The end of the year 9999."""


def time_us(text: str, param: str) -> int:
    """Return the Unix microsecond of an ISO date or time; without a zone it is UTC. Raises InvalidRequest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            "This is no date or time.", "Write it as 2026-11-23 or 2026-11-23T08:00.", rule="ISO 8601", param=param
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


def report(
    reader: LedgerReader, *, since_us: int = 0, until_us: int = FOREVER_US, by: Sequence[str] = PLACES
) -> dict[str, Any]:
    """Return `rows`, one for each group of `by` and currency, and `refusals`; what was added over is null in a row."""
    for word in by:
        if word not in DIMENSIONS:
            raise InvalidRequest(
                "A report has no such dimension.", f"Choose among {', '.join(DIMENSIONS)}.", rule="by", param="--by"
            )
    groups: dict[tuple[str, ...], list[int]] = {}
    for key, sums in reader.usage(since_us, until_us):
        group = (*(_value(key, word) for word in by), key.currency)
        total = groups.setdefault(group, [0] * len(HourSums._fields))
        for position, count in enumerate(sums):
            total[position] += count
    refused: dict[tuple[str, str], int] = {}
    for refusal, count in reader.refusals(since_us, until_us):
        refused[refusal.route, refusal.code] = refused.get((refusal.route, refusal.code), 0) + count
    return {
        "rows": [_row(by, group, HourSums._make(groups[group])) for group in sorted(groups)],
        "refusals": [
            {"route": route, "code": code, "requests": count} for (route, code), count in sorted(refused.items())
        ],
    }


def _value(key: HourKey, word: str) -> str:
    if word in PERIODS:
        return datetime.fromtimestamp(key.hour_s, UTC).strftime(PERIODS[word])
    return str(getattr(key, word))


def _row(by: Sequence[str], group: tuple[str, ...], sums: HourSums) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(PLACES)
    row |= dict(zip(by, group, strict=False))
    nothing_known = sums.attempts > 0 and sums.unknown_token_attempts == sums.attempts
    return row | {
        "requests": sums.requests,
        "attempts": sums.attempts,
        "input_tokens": None if nothing_known and not sums.input_tokens else sums.input_tokens,
        "output_tokens": None if nothing_known and not sums.output_tokens else sums.output_tokens,
        "cost_micro": None if sums.unpriced_attempts and sums.unpriced_attempts == sums.attempts else sums.cost_micro,
        "currency": group[-1] or None,
        "unknown_token_attempts": sums.unknown_token_attempts,
        "unpriced_attempts": sums.unpriced_attempts,
        "own_hardware_attempts": 0 if group[-1] else sums.unpriced_attempts,
        "unknown_cost_attempts": sums.unpriced_attempts if group[-1] else 0,
        "partial_attempts": sums.partial_attempts,
        "failed_attempts": sums.failed_attempts,
        "unknown_attempts": sums.unknown_attempts,
        "estimated_attempts": sums.estimated_attempts,
    }

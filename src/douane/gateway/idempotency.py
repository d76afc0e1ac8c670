"""Answers kept for callers that repeat a request under the same `idempotency-key` (draft-ietf-httpapi-idempotency-key).

Rules enforced:
1. An answer is replayed to the owner that caused it, for the same body and label, and to nobody else (law 11).
2. A repetition while the first is under way, with another body, or of a stream, is refused: nothing is sent twice.
3. Everything is bounded: entries, bytes, age. Answers are kept in memory only; a failed request leaves none.
4. Where a bound is reached, whoever holds the most gives way first: no owner makes us forget the requests of another.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from douane.core.label import Label
from douane.errors import IdempotencyConflict
from douane.wire.head import Headers

_MOST_ENTRIES: Final = 4096
_MOST_BYTES: Final = 32 * 1024 * 1024
_LONGEST_ANSWER: Final = 1024 * 1024
_AGE_S: Final = 24 * 3600.0
_ENTRY_BYTES: Final = _MOST_BYTES // _MOST_ENTRIES
"""What an entry counts for beside its answer, where owners are compared."""


@dataclass(slots=True)
class Kept:
    """What is known of one repetition key. `answer` is None while its request is under way, and for a stream.

    It is the ticket of the request that made it, too: what that request says of its end counts for this entry alone.
    """

    body_digest: str
    label: Label
    since_s: float
    under_way: bool = True
    answer: tuple[Headers, bytes] | None = None


@dataclass(slots=True)
class _Share:
    """What one owner holds of requests that ended: their keys, oldest first, and what they weigh."""

    keys: OrderedDict[str, None]
    weight: int = 0


class IdempotencyBook:
    """By owner and key."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Kept] = {}
        self._shares: dict[str, _Share] = {}
        self._bytes = 0

    def begin(self, owner: str, key: str, body_digest: str, label: Label, now_s: float) -> Kept:
        """Return an entry: with the answer to replay, or without, then the request is to be made; IdempotencyConflict.

        `body_digest` names the request whole: what is asked, and of which endpoint.
        """
        known = self._kept.get((owner, key))
        if known is not None and (now_s - known.since_s > _AGE_S or (known.label != label and not known.under_way)):
            self._drop((owner, key))
            known = None
        if known is None:
            fresh = self._kept[(owner, key)] = Kept(body_digest, label, now_s)
            self._shrink()
            return fresh
        if known.body_digest != body_digest:
            raise _conflict("This idempotency key was used with another request.", "Use a new key for a new request.")
        if known.under_way:
            raise _conflict(
                "The request of this idempotency key is under way.", "Wait for its answer, or ask again.", again_s=1.0
            )
        if known.answer is None:
            raise _conflict("The answer to this idempotency key cannot be replayed.", "Use a new key to ask again.")
        return known

    def finish(self, owner: str, key: str, ticket: Kept, answer: tuple[Headers, bytes] | None) -> None:
        """Keep the answer of a request that succeeded; None for a stream."""
        if self._kept.get((owner, key)) is not ticket:
            return
        ticket.under_way = False
        share = self._shares.setdefault(owner, _Share(OrderedDict()))
        share.keys[key] = None
        share.weight += _ENTRY_BYTES
        if answer is not None and len(answer[1]) <= _LONGEST_ANSWER:
            ticket.answer = answer
            self._bytes += len(answer[1])
            share.weight += len(answer[1])
        self._shrink()

    def forget(self, owner: str, key: str, ticket: Kept) -> None:
        """Let a request that failed be made again under its key."""
        if self._kept.get((owner, key)) is ticket:
            self._drop((owner, key))

    def _shrink(self) -> None:
        """Requests under way stay: the edge's connections bound them."""
        while self._shares and (len(self._kept) > _MOST_ENTRIES or self._bytes > _MOST_BYTES):
            owner = max(self._shares, key=lambda name: self._shares[name].weight)
            self._drop((owner, next(iter(self._shares[owner].keys))))

    def _drop(self, at: tuple[str, str]) -> None:
        known = self._kept.pop(at, None)
        if known is None or known.under_way:
            return
        answer_bytes = len(known.answer[1]) if known.answer is not None else 0
        self._bytes -= answer_bytes
        owner, key = at
        share = self._shares[owner]
        del share.keys[key]
        share.weight -= _ENTRY_BYTES + answer_bytes
        if not share.keys:
            del self._shares[owner]


def _conflict(fact: str, fix: str, again_s: float | None = None) -> IdempotencyConflict:
    return IdempotencyConflict(
        fact,
        fix,
        rule="A request is made once for each idempotency key.",
        param="idempotency-key",
        retry_after_s=again_s,
        retry_is_useless=again_s is None,
    )

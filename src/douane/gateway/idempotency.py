"""Answers kept for callers that repeat a request under the same `idempotency-key` (draft-ietf-httpapi-idempotency-key).

Rules enforced:
1. An answer is replayed to the owner that caused it, for the same body and label, and to nobody else (law 11).
2. A repetition while the first is under way, with another body, or of a stream, is refused: nothing is sent twice.
3. Everything is bounded: entries, bytes, age. Answers are kept in memory only; a failed request leaves none.
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


@dataclass(slots=True)
class Kept:
    """What is known of one repetition key. `answer` is None while its request is under way, and for a stream."""

    body_digest: str
    label: Label
    since_s: float
    under_way: bool = True
    answer: tuple[Headers, bytes] | None = None


class IdempotencyBook:
    """By owner and key, oldest first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0

    def begin(self, owner: str, key: str, body_digest: str, label: Label, now_s: float) -> tuple[Headers, bytes] | None:
        """Return the answer to replay, or None where the request is to be made; IdempotencyConflict else."""
        known = self._kept.get((owner, key))
        if known is not None and (now_s - known.since_s > _AGE_S or (known.label != label and not known.under_way)):
            self._drop((owner, key))
            known = None
        if known is None:
            self._kept[(owner, key)] = Kept(body_digest, label, now_s)
            self._shrink()
            return None
        if known.body_digest != body_digest:
            raise _conflict("This idempotency key was used with another request.", "Use a new key for a new request.")
        if known.under_way:
            raise _conflict("The request of this idempotency key is under way.", "Wait for its answer.")
        if known.answer is None:
            raise _conflict("The answer to this idempotency key cannot be replayed.", "Use a new key to ask again.")
        return known.answer

    def finish(self, owner: str, key: str, answer: tuple[Headers, bytes] | None) -> None:
        """Keep the answer of a request that succeeded; None for a stream."""
        known = self._kept.get((owner, key))
        if known is not None:
            known.under_way = False
            if answer is not None and len(answer[1]) <= _LONGEST_ANSWER:
                known.answer = answer
                self._bytes += len(answer[1])
            self._shrink()

    def forget(self, owner: str, key: str) -> None:
        """Let a request that failed be made again under its key."""
        self._drop((owner, key))

    def _shrink(self) -> None:
        while len(self._kept) > _MOST_ENTRIES or self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, at: tuple[str, str]) -> None:
        known = self._kept.pop(at, None)
        if known is not None and known.answer is not None:
            self._bytes -= len(known.answer[1])


def _conflict(fact: str, fix: str) -> IdempotencyConflict:
    return IdempotencyConflict(
        fact, fix, rule="A request is made once for each idempotency key.", param="idempotency-key"
    )

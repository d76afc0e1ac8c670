"""Asks a pool of children about parsed bodies: what every layer with children of its own does alike.

Rules enforced:
1. Whatever goes wrong with one body is a Failure of its layer: too long, late, a child that died.
2. Children that can't do their work are told at the start, with what to do, and none of them goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from douane.adapters.inspector.child import ChildFailed
from douane.adapters.inspector.pool import Pool
from douane.core.finding import Failure
from douane.errors import EngineFailed

Answer = TypeVar("Answer")


async def warmed(pool: Pool[Any], sample: bytes, *, what: str, fix: str, rule: str) -> None:
    """Start a pool's children, and wait until each has read `sample`. Raises EngineFailed, and ends them then."""
    try:
        await pool.warm(sample)
    except ChildFailed as failed:
        await pool.aclose()
        raise EngineFailed(f"{what} did not start ({failed.cause}).", fix, rule=rule) from failed


async def asked(
    pool: Pool[Answer], value: Mapping[str, Any], owner: str, *, layer: str, longest_bytes: int
) -> Answer | Failure:
    """Return what a child says of a parsed body of `longest_bytes` at most, or why `layer` did not read it."""
    try:
        payload = orjson.dumps(value)
    except TypeError:  # lone surrogates, numbers beyond 64 bits: the strict parser lets none through
        return Failure(layer, "not serialisable")
    if len(payload) > longest_bytes:
        return Failure(layer, "too long")
    try:
        return await pool.ask(payload, owner)
    except ChildFailed as failed:
        return Failure(layer, failed.cause)

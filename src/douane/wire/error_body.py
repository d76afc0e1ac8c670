"""How an error looks on the wire: one envelope on every path and status, its reason inside (law 10).

`message` is problem and fix, for people who see only that; `douane` is the reason object that console, log and command
line show too. Which error it is was decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, Final, Literal

import orjson

from douane.core.reason import Reason, reason_of
from douane.errors import ConfigurationErrors, DouaneError, MethodNotAllowed
from douane.wire.call import Fault

Dialect = Literal["openai", "anthropic"]

_ANTHROPIC_PATH: Final = "/v1/messages"
_UPSTREAM_RULE: Final = "upstream"
_FAULT_FIX: Final = "Try again; what arrived so far is not the whole answer."


def dialect_of(path: str) -> Dialect:
    """Return in which dialect an error on a path is said."""
    return "anthropic" if path == _ANTHROPIC_PATH or path.startswith(_ANTHROPIC_PATH + "/") else "openai"


def error_body(error: DouaneError, *, dialect: Dialect = "openai", candidates: Iterable[Reason] = ()) -> bytes:
    """Return the error's JSON body. `candidates` adds why each deployment was refused, where that is the error.

    Of a broken configuration it tells every problem: its settings are not content.
    """
    reason: dict[str, Any] = dict(reason_of(error).as_dict())
    if isinstance(error, ConfigurationErrors):
        reason["problems"] = [{**reason_of(each).as_dict(), "param": each.param} for each in error.problems]
    refused = [candidate.as_dict() for candidate in candidates]
    if refused:
        reason["candidates"] = refused
    return orjson.dumps(_envelope(str(error), error.type, error.param, error.code, reason, dialect))


def error_headers(error: DouaneError) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that tell SDKs whether and when to try again, and with which method."""
    headers: list[tuple[bytes, bytes]] = []
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, ceil(error.retry_after_s))))
    if error.retry_is_useless:
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, MethodNotAllowed) and error.allowed:
        headers.append((b"allow", ", ".join(error.allowed).encode("ascii")))
    return tuple(headers)


def stream_error_event(error: DouaneError | Fault, *, dialect: Dialect = "openai") -> bytes:
    """Return the event that ends a broken stream: the same envelope as a body, in one event."""
    if isinstance(error, DouaneError):
        body = error_body(error, dialect=dialect)
    else:
        reason = Reason(error.code, _UPSTREAM_RULE, error.message, _FAULT_FIX)
        body = orjson.dumps(
            _envelope(f"{error.message} {_FAULT_FIX}", "api_error", error.param, error.code, reason.as_dict(), dialect)
        )
    prefix = b"event: error\n" if dialect == "anthropic" else b""
    return prefix + b"data: " + body + b"\n\n"


def _envelope(
    message: str, kind: str, param: str | None, code: str, reason: dict[str, Any], dialect: Dialect
) -> dict[str, Any]:
    error = {"message": message, "type": kind, "param": param, "code": code, "douane": reason}
    return {"type": "error", "error": error} if dialect == "anthropic" else {"error": error}

"""What an upstream's refusal means to us: whose fault it is, whether another attempt may help, here or elsewhere.

Rules enforced:
1. What is wrong with the request goes to the caller with the upstream's own words, bounded; it is not retried.
2. What is wrong with our side of the upstream (credentials, credit, model name, redirect) is never shown in its words,
   which may hold parts of a credential; another deployment may still answer.
3. A text that is not of a known shape (HTML, a proxy's page) is not repeated.
4. The echo of the input that validators send back is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from douane.wire.call import Fault

MAX_MESSAGE_CHARS: Final = 2048
_MAX_PROBLEMS: Final = 8
_MAX_DEPTH: Final = 4
_LONGEST_WAIT_S: Final = 3600.0
_OF_THE_REQUEST: Final = frozenset({400, 413, 415, 422})
_OF_OUR_ACCOUNT: Final[Mapping[int, str]] = {
    401: "The upstream does not accept the gateway's credential.",
    402: "The upstream demands payment.",
    403: "The upstream forbids this to the gateway's credential.",
    404: "The upstream does not know the model or the path.",
    405: "The upstream does not know the path.",
    410: "The upstream no longer serves the model.",
    451: "The upstream refuses to serve the model here.",
}
_PASSING: Final = frozenset({408, 409, 421, 424, 425, 499})
_TOO_LONG: Final = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG_WORDS: Final = ("context length", "context window", "context size", "maximum context", "max_new_tokens")
_BEYOND_IT_WORDS: Final = ("input is not supported", "too large to process")
"""How llama.cpp refuses, with 500, an image, audio, or a text longer than one of its batches."""
_NO_SUCH_MODEL: Final = frozenset({"model_not_found", "invalid_model", "model_not_available", "model_not_supported"})
_NO_CREDIT: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "credit_limit"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says, in whichever shape. `codes` are its type and code words, in lower case."""

    message: str = ""
    codes: frozenset[str] = frozenset()
    kind: str = ""
    param: str | None = None


def broken(message: str) -> Fault:
    """Return the fault of an answer that is not of the protocol. `message` is ours."""
    return Fault(502, "upstream_failed", message, retryable=True)


def read_fault(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """Return what a status other than 200 means."""
    return judge(status, _complaint(body), retry_after_s(headers))


def read_inband_fault(value: Any) -> Fault:
    """Return what an error inside a 200 means: a body, or an event of a stream."""
    raw = value.get("error") if type(value) is dict else None
    code = raw.get("code") if type(raw) is dict else None
    status = code if type(code) is int and 400 <= code <= 599 else 502
    return judge(status, _read_complaint(value), None)


def judge(status: int, said: Complaint, wait_s: float | None) -> Fault:
    """Return the fault for a status and what was said with it."""
    if _is_beyond_it(status, said):
        # Another deployment of the route may take it. This one is not at fault, and stays open to others.
        return Fault(
            400, "invalid_request", said.message, retryable=False, elsewhere_only=True,
            upstream_type=said.kind, param=said.param,
        )  # fmt: skip
    if said.codes & _NO_SUCH_MODEL:
        status = 404
    if status in _OF_OUR_ACCOUNT or 300 <= status < 400:
        message = _OF_OUR_ACCOUNT.get(status, "The upstream answers with a redirect, which is never followed.")
        return Fault(502, "upstream_failed", message, retryable=False, elsewhere_only=True, upstream_type=said.kind)
    if status in _OF_THE_REQUEST:
        return Fault(
            400, "invalid_request", said.message, retryable=False, upstream_type=said.kind, param=said.param
        )  # fmt: skip
    if status == 429:
        spent = bool(said.codes & _NO_CREDIT)
        message = "The upstream's quota is used up." if spent else "The upstream limits our rate."
        return Fault(
            429, "rate_limited", message, retryable=not spent, elsewhere_only=spent,
            retry_after_s=wait_s, upstream_type=said.kind,
        )  # fmt: skip
    timed_out = status in (408, 504)
    return Fault(
        504 if timed_out else 502,
        "upstream_timeout" if timed_out else "upstream_failed",
        f"The upstream failed with status {status}.",
        retryable=status >= 500 or status < 300 or status in _PASSING,
        elsewhere_only=300 <= status < 500 and status not in _PASSING,
        retry_after_s=wait_s,
        upstream_type=said.kind,
    )


def _is_beyond_it(status: int, said: Complaint) -> bool:
    """Tell whether the request is too long for this deployment, or of a sort that it does not read."""
    if said.codes & _TOO_LONG:
        return True
    if status == 500:
        return _speaks_of(said.message, _BEYOND_IT_WORDS)
    return status in _OF_THE_REQUEST and _speaks_of(said.message, _TOO_LONG_WORDS)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the upstream asks us to wait: `retry-after-ms`, else `retry-after` in seconds; bounded."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.isascii() and len(text) <= 12 and text.replace(".", "", 1).isdecimal():
            return min(float(text) * unit_s, _LONGEST_WAIT_S)
    return None


def _complaint(body: bytes) -> Complaint:
    head = body[:1].strip()
    if head not in (b"{", b"["):
        return Complaint()
    try:
        return _read_complaint(orjson.loads(body))
    except orjson.JSONDecodeError:
        return Complaint()


def _read_complaint(value: Any) -> Complaint:
    """Read the shapes in use: OpenAI's envelope, vLLM's bare object, FastAPI's detail, TGI's and the Hub's string."""
    if type(value) is not dict:
        return Complaint()
    inner = value.get("error")
    source = inner if type(inner) is dict else value
    text = inner if type(inner) in (str, list) else source.get("message") or source.get("detail") or source.get("msg")
    words = (source.get("type"), source.get("code"), value.get("error_type"))
    named = [word for word in words if type(word) is str and 0 < len(word) <= 64]
    param = source.get("param")
    return Complaint(
        _clean(_flatten(text)),
        frozenset(word.lower() for word in named),
        named[0] if named else "",
        param if type(param) is str and len(param) <= 256 else None,
    )


def _flatten(text: Any, depth: int = 0) -> str:
    """Return a message as one line; of a validator's list each place and message, never the input it echoes."""
    if type(text) is str:
        return text
    if type(text) is dict and depth < _MAX_DEPTH:
        return _flatten(text.get("detail") or text.get("message"), depth + 1)
    if type(text) is list:
        return "; ".join(filter(None, (_problem(item) for item in text[:_MAX_PROBLEMS])))
    return ""


def _problem(item: Any) -> str:
    if type(item) is not dict:
        return item if type(item) is str else ""
    place = item.get("loc")
    where = ".".join(str(step) for step in place if type(step) in (str, int)) if type(place) is list else ""
    said = item.get("msg") or item.get("message")
    return f"{where}: {said}" if where and type(said) is str else said if type(said) is str else where


def _clean(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in text[: MAX_MESSAGE_CHARS * 2])
    line = " ".join(line.split())
    return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"


def _speaks_of(message: str, words: Iterable[str]) -> bool:
    text = message.lower()
    return any(word in text for word in words)

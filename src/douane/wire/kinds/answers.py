"""Reads a whole answer: is it what was asked for, whole and of the protocol? Then it is written anew, as the route's.

Rules enforced:
1. An answer is a completion or a list of embeddings, with as many choices as were asked for and a finish reason each
   (law 6). HTML, an error inside a 200, another shape: a fault.
2. `model` is the route's name. Only fields of the protocol pass at the top and in a choice: engine timings, cache hits
   and placements stay here (law 11).
3. Usage is believed only where it can be true (law 8).
4. Embeddings come in the encoding that was asked for, whether or not the upstream knows it.
5. An answer whose values would take far more memory than its text is not parsed.
"""

from __future__ import annotations

import base64
import struct
from typing import Any, Final

import orjson

from douane.core.models.catalogue import Deployment
from douane.wire.call import Ask, Fault, Usage
from douane.wire.kinds.faults import broken, read_inband_fault
from douane.wire.kinds.kind import Reply
from douane.wire.kinds.usage import read_usage, write_usage
from douane.wire.strict_json import is_too_heavy

CHOICE_FIELDS: Final = frozenset(
    {"index", "message", "delta", "text", "finish_reason", "logprobs", "stop_reason", "matched_stop"}
)
_DICTS: Final = frozenset({dict})
_MAX_WEIGHT: Final = 384 * 1024 * 1024
_GIVEN_UP: Final = frozenset({"error", "abort", "aborted", "cancelled"})
"""Words of engines (vLLM and SGLang say `abort`) for an answer that is not whole."""
OPTIONAL_FIELDS: Final = ("system_fingerprint", "service_tier")
_OBJECTS: Final = {"chat": "chat.completion", "completions": "text_completion", "embeddings": "list"}


class Misfit(Exception):
    """An answer that is not of the protocol. Its text is ours."""


class WholeAnswer:
    """The reader of one answer."""

    __slots__ = ("_ask", "_counts_choices")

    def __init__(self, ask: Ask, deployment: Deployment) -> None:
        self._ask = ask
        self._counts_choices = deployment.capabilities.counts_choices

    def read(self, body: bytes) -> Reply:
        """Return the answer in our serialisation, or the fault that it is."""
        value = self.value(body)
        if isinstance(value, Fault):
            return Reply(b"", None, complete=False, fault=value)
        return self.write(value)

    def value(self, body: bytes) -> dict[str, Any] | Fault:
        """Return the parsed answer, or the fault that it is."""
        if is_too_heavy(body, _MAX_WEIGHT):
            return broken("The upstream answered with more values than are read.")
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return broken("The upstream answered with something that is not JSON.")
        if type(value) is not dict:
            return broken("The upstream answered with something that is not a JSON object.")
        if value.get("error") or value.get("object") == "error":
            return read_inband_fault(value)
        return value

    def write(self, value: dict[str, Any]) -> Reply:
        """Return a parsed answer in our serialisation, or the fault that it is."""
        ask = self._ask
        usage = usage_of(value.get("usage"), ask, counts_choices=self._counts_choices)
        try:
            out = self._embeddings(value) if ask.endpoint == "embeddings" else self._completion(value)
            if usage is not None:
                out["usage"] = write_usage(usage, value["usage"], ask.endpoint)
            return Reply(orjson.dumps(out), usage, complete=True)
        except Misfit as misfit:
            return Reply(b"", usage, complete=False, fault=broken(str(misfit)))
        except orjson.JSONEncodeError:
            return Reply(b"", usage, complete=False, fault=broken("The upstream's answer nests too deep."))

    def _completion(self, value: dict[str, Any]) -> dict[str, Any]:
        ask = self._ask
        choices = value.get("choices")
        if type(choices) is not list or not _DICTS.issuperset(map(type, choices)):
            raise Misfit("The upstream's answer holds no choices.")
        expected = ask.choices * ask.input_count
        if not _are_all(choices, expected):
            raise Misfit(f"The upstream answered {len(choices)} choices of {expected}.")
        out = _envelope(value, ask)
        is_chat = ask.endpoint == "chat"
        out["choices"] = [_choice(choice, is_chat) for choice in choices]
        return out

    def _embeddings(self, value: dict[str, Any]) -> dict[str, Any]:
        ask = self._ask
        data = value.get("data")
        if type(data) is not list or not _DICTS.issuperset(map(type, data)):
            raise Misfit("The upstream's answer holds no embeddings.")
        if not _are_all(data, ask.input_count):
            raise Misfit(f"The upstream answered {len(data)} embeddings of {ask.input_count}.")
        as_text = ask.value.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": row.get("index", 0), "embedding": _vector(row.get("embedding"), as_text)}
            for row in data
        ]
        return {"object": "list", "data": rows, "model": ask.model}


def usage_of(raw: Any, ask: Ask, *, counts_choices: bool) -> Usage | None:
    """Return an answer's usage; None where the deployment's does not cover every choice that was asked for."""
    if not counts_choices and ask.choices > 1:
        return None
    return read_usage(raw, ask.endpoint)


def finish_reason(choice: dict[str, Any]) -> str | None:
    """Return why a choice ended, or None where it has not; Misfit where it failed."""
    reason = choice.get("finish_reason")
    if type(reason) is not str or not reason:
        return None
    if reason in _GIVEN_UP:
        raise Misfit("The upstream broke off while answering.")
    return reason


def _are_all(rows: list[dict[str, Any]], expected: int) -> bool:
    """Tell whether the rows are those that were asked for, each once; a single one may go without its index."""
    unnamed = 0 if expected == 1 else None
    indices: list[int] = []
    for row in rows:
        index = row.get("index", unnamed)
        if type(index) is not int:
            raise Misfit("The upstream's answer has no index.")
        indices.append(index)
    indices.sort()
    return indices == list(range(expected))


def _envelope(value: dict[str, Any], ask: Ask) -> dict[str, Any]:
    created = value.get("created")
    identity = value.get("id")
    out: dict[str, Any] = {
        "id": identity if type(identity) is str else "",
        "object": _OBJECTS[ask.endpoint],
        "created": created if type(created) is int else 0,
        "model": ask.model,
    }
    for name in OPTIONAL_FIELDS:
        if type(value.get(name)) is str:
            out[name] = value[name]
    return out


def _choice(choice: dict[str, Any], is_chat: bool) -> dict[str, Any]:
    if finish_reason(choice) is None:
        raise Misfit("The upstream's answer is cut off: a choice has no finish reason.")
    out = {"index": 0, "logprobs": None, **choice}
    if not CHOICE_FIELDS.issuperset(out):
        out = {name: item for name, item in out.items() if name in CHOICE_FIELDS}
    if is_chat:
        message = choice.get("message")
        if type(message) is not dict:
            raise Misfit("The upstream's answer holds a choice without a message.")
        out["message"] = {"role": "assistant", "content": None, "refusal": None, **message}
    elif type(choice.get("text")) is not str:
        raise Misfit("The upstream's answer holds a choice without text.")
    return out


def _vector(vector: Any, as_text: bool) -> list[Any] | str:
    """Return an embedding as numbers, or as the base64 of little-endian 32-bit floats."""
    if type(vector) is str and as_text:
        return vector
    try:
        if type(vector) is str:
            raw = base64.b64decode(vector, validate=True)
            return list(struct.unpack(f"<{len(raw) // 4}f", raw))
        if type(vector) is not list or not vector or not all(type(number) in (int, float) for number in vector):
            raise Misfit("The upstream's answer holds an embedding that is no vector.")
        if not as_text:
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (ValueError, struct.error, OverflowError) as broken_vector:
        raise Misfit("The upstream's answer holds an embedding that is no vector.") from broken_vector

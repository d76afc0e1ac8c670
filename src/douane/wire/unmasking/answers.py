"""Puts values back into an answer: which of its fields are text, in one piece or as a stream of events.

Rules enforced:
1. Values go into content, refusals, reasoning and a completion's text; into the arguments of a tool only where policy
   lists it, as JSON. All else stays as it came.
2. Each choice's each field is a text of its own; what is held back of it is said with the choice's finish reason, and
   never after a stream that broke off.
3. Log-probabilities go: their tokens and bytes are those of the placeholders.

It works on what the relay of any kind of upstream wrote, which is our own serialisation: one JSON object an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from douane.core.pseudonym import Pseudonyms
from douane.wire.unmasking.text import TextUnmasker, remnant

TEXTS: Final = ("content", "refusal", "reasoning_content", "reasoning", "text", "thinking")
"""The fields of a message, of a delta and of a part that are text for a reader."""

_EVENT: Final = b"data: "
_END: Final = b"\n\n"
_DONE: Final = b"[DONE]"

Place = tuple[int, str, int]
"""A text within an answer: choice, field, and number of the tool call."""


@dataclass(frozen=True, slots=True)
class Unmasking:
    """What a conversation's answers need: its pseudonyms, and the tools whose arguments policy lets hold values."""

    pseudonyms: Pseudonyms
    tools: frozenset[str] = frozenset()


class _Fields:
    """The texts of one answer, each with what is held back of it."""

    __slots__ = ("_listed", "_texts", "_unmasking")

    def __init__(self, unmasking: Unmasking) -> None:
        self._unmasking = unmasking
        self._texts: dict[Place, TextUnmasker] = {}
        self._listed: set[Place] = set()

    def text(self, choice: int, field: str, piece: str) -> str:
        return self._of((choice, field, 0), is_json=False).feed(piece)

    def arguments(self, choice: int, field: str, number: int, function: dict[str, Any]) -> None:
        """Put values into a function's arguments where policy lists its name, which its first piece holds."""
        place = choice, field, number
        if function.get("name") in self._unmasking.tools:
            self._listed.add(place)
        piece = function.get("arguments")
        if type(piece) is str and place in self._listed:
            function["arguments"] = self._of(place, is_json=True).feed(piece)

    def held(self, choice: int | None) -> Iterator[tuple[Place, str]]:
        """Yield, of one choice or of all, what was held back."""
        for place, text in self._texts.items():
            if (choice is None or place[0] == choice) and (said := text.finish()):
                yield place, said

    def _of(self, place: Place, *, is_json: bool) -> TextUnmasker:
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = TextUnmasker(self._unmasking.pseudonyms.find, is_json=is_json)
        return text


def unmask_answer(payload: bytes, unmasking: Unmasking) -> tuple[bytes, bool]:
    """Return a whole answer with its values, and whether something is left that looks like one put wrongly."""
    value = orjson.loads(payload)
    fields = _Fields(unmasking)
    for index, choice in enumerate(_objects(value.get("choices"))):
        _put_into(fields, index, choice, choice)
        message = choice.get("message")
        if type(message) is dict:
            _put_into(fields, index, message, message)
    for (index, field, number), said in fields.held(None):
        choice = value["choices"][index]
        message = choice.get("message")
        _append(message if type(message) is dict else choice, field, number, said)
    out = orjson.dumps(value)
    return out, remnant(out.decode(), unmasking.pseudonyms.reversible)


class StreamUnmasker:
    """Rewrites the events that a relay wrote. Each call gets whole events."""

    __slots__ = ("_envelope", "_fields", "_is_chat")

    def __init__(self, unmasking: Unmasking) -> None:
        self._fields = _Fields(unmasking)
        self._envelope: dict[str, Any] = {}
        self._is_chat = True

    def feed(self, events: bytes) -> bytes:
        """Return the events with the values that may be said by now."""
        out = []
        for event in events.split(_END):
            if not event.startswith(_EVENT):
                out.append(event)
                continue
            data = event[len(_EVENT) :]
            if data == _DONE:
                out += [_EVENT + orjson.dumps(rest) for rest in self._rests()]
                out.append(event)
                continue
            value = orjson.loads(data)
            choices = value.get("choices") if type(value) is dict else None
            if choices:
                self._rewrite(value, choices)
                out.append(_EVENT + orjson.dumps(value))
            else:
                out.append(event)
        return _END.join(out)

    def _rewrite(self, value: dict[str, Any], choices: list[dict[str, Any]]) -> None:
        if not self._envelope:
            self._envelope = {name: item for name, item in value.items() if name != "choices"}
        for choice in choices:
            index = choice.get("index", 0)
            delta = choice.get("delta")
            self._is_chat = type(delta) is dict
            texts = delta if type(delta) is dict else choice
            _put_into(self._fields, index, texts, choice)
            if choice.get("finish_reason"):
                for (_, field, number), said in self._fields.held(index):
                    _append(texts, field, number, said)

    def _rests(self) -> Iterator[dict[str, Any]]:
        """Yield an event for each text that went on after its choice had its finish reason."""
        for (index, field, number), said in self._fields.held(None):
            texts: dict[str, Any] = {}
            _append(texts, field, number, said)
            choice = {"index": index, "finish_reason": None, **({"delta": texts} if self._is_chat else texts)}
            yield {**self._envelope, "choices": [choice]}


def _put_into(fields: _Fields, index: int, texts: dict[str, Any], choice: dict[str, Any]) -> None:
    """Put values into the texts of a message or of a delta, and drop the choice's log-probabilities."""
    if choice.get("logprobs") is not None:
        choice["logprobs"] = None
    for field in TEXTS:
        said = texts.get(field)
        if type(said) is str:
            texts[field] = fields.text(index, field, said)
        elif type(said) is list:
            for part in _objects(said):
                for inner in TEXTS:
                    if type(part.get(inner)) is str:
                        part[inner] = fields.text(index, field, part[inner])
    for place, call in enumerate(_objects(texts.get("tool_calls"))):
        function = call.get("function")
        number = call.get("index")
        if type(function) is dict:
            fields.arguments(index, "tool_calls", number if type(number) is int else place, function)
    function_call = texts.get("function_call")
    if type(function_call) is dict:
        fields.arguments(index, "function_call", 0, function_call)


def _append(texts: dict[str, Any], field: str, number: int, said: str) -> None:
    """Add what was held back to a message or a delta."""
    if field == "function_call":
        function = texts.setdefault(field, {})
        function["arguments"] = function.get("arguments", "") + said
    elif field == "tool_calls":
        calls = texts.get(field)
        if type(calls) is not list:
            calls = texts[field] = []
        for place, call in enumerate(calls):
            if call.get("index", place) == number:
                function = call["function"]
                function["arguments"] = function.get("arguments", "") + said
                return
        calls.append({"index": number, "function": {"arguments": said}})
    elif type(texts.get(field)) is list:
        texts[field].append({"type": "text", "text": said})
    else:
        texts[field] = (texts.get(field) or "") + said


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if type(item) is dict] if type(value) is list else []

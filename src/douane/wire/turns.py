"""What was said in a conversation: the answers that a request sends back, and the texts of an answer that is served.

Rules enforced:
1. Only what stands where an answer stands counts as one: messages of the assistant's, choices, output texts.
2. What is not of the protocol holds no text. Nothing here raises for content.
3. Of a body with more answers than are looked at the last ones count; of an answer with more choices, the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

MOST_ANSWERS: Final = 512
MOST_CHOICES: Final = 32
_EVENT: Final = b"data: {"


def answers_sent_back(value: Mapping[str, Any]) -> list[str]:
    """Return the texts of a request's messages that are an assistant's, in order."""
    messages = value["messages"] if "messages" in value else value.get("input")
    if type(messages) is not list:
        return []
    own = [message for message in messages if type(message) is dict and message.get("role") == "assistant"]
    return [text for message in own[-MOST_ANSWERS:] if (text := _text(message))] if own else []


def earlier_response(value: Mapping[str, Any]) -> str | None:
    """Return the identifier of the response that a request goes on from, in dialects that have it."""
    identifier = value.get("previous_response_id")
    return identifier if type(identifier) is str and identifier else None


def texts_of_answer(payload: bytes) -> list[str]:
    """Return the texts of a whole answer of ours, one for each choice that has one."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return []
    if type(value) is not dict:
        return []
    output = value.get("output")
    rows = output if type(output) is list else [choice for _, choice in _choices(value)]
    return [text for row in rows[:MOST_CHOICES] if type(row) is dict and (text := _of_choice(row))]


def response_of_answer(payload: bytes) -> str | None:
    """Return the identifier by which a later request may go on from an answer, in dialects that have it."""
    if b'"object":"response"' not in payload:
        return None
    value = orjson.loads(payload)
    identifier = value.get("id")
    return identifier if value.get("object") == "response" and type(identifier) is str else None


def texts_of_events(events: bytes) -> Iterator[tuple[int, str]]:
    """Yield the pieces of text in whole events of ours, each with its choice's index."""
    for line in events.split(b"\n"):
        if line.startswith(_EVENT):
            try:
                value = orjson.loads(line[len(_EVENT) - 1 :])
            except orjson.JSONDecodeError:
                continue
            for index, choice in _choices(value):
                text = _of_choice(choice)
                if text:
                    yield index, text


def _choices(value: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    choices = value.get("choices")
    for choice in choices if type(choices) is list else ():
        if type(choice) is dict:
            index = choice.get("index", 0)
            if type(index) is int and 0 <= index < MOST_CHOICES:
                yield index, choice


def _of_choice(choice: Mapping[str, Any]) -> str:
    text = choice.get("text")
    if type(text) is str:
        return text
    message = choice.get("message") or choice.get("delta") or choice
    return _text(message) if type(message) is dict else ""


def _text(message: Mapping[str, Any]) -> str:
    """Return a message's text; that of parts put together, as callers take one for the other."""
    content = message.get("content")
    if type(content) is str and content:
        return content
    if type(content) is list:
        texts = [part.get("text") for part in content if type(part) is dict]
        return "".join([text for text in texts if type(text) is str])
    refusal = message.get("refusal")
    return refusal if type(refusal) is str else ""

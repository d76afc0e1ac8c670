"""What the platforms have in common: the OpenAI dialect, with each one's own paths, names, errors and habits as data.

A platform checks what it is sent as its documents say, and answers deterministically: the words of the last message, a
token a word. `queue` holds answers to give instead, for tests of what goes wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from douane.testing.platforms.server import Request, Response

_ENDPOINTS = {"/chat/completions": "chat", "/completions": "completions", "/embeddings": "embeddings"}


class Refusal(Exception):
    """A request that the platform refuses."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


ErrorBody = Callable[[Refusal], Any]
"""From a refusal to the body of an error, as the platform writes it."""


def openai_error(refusal: Refusal) -> Any:
    """Return OpenAI's envelope."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}}


def text_error(refusal: Refusal) -> Any:
    """Return the bare string of Text Generation Inference and of providers behind it."""
    return {"error": refusal.message, "error_type": refusal.code}


@dataclass(slots=True)
class LocalPlatform:
    """One platform, or one engine.

    `models` maps what it serves to the context's length. `fields` are, per endpoint, those it takes; others are refused
    where `strict`, else ignored. `usage`: in a stream when asked for, in a chunk of its own, or always with the last
    choice. `noise` is added to each answer and chunk, `choice_noise` to each choice: what an engine tells of itself.
    """

    prefix: str
    models: Mapping[str, int]
    api_key: str | None = None
    endpoints: frozenset[str] = frozenset({"chat", "completions", "embeddings"})
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    strict: bool = False
    usage: Literal["asked", "last"] = "asked"
    error_body: ErrorBody = openai_error
    unauthorized: int = 401
    unknown_model: tuple[int, str] = (404, "model_not_found")
    any_model: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    usage_noise: Mapping[str, Any] = field(default_factory=dict)
    choice_noise: Mapping[str, Any] = field(default_factory=dict)
    tools: bool = True
    base64: bool = True
    queue: deque[Response] = field(default_factory=deque)

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        if self.queue:
            return self.queue.popleft()
        try:
            endpoint, value = self._check(request)
            if endpoint == "embeddings":
                return self._json(200, self._embeddings(value))
            if value.get("stream") is True:
                return Response(200, tuple(self._events(endpoint, value)), self.headers, stream=True)
            return self._json(200, self.complete(endpoint, value))
        except Refusal as refusal:
            return self.refuse(refusal.status, refusal.message, refusal.code, refusal.param)

    def refuse(self, status: int, message: str, code: str = "error", param: str | None = None) -> Response:
        """Return an error as the platform writes it."""
        return self._json(status, self.error_body(Refusal(status, message, code, param)))

    def read(self, body: bytes) -> dict[str, Any]:
        """Parse a body as the platform's own parser does."""
        value: dict[str, Any] = orjson.loads(body)
        return value

    def _json(self, status: int, value: Any) -> Response:
        return Response(status, (orjson.dumps(value),), self.headers)

    # --- what it takes

    def _check(self, request: Request) -> tuple[str, dict[str, Any]]:
        endpoint = _ENDPOINTS.get(request.path.removeprefix(self.prefix))
        if request.method != "POST" or not request.path.startswith(self.prefix) or endpoint not in self.endpoints:
            raise Refusal(404, "Not Found", "not_found")
        if self.api_key is not None and request.headers.get("authorization") != f"Bearer {self.api_key}":
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            raise Refusal(self.unauthorized, f"Incorrect API key provided: {given}", "invalid_api_key")
        value = self.read(request.body)
        if not self.any_model and value.get("model") not in self.models:
            raise Refusal(
                self.unknown_model[0], f"Model {value.get('model')} not found", self.unknown_model[1], "model"
            )
        taken = self.fields.get(endpoint)
        unknown = sorted(value.keys() - taken) if taken is not None else []
        if self.strict and unknown:
            raise Refusal(422, "Extra inputs are not permitted", "extra_forbidden", unknown[0])
        context = min(self.models.values())
        if self._input_tokens(endpoint, value) > context:
            raise Refusal(
                400, f"This model's maximum context length is {context} tokens.", "context_length_exceeded", "messages"
            )
        return endpoint, value

    # --- what it answers

    def _input_tokens(self, endpoint: str, value: Mapping[str, Any]) -> int:
        return max(1, len(_words(endpoint, value)))

    def complete(self, endpoint: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole answer."""
        key = "message" if endpoint == "chat" else "text"
        choices = []
        made = 0
        for index in range(_choices(value)):
            words, reason = _answer(endpoint, value)
            call = self._call(value)
            made += len(words)
            text = "".join(words)
            message: Any = {"role": "assistant", "content": None if call else text}
            if call:
                message["tool_calls"], reason = [call], "tool_calls"
            said = message if endpoint == "chat" else text
            choices.append({"index": index, key: said, "finish_reason": reason, **self.choice_noise})
        return {
            **self._identity(endpoint, value, ""),
            "choices": choices,
            "usage": self.count(self._input_tokens(endpoint, value), made),
            **self.noise,
        }

    def _events(self, endpoint: str, value: Mapping[str, Any]) -> Iterator[bytes]:
        identity = self._identity(endpoint, value, ".chunk")
        count, made = _choices(value), 0
        for index in range(count):
            words, reason = _answer(endpoint, value)
            call = self._call(value)
            made += len(words)
            if endpoint == "chat":
                yield self._event(identity, index, {"delta": {"role": "assistant", "content": ""}}, None)
            if call:
                yield self._event(identity, index, {"delta": {"tool_calls": [{"index": 0, **call}]}}, None)
                words, reason = [], "tool_calls"
            for word in words:
                yield self._event(
                    identity, index, {"delta": {"content": word}} if endpoint == "chat" else {"text": word}, None
                )
            last = {"usage": self.count(self._input_tokens(endpoint, value), made)} if self._ends(index, count) else {}
            piece: dict[str, Any] = {"delta": {}} if endpoint == "chat" else {"text": ""}
            yield self._event({**identity, **last, **self.noise}, index, piece, reason)
        if self.usage == "asked" and (value.get("stream_options") or {}).get("include_usage") is True:
            yield _data({**identity, "choices": [], "usage": self.count(self._input_tokens(endpoint, value), made)})
        yield b"data: [DONE]\n\n"

    def _ends(self, index: int, count: int) -> bool:
        return self.usage == "last" and index == count - 1

    def _event(self, identity: Mapping[str, Any], index: int, piece: Mapping[str, Any], reason: str | None) -> bytes:
        return _data({**identity, "choices": [{"index": index, **piece, "finish_reason": reason, **self.choice_noise}]})

    def _call(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        choice = value.get("tool_choice")
        forced = choice == "required" or type(choice) is dict
        if not (self.tools and value.get("tools") and forced):
            return None
        name = choice["function"]["name"] if type(choice) is dict else value["tools"][0]["function"]["name"]
        return {"id": "call_local", "type": "function", "function": {"name": name, "arguments": "{}"}}

    def count(self, given: int, made: int) -> dict[str, Any]:
        """Return the usage as the platform reports it."""
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, **self.usage_noise}

    def _identity(self, endpoint: str, value: Mapping[str, Any], suffix: str) -> dict[str, Any]:
        name = "chat.completion" + suffix if endpoint == "chat" else "text_completion"
        return {"id": "cmpl-local", "object": name, "created": 1_700_000_000, "model": value.get("model", "")}

    def _embeddings(self, value: Mapping[str, Any]) -> dict[str, Any]:
        inputs = value["input"] if type(value["input"]) is list else [value["input"]]
        as_text = self.base64 and value.get("encoding_format") == "base64"
        vector: Any = "AACAPwAAAEA=" if as_text else [1.0, 2.0]
        rows = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(inputs))]
        tokens = sum(len(text.split()) for text in inputs)
        return {
            "object": "list",
            "data": rows,
            "model": value.get("model", ""),
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            **self.noise,
        }


def _data(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _choices(value: Mapping[str, Any]) -> int:
    return int(value.get("n") or 1)


def _words(endpoint: str, value: Mapping[str, Any]) -> list[str]:
    if endpoint == "chat":
        return [word for message in value["messages"] for word in str(message.get("content") or "").split()]
    return str(value["prompt" if endpoint == "completions" else "input"]).split()


def _answer(endpoint: str, value: Mapping[str, Any]) -> tuple[list[str], str]:
    last = str(value["messages"][-1].get("content") or "") if endpoint == "chat" else str(value["prompt"])
    words = [f"{word} " for word in last.split()]
    limit = value.get("max_completion_tokens") or value.get("max_tokens") or len(words)
    return words[:limit], "length" if limit < len(words) else "stop"

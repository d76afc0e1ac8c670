"""Checks a parsed request of the OpenAI dialect and says what is asked: an `Ask`.

Rules enforced:
1. The fields that the gateway acts on have the types and ranges of the protocol, strictly: `"true"` is no boolean, for
   an upstream may read it as one.
2. `names.check_names` holds wherever the protocol has fields; inside a tool's JSON Schema names are the client's own.
3. Nothing is fetched for a request: media come inline, as `data:` URLs.
4. Unknown fields stay in the value: they are classified, and each upstream kind decides whether they may pass.

How the body was parsed is `strict_json`'s matter; what a request's content is worth, the detectors'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from douane.errors import Unsupported
from douane.wire.call import Ask
from douane.wire.fields import KNOWN, REFUSED
from douane.wire.names import check_names, wrong

MAX_NAME: Final = 256
MAX_CHOICES: Final = 128
MAX_INPUTS: Final = 2048
_MAX_TOKENS: Final = 2**31 - 1
_TOOL_TYPES: Final = ("function", "custom")
_CHOICE_TYPES: Final = ("function", "custom", "allowed_tools")
_CHOICE_WORDS: Final = ("none", "auto", "required")
_INLINE_TEXT: Final = ("type", "text", "refusal", "filename")
_MAX_PART_DEPTH: Final = 8
_SCHEME: Final = re.compile(r"[\x00-\x20\s]*[a-z][a-z0-9+.\-\t\r\n]*:", re.IGNORECASE)
"""The beginning of a URL as lenient readers see it: after control characters and spaces, line ends left out."""
_MAX_ROLE: Final = 64
_ROLES: Final = frozenset({"system", "user", "assistant", "developer", "tool", "function"})
"""The roles that there are: a text with one of them is soon checked. Engines may know more."""
_TEXT_MESSAGE: Final = frozenset({"role", "content", "name"})
_MEDIA_PARTS: Final = frozenset(
    {"image_url", "input_image", "image", "image_embeds", "input_audio", "audio_url", "audio", "audio_embeds",
     "video_url", "input_video", "video", "file", "input_file", "document", "document_url"}
)  # fmt: skip
"""Types of content parts that hold more than text."""
_MEDIA: Final = frozenset({"media"})
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_NO_FETCH: Final = "No third party fetches anything for a request."
_NOTHING: Final[frozenset[str]] = frozenset()
_NEEDING: Final = frozenset({"tools", "functions", "tool_choice", "response_format", "logprobs", "n"})
"""Fields of a chat that may need a capability of the deployment; without them a request needs none."""


# --- what a single field may be ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """A test of one field's value, and what it demands in words. None, in JSON null, always counts as absent."""

    accepts: Callable[[Any], bool]
    demands: str


def _whole(low: int, high: int) -> Shape:
    return Shape(lambda v: type(v) is int and low <= v <= high, f"a whole number from {low} to {high}")


def _text(longest: int) -> Shape:
    return Shape(lambda v: type(v) is str and 0 < len(v) <= longest, f"a string of 1 to {longest} characters")


def _one_of(*words: str) -> Shape:
    return Shape(lambda v: type(v) is str and v in words, "one of " + ", ".join(f"`{word}`" for word in words))


def _is_list_of(kind: type) -> Callable[[Any], bool]:
    kinds = frozenset({kind})
    return lambda v: type(v) is list and kinds.issuperset(map(type, v))


_BOOLEAN: Final = Shape(lambda v: type(v) is bool, "`true` or `false`")
_NUMBER: Final = Shape(lambda v: type(v) in (int, float), "a number")
_OBJECT: Final = Shape(lambda v: type(v) is dict, "an object")
_STRING: Final = Shape(lambda v: type(v) is str, "a string")
_OBJECTS: Final = Shape(_is_list_of(dict), "a list of objects")
_NAME: Final = _text(MAX_NAME)
_are_texts: Final = _is_list_of(str)
_are_tokens: Final = _is_list_of(int)
_STOP: Final = Shape(
    lambda v: type(v) is str or (_are_texts(v) and len(v) <= 64), "a string, or a list of at most 64 strings"
)
_BIAS: Final = Shape(
    lambda v: type(v) is dict and all(type(bias) in (int, float) for bias in v.values()), "an object of numbers"
)
_TEXT_ONLY: Final = Shape(lambda v: v == ["text"], '`["text"]`')

_COMMON: Final[Mapping[str, Shape]] = {
    "model": _NAME,
    "n": _whole(1, MAX_CHOICES),
    "stream": _BOOLEAN,
    "stream_options": _OBJECT,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "seed": _whole(-(2**63), 2**63 - 1),
    "stop": _STOP,
    "logit_bias": _BIAS,
    "user": _STRING,
    "metadata": _OBJECT,
}
_CHAT: Final[Mapping[str, Shape]] = {
    **_COMMON,
    "messages": Shape(lambda v: bool(v) and _OBJECTS.accepts(v), "a list of at least one object"),
    "max_tokens": _whole(1, _MAX_TOKENS),
    "max_completion_tokens": _whole(1, _MAX_TOKENS),
    "logprobs": _BOOLEAN,
    "top_logprobs": _whole(0, 20),
    "tools": _OBJECTS,
    "functions": _OBJECTS,
    "parallel_tool_calls": _BOOLEAN,
    "response_format": _OBJECT,
    "modalities": _TEXT_ONLY,
}
_COMPLETIONS: Final[Mapping[str, Shape]] = {
    **_COMMON,
    "max_tokens": _whole(0, _MAX_TOKENS),
    "max_completion_tokens": _whole(0, _MAX_TOKENS),
    "logprobs": _whole(0, 20),
    "echo": _BOOLEAN,
    "suffix": _STRING,
    "best_of": _whole(1, MAX_CHOICES),
}
_EMBEDDINGS: Final[Mapping[str, Shape]] = {
    "model": _NAME,
    "encoding_format": _one_of("float", "base64"),
    "dimensions": _whole(1, 1 << 20),
    "user": _STRING,
}


def _check_shapes(value: Mapping[str, Any], shapes: Mapping[str, Shape], required: Iterable[str]) -> None:
    for name in required:
        if value.get(name) is None:
            raise wrong(name, f"`{name}` is missing", f"Send `{name}`.")
    for name, item in value.items():
        shape = shapes.get(name)
        if shape is not None and item is not None and not shape.accepts(item):
            raise wrong(name, f"`{name}` is not {shape.demands}", f"Send `{name}` as {shape.demands}.")


# --- nested parts of a chat --------------------------------------------------------------------------------------


def _check_messages(messages: list[dict[str, Any]]) -> frozenset[str]:
    """Check each message; return the capabilities that their content needs."""
    needs = _NOTHING
    for index, message in enumerate(messages):
        content, role = message.get("content"), message.get("role")
        if (
            type(content) is not str
            or type(role) is not str
            or role not in _ROLES
            or not _TEXT_MESSAGE.issuperset(message)
        ):
            _check_message(message, f"/messages/{index}")
            if not needs and _holds_media(content):
                needs = _MEDIA
    return needs


def _holds_media(content: Any) -> bool:
    return type(content) is list and any(part["type"] in _MEDIA_PARTS for part in content)


def _check_message(message: dict[str, Any], at: str) -> None:
    check_names(message, at)
    role = message.get("role")
    if type(role) is not str or not 0 < len(role) <= _MAX_ROLE:
        raise wrong(
            f"{at}/role", f"`{at}/role` is not a string of 1 to {_MAX_ROLE} characters", "Name the message's role."
        )
    content = message.get("content")
    if type(content) is list:
        _check_parts(content, f"{at}/content")
    elif content is not None and type(content) is not str:
        raise wrong(f"{at}/content", f"`{at}/content` is not text or a list of parts", "Send text or parts.")
    calls = message.get("tool_calls")
    if calls is not None:
        _check_objects(calls, f"{at}/tool_calls")


def _check_objects(items: Any, at: str) -> None:
    if not _OBJECTS.accepts(items):
        raise wrong(at, f"`{at}` is not a list of objects", "Send a list of objects.")
    for index, item in enumerate(items):
        check_names(item, f"{at}/{index}")


def _check_parts(parts: list[Any], at: str) -> None:
    _check_objects(parts, at)
    for index, part in enumerate(parts):
        place = f"{at}/{index}"
        if type(part.get("type")) is not str:
            raise wrong(f"{place}/type", f"`{place}/type` is not a string", "Name the type of each content part.")
        for name, item in part.items():
            if name not in _INLINE_TEXT:
                _check_inline(item, f"{place}/{name if name in KNOWN else '*'}")


def _check_inline(item: Any, at: str, depth: int = 0) -> None:
    """Refuse references that somebody would have to fetch: media are sent inline."""
    if type(item) is str:
        if not item[:5].lower() == "data:" and (":" in item[:64] or _SCHEME.match(item)):
            raise Unsupported(
                f"`{at}` refers to something outside the request.",
                "Send media inline, as a `data:` URL.",
                rule=_NO_FETCH,
                param=at,
            )
    elif type(item) is dict and depth < _MAX_PART_DEPTH:
        check_names(item, at)
        for name, child in item.items():
            if name not in _INLINE_TEXT:
                _check_inline(child, f"{at}/{name if name in KNOWN else '*'}", depth + 1)
    elif type(item) is list and depth < _MAX_PART_DEPTH:
        for index, child in enumerate(item):
            _check_inline(child, f"{at}/{index}", depth + 1)
    elif type(item) in (dict, list):
        raise wrong(at, f"`{at}` nests too deep", f"Nest content parts at most {_MAX_PART_DEPTH} levels.")


def _check_tools(tools: list[dict[str, Any]]) -> frozenset[str]:
    """Check each tool; return the functions' names."""
    names = set()
    for index, tool in enumerate(tools):
        at = f"/tools/{index}"
        check_names(tool, at)
        kind = tool.get("type")
        if kind not in _TOOL_TYPES:
            raise Unsupported(
                f"`{at}/type` is neither `function` nor `custom`.",
                "Offer functions that your own application runs.",
                rule="No third party fetches, searches or runs anything for a request.",
                param=f"{at}/type",
            )
        inner = tool.get(kind)
        if type(inner) is not dict or not _NAME.accepts(inner.get("name")):
            raise wrong(f"{at}/{kind}", f"`{at}/{kind}` has no name of 1 to {MAX_NAME} characters", "Name the tool.")
        check_names(inner, f"{at}/{kind}")
        if type(inner.get("parameters", {})) not in (dict, type(None)):
            raise wrong(f"{at}/{kind}/parameters", f"`{at}/{kind}/parameters` is not a JSON Schema", "Send an object.")
        _check_references(inner.get("parameters"), f"{at}/{kind}/parameters")
        if inner["name"] in names:
            raise wrong(f"{at}/{kind}/name", f"`{at}/{kind}/name` names a tool twice", "Name each tool once.")
        names.add(inner["name"])
    return frozenset(names)


def _check_references(schema: Any, at: str) -> None:
    """Refuse a schema that refers to another document: some engines would fetch it."""
    rest = [schema]
    while rest:
        node = rest.pop()
        if type(node) is dict:
            for name, item in node.items():
                if name in _REFERENCES and type(item) is str and not item.startswith("#"):
                    raise Unsupported(
                        f"The JSON Schema at `{at}` refers to another document.",
                        "Refer to `#/$defs/NAME` within it.",
                        rule=_NO_FETCH,
                        param=at,
                    )
            rest.extend(node.values())
        elif type(node) is list:
            rest.extend(node)


def _check_choice(choice: Any, names: frozenset[str]) -> bool:
    """Check `tool_choice`; tell whether it forces a call."""
    if choice is None or (type(choice) is str and choice in _CHOICE_WORDS):
        if choice == "required" and not names:
            raise wrong("tool_choice", "`tool_choice` demands a call, and there are no tools", "Send `tools`.")
        return choice == "required"
    if type(choice) is not dict or choice.get("type") not in _CHOICE_TYPES:
        raise wrong(
            "tool_choice", "`tool_choice` is not of the protocol", "Send `none`, `auto`, `required` or a function."
        )
    check_names(choice, "/tool_choice")
    if choice["type"] == "allowed_tools":
        return True
    inner = choice.get(choice["type"])
    if type(inner) is not dict or inner.get("name") not in names:
        raise wrong("tool_choice", "`tool_choice` names a tool that `tools` does not hold", "Name one of `tools`.")
    return True


def _check_format(response_format: dict[str, Any]) -> bool:
    """Check `response_format`; tell whether it demands structured output."""
    check_names(response_format, "/response_format")
    kind = response_format.get("type")
    if type(kind) is not str:
        raise wrong("response_format", "`/response_format/type` is not a string", "Name the format's type.")
    if kind == "json_schema":
        inner = response_format.get("json_schema")
        if type(inner) is not dict or type(inner.get("schema", {})) not in (dict, bool):
            raise wrong("response_format", "`/response_format/json_schema` holds no schema", "Send the JSON Schema.")
        _check_references(inner.get("schema"), "/response_format/json_schema/schema")
    return kind != "text"


# --- the endpoints -----------------------------------------------------------------------------------------------


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise wrong("body", "The body is not a JSON object", "Send one JSON object.")
    check_names(value)
    return value


def _includes_usage(value: Mapping[str, Any]) -> bool:
    options = value.get("stream_options") or {}
    asked = options.get("include_usage")
    if asked not in (None, True, False) or type(asked) is int:
        raise wrong("stream_options", "`/stream_options/include_usage` is not `true` or `false`", "Send a boolean.")
    return asked is True


def _limit(value: Mapping[str, Any]) -> int | None:
    old, new = value.get("max_tokens"), value.get("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise wrong("max_tokens", "`max_tokens` and `max_completion_tokens` differ", "Send one of them.")
    limit: int | None = old if new is None else new
    return limit


def _chat_needs(body: dict[str, Any]) -> frozenset[str]:
    """Check what a chat offers and demands; return the capabilities that it needs."""
    tools = body.get("tools") or []
    names = _check_tools(tools)
    functions = body.get("functions") or []
    _check_objects(functions, "/functions")
    forced = _check_choice(body.get("tool_choice"), names)
    structured = _check_format(body["response_format"]) if body.get("response_format") is not None else False
    return _named(
        {
            "tools": bool(tools or functions) and body.get("tool_choice") != "none",
            "tools-forced": forced,
            "json_schema": structured,
            "logprobs": bool(body.get("logprobs")),
            "choices": (body.get("n") or 1) > 1,
        }
    )


def _named(wanted: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(need for need, is_wanted in wanted.items() if is_wanted)


def parse_chat(value: Any) -> Ask:
    """Check a body of POST /v1/chat/completions; raise InvalidRequest or Unsupported, naming the field."""
    body = _object(value)
    _check_shapes(body, _CHAT, ("model", "messages"))
    needs = _check_messages(body["messages"])
    if not _NEEDING.isdisjoint(body):
        needs |= _chat_needs(body)
    limit = _limit(body)
    stream = body.get("stream") is True
    usage = stream and _includes_usage(body)
    return Ask("chat", body["model"], body, stream, usage, body.get("n") or 1, limit, needs)


def parse_completions(value: Any) -> Ask:
    """Check a body of POST /v1/completions; raise InvalidRequest or Unsupported, naming the field."""
    body = _object(value)
    _check_shapes(body, _COMPLETIONS, ("model", "prompt"))
    _check_messages_are_elsewhere(body)
    choices = body.get("n") or 1
    if body.get("best_of") not in (None, choices):
        raise Unsupported(
            "`best_of` differs from `n`.", "Ask for `n` choices.", rule=REFUSED["n_predict"], param="best_of"
        )
    count = _count_inputs(body["prompt"], "prompt")
    if count * choices > MAX_INPUTS:
        raise wrong(
            "n", f"`n` times the prompts is above {MAX_INPUTS}", "Send fewer prompts, or ask for fewer choices."
        )
    needs = _named({"logprobs": body.get("logprobs") is not None, "choices": choices > 1})
    stream = body.get("stream") is True
    usage = stream and _includes_usage(body)
    return Ask("completions", body["model"], body, stream, usage, choices, _limit(body), needs, count)


def parse_embeddings(value: Any) -> Ask:
    """Check a body of POST /v1/embeddings; raise InvalidRequest or Unsupported, naming the field."""
    body = _object(value)
    _check_shapes(body, _EMBEDDINGS, ("model", "input"))
    _check_messages_are_elsewhere(body)
    return Ask("embeddings", body["model"], body, input_count=_count_inputs(body["input"], "input"))


def _check_messages_are_elsewhere(value: Mapping[str, Any]) -> None:
    """Refuse messages where none are checked: some engines take an embeddings request that has them for a chat."""
    if "messages" in value:
        raise wrong("messages", "`messages` is no field of this endpoint", "Send chats to /v1/chat/completions.")


def _count_inputs(inputs: Any, name: str) -> int:
    """Count the texts, or lists of token ids, of a prompt or an input."""
    if type(inputs) is str or (inputs and _are_tokens(inputs)):
        return 1
    whole = type(inputs) is list and 0 < len(inputs) <= MAX_INPUTS
    if whole and (_are_texts(inputs) or all(item and _are_tokens(item) for item in inputs)):
        return len(inputs)
    demands = f"text, token ids, or a list of 1 to {MAX_INPUTS} of either"
    raise wrong(name, f"`{name}` is not {demands}", f"Send `{name}` as {demands}.")

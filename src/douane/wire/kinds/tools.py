"""Tools for engines that know none: a call is asked for as structured output, which the engine does enforce.

Rules enforced:
1. A forced call is enforced: the engine's grammar admits nothing but arguments of the function's schema.
2. A free choice is one of the calls, or `{"answer": ...}`; what comes back is told apart by its shape, not by guessing.
3. Earlier calls and results are shown to the model as text: its template would drop them.
4. The engine answers in one piece; a client that asked for a stream gets that answer as one.

One call an answer is emulated, also where the client allows several at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from douane.core.digest import digest
from douane.core.models.catalogue import Deployment
from douane.errors import Unsupported
from douane.wire.call import Ask, Fault, Usage
from douane.wire.error_body import stream_error_event
from douane.wire.kinds.answers import Misfit, WholeAnswer
from douane.wire.kinds.faults import broken
from douane.wire.kinds.kind import Reply
from douane.wire.kinds.streams import DONE, write_event

_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_REPLACED: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "messages"})
_GIVEN_UP: Final = frozenset({"response_format", "logprobs", "top_logprobs"})
_REFS: Final = ("#/$defs/", "#/definitions/")
_INTRODUCTION: Final = (
    "Functions are available. Each line below is one of them: "
    "its name, what it does, and the JSON Schema of its arguments."
)
_HOW_FREE: Final = (
    'To call one, answer {"name": NAME, "arguments": ARGUMENTS}. To answer without a call, answer {"answer": ANSWER}.'
)
_HOW_FORCED: Final = 'Call one of them: answer {"name": NAME, "arguments": ARGUMENTS}.'
_HOW_NAMED: Final = "Call %s: answer with its arguments as JSON."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the model. `only` names the one function whose bare arguments are the answer, or is "".

    `names` are the functions to choose from; `free`: it may also answer without a call.
    """

    names: tuple[str, ...]
    only: str
    free: bool


def plan_of(ask: Ask) -> Plan | None:
    """Return the plan, or None where the request asks for no call."""
    if "tools" not in ask.needs:
        return None
    tools = ask.value.get("tools") or ()
    names = tuple(tool["function"]["name"] for tool in tools if tool["type"] == "function")
    if len(names) != len(tools) or not names:
        raise Unsupported(
            "Only tools of type `function` can be emulated.",
            "Offer functions, or add a deployment that calls tools itself.",
            rule="Emulated tools are functions.",
            param="tools",
        )
    choice = ask.value.get("tool_choice")
    if type(choice) is dict and choice["type"] == "function":
        return Plan(names, choice["function"]["name"], free=False)
    if choice == "required" or type(choice) is dict:
        return Plan(names, names[0] if len(names) == 1 else "", free=False)
    return Plan(names, "", free=True)


def mentions_tools(ask: Ask) -> bool:
    """Tell whether a chat offers tools or holds earlier calls."""
    value = ask.value
    return bool(value.get("tools") or value.get("functions")) or any(
        message.get("tool_calls") or message["role"] in ("tool", "function") for message in value["messages"]
    )


def emulate(ask: Ask) -> Ask:
    """Return the request as the engine can take it: without tools; not as a stream where a call may come of it."""
    plan = plan_of(ask)
    given_up = _REPLACED | _GIVEN_UP if plan is not None else _REPLACED
    value = {name: item for name, item in ask.value.items() if name not in given_up}
    value["messages"] = _render(ask.value["messages"])
    if plan is None:
        return ask._replace(value=value)
    value["messages"] = _introduce(value["messages"], ask.value["tools"], plan)
    schema = _schema(ask.value, plan)
    value["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    return ask._replace(value=value, stream=False, include_usage=False)


# --- the request -------------------------------------------------------------------------------------------------


def _schema(value: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return the schema that the answer is held to. Definitions move to its root, under a name of their tool's."""
    definitions: dict[str, Any] = {}
    arguments = {}
    for index, tool in enumerate(value["tools"]):
        parameters = tool["function"].get("parameters") or {"type": "object", "properties": {}}
        arguments[tool["function"]["name"]] = _hoist(parameters, f"t{index}_", definitions)
    if plan.only:
        root = dict(arguments[plan.only])
    else:
        shapes = [_object(name={"const": name}, arguments=arguments[name]) for name in plan.names]
        if plan.free:
            shapes.append(_object(answer=_hoist(_answer_schema(value), "a_", definitions)))
        root = {"anyOf": shapes}
    if definitions:
        root["$defs"] = definitions
    return root


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer_schema(value: Mapping[str, Any]) -> Any:
    wanted = value.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"].get("schema", {"type": "object"})
    return {"type": "object" if wanted.get("type") == "json_object" else "string"}


def _hoist(schema: Any, prefix: str, definitions: dict[str, Any]) -> Any:
    """Return a schema without definitions of its own; they go to `definitions`, references follow."""
    if type(schema) is list:
        return [_hoist(item, prefix, definitions) for item in schema]
    if type(schema) is not dict:
        return schema
    for group in ("$defs", "definitions"):
        if type(schema.get(group)) is dict:
            for name, item in schema[group].items():
                definitions[prefix + name] = _hoist(item, prefix, definitions)
    out = {}
    for name, item in schema.items():
        if name == "$ref" and type(item) is str:
            out[name] = f"#/$defs/{prefix}{_referred(item)}"
        elif name not in ("$defs", "definitions", "$schema"):
            out[name] = _hoist(item, prefix, definitions)
    return out


def _referred(reference: str) -> str:
    for start in _REFS:
        if reference.startswith(start) and "/" not in reference[len(start) :]:
            return reference[len(start) :]
    raise Unsupported(
        "A tool's JSON Schema refers to something other than its own definitions.",
        "Refer to `#/$defs/NAME` only.",
        rule="Emulated tools hold their schemas themselves.",
        param="tools",
    )


def _introduce(messages: list[dict[str, Any]], tools: list[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
    """Return the messages with the functions told in the system message."""
    lines = [_INTRODUCTION]
    for tool in tools:
        function = tool["function"]
        known = {name: function[name] for name in ("name", "description", "parameters") if function.get(name)}
        lines.append(orjson.dumps(known).decode())
    lines.append(_HOW_NAMED % plan.only if plan.only else _HOW_FREE if plan.free else _HOW_FORCED)
    text = "\n".join(lines)
    first = messages[0]
    if first["role"] in ("system", "developer"):
        told = f"{_plain(first.get('content'))}\n\n{text}"
        return [{**first, "content": told}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _render(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with calls and results as text."""
    named: dict[str, str] = {}
    out = []
    for message in messages:
        role = message["role"]
        if message.get("tool_calls"):
            text = [_plain(message.get("content"))]
            for call in message["tool_calls"]:
                function = call.get("function") if type(call.get("function")) is dict else {}
                name, arguments = str(function.get("name", "")), str(function.get("arguments", "{}"))
                named[str(call.get("id", ""))] = name
                text.append(f'{{"name": {orjson.dumps(name).decode()}, "arguments": {arguments}}}')
            out.append({"role": "assistant", "content": "\n".join(filter(None, text))})
        elif role in ("tool", "function"):
            name = named.get(str(message.get("tool_call_id", "")), "") or str(message.get("name") or "the function")
            out.append({"role": "user", "content": f"{name} returned: {_plain(message.get('content'))}"})
        else:
            out.append(message)
    return out


def _plain(content: Any) -> str:
    if type(content) is str:
        return content
    if type(content) is not list:
        return ""
    return "\n".join(part["text"] for part in content if type(part.get("text")) is str)


# --- the answer --------------------------------------------------------------------------------------------------


class EmulatedAnswer(WholeAnswer):
    """Reads the engine's structured answer back into calls."""

    __slots__ = ("_plan",)

    def __init__(self, ask: Ask, deployment: Deployment) -> None:
        super().__init__(ask, deployment)
        self._plan = plan_of(ask)

    def write(self, value: dict[str, Any]) -> Reply:
        """Return a parsed answer in our serialisation, its calls as calls."""
        choices = value.get("choices")
        if self._plan is not None and type(choices) is list and all(type(choice) is dict for choice in choices):
            try:
                value = {**value, "choices": [self._translate(choice, value.get("id")) for choice in choices]}
            except Misfit as misfit:
                return Reply(b"", None, complete=False, fault=broken(str(misfit)))
        return super().write(value)

    def _translate(self, choice: dict[str, Any], identity: Any) -> dict[str, Any]:
        message = choice.get("message")
        content = message.get("content") if type(message) is dict else None
        if self._plan is None or type(content) is not str:
            return choice
        reason = choice.get("finish_reason")
        name, text = _told(content, self._plan, cut=reason == "length")
        said: dict[str, Any] = {"role": "assistant", "content": text if not name else None}
        if name:
            call_id = "call_" + digest(f"{identity} {choice.get('index')} {text}".encode())[:24]
            said["tool_calls"] = [{"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}]
        ended = "tool_calls" if name and reason == "stop" else reason
        return {"index": choice.get("index", 0), "message": said, "finish_reason": ended, "logprobs": None}


def _told(content: str, plan: Plan, *, cut: bool) -> tuple[str, str]:
    """Return the function called and its arguments, or "" and the answer. `cut`: the answer met its length bound."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = None
    if plan.only and (cut or type(value) is dict):
        return plan.only, content
    if type(value) is dict and value.get("name") in plan.names and type(value.get("arguments")) is dict:
        return value["name"], orjson.dumps(value["arguments"]).decode()
    if plan.free and type(value) is dict and "answer" in value:
        answer = value["answer"]
        return "", answer if type(answer) is str else orjson.dumps(answer).decode()
    if cut:
        return "", ""
    raise Misfit("The engine's answer is neither a call nor an answer.")


class EmulatedStream:
    """Gives a whole answer as a stream: what a client that asked for one expects."""

    __slots__ = ("_ask", "_held", "_reader", "_size", "complete", "ended", "fault", "output_pieces", "started", "usage")

    def __init__(self, ask: Ask, deployment: Deployment) -> None:
        self._ask = ask
        self._reader = EmulatedAnswer(ask, deployment)
        self._held: list[bytes] = []
        self._size = 0
        self.complete = False
        self.ended = False
        self.fault: Fault | None = None
        self.output_pieces = 0
        self.started = False
        self.usage: Usage | None = None

    def feed(self, data: bytes) -> bytes:
        """Hold what arrived: the answer comes in one piece."""
        self._size += len(data)
        if self._size > _MAX_ANSWER_BYTES:
            self.fault, self.ended = broken("The upstream's answer is above the bound."), True
            self._held.clear()
        elif not self.ended:
            self._held.append(data)
        return b""

    def finish(self) -> bytes:
        """Take the upstream's clean end; return the answer as events, or an error event."""
        if self.ended:
            return stream_error_event(self.fault) if self.fault is not None else b""
        self.ended = True
        reply = self._reader.read(b"".join(self._held))
        self._held.clear()
        self.usage, self.fault, self.complete = reply.usage, reply.fault, reply.complete
        if reply.fault is not None:
            return stream_error_event(reply.fault)
        self.started = True
        return b"".join(self._events(orjson.loads(reply.payload)))

    def _events(self, answer: dict[str, Any]) -> list[bytes]:
        head = {
            "id": answer["id"],
            "object": "chat.completion.chunk",
            "created": answer["created"],
            "model": answer["model"],
        }
        nothing = {"usage": None} if self._ask.include_usage else {}
        out = []
        for choice in answer["choices"]:
            message = choice["message"]
            calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
            deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if calls else ""}]
            deltas += [{"tool_calls": [call]} for call in calls]
            if message["content"]:
                deltas.append({"content": message["content"]})
            self.output_pieces += len(deltas) - 1
            ends: list[str | None] = [None] * len(deltas)
            for delta, reason in zip([*deltas, {}], [*ends, choice["finish_reason"]], strict=True):
                piece = {"index": choice["index"], "delta": delta, "logprobs": None, "finish_reason": reason}
                out.append(write_event({**head, "choices": [piece], **nothing}))
        if self._ask.include_usage and "usage" in answer:
            out.append(write_event({**head, "choices": [], "usage": answer["usage"]}))
        return [*out, DONE]

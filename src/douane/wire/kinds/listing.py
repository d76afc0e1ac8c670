"""Which fields of a request may leave the premises, as data, and the one function that holds a request to it (law 1).

A listing is a shape: what it does not name does not pass. A field that changes no answer is dropped without a word; any
other is refused, so that nobody gets an answer to a question they did not ask. A field without a value (null) is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from douane.errors import Unsupported
from douane.wire.fields import HARMLESS, KNOWN

LEAF: Final = None
"""Whatever the client wrote passes as it is: it is content, and was classified."""

Shape = Mapping[str, Any]

_DROPPED_INSIDE: Final = frozenset({"annotations", "reasoning_content", "reasoning", "cache_control", "index"})
"""What clients send back of an answer, and hints, that change nothing: dropped where a listing does not name them."""

_TEXT_PART: Final[Shape] = {"type": LEAF, "text": LEAF}
IMAGE_PART: Final[Shape] = {**_TEXT_PART, "image_url": {"url": LEAF, "detail": LEAF}}
_TOOL_CALL: Final[Shape] = {"id": LEAF, "type": LEAF, "function": {"name": LEAF, "arguments": LEAF}}
MESSAGE: Final[Shape] = {
    "role": LEAF,
    "content": [IMAGE_PART],
    "name": LEAF,
    "tool_calls": [_TOOL_CALL],
    "tool_call_id": LEAF,
}
TOOL: Final[Shape] = {
    "type": LEAF,
    "function": {"name": LEAF, "description": LEAF, "parameters": LEAF, "strict": LEAF},
}
FORMAT: Final[Shape] = {
    "type": LEAF,
    "json_schema": {"name": LEAF, "description": LEAF, "schema": LEAF, "strict": LEAF},
}

SAMPLING: Final[Shape] = dict.fromkeys(
    ("temperature", "top_p", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias"), LEAF
)
CHAT: Final[Shape] = {
    **SAMPLING,
    "messages": [MESSAGE],
    "max_tokens": LEAF,
    "max_completion_tokens": LEAF,
    "logprobs": LEAF,
    "top_logprobs": LEAF,
    "tools": [TOOL],
    "tool_choice": {"type": LEAF, "function": {"name": LEAF}},
    "parallel_tool_calls": LEAF,
    "response_format": FORMAT,
}
COMPLETIONS: Final[Shape] = {
    **SAMPLING,
    "prompt": LEAF,
    "suffix": LEAF,
    "max_tokens": LEAF,
    "logprobs": LEAF,
    "echo": LEAF,
}
EMBEDDINGS: Final[Shape] = {"input": LEAF, "encoding_format": LEAF, "dimensions": LEAF}


def leaves(*names: str) -> Shape:
    """Return a listing of fields that pass as they are."""
    return dict.fromkeys(names, LEAF)


def project(value: Mapping[str, Any], listing: Shape, deployment: str) -> dict[str, Any]:
    """Return what may be sent of a request's fields; raise Unsupported, naming the field, where one may not."""
    out: dict[str, Any] = {}
    for name, item in value.items():
        if name in listing:
            shape = listing[name]
            out[name] = item if shape is LEAF or _fits(item, shape) else _inside(item, shape, name, deployment)
        elif item is not None and name not in HARMLESS:
            raise _unlisted(name, "", deployment)
    return out


def _fits(item: Any, shape: Any) -> bool:
    """Tell whether a listing names all that a value holds, as it mostly does: then the value passes as it is."""
    if shape is LEAF:
        return True
    if isinstance(shape, list):
        if type(item) is list:
            for child in item:
                if not _fits(child, shape[0]):
                    return False
    elif type(item) is dict:
        for name, child in item.items():
            if name not in shape or (type(child) is not str and not _fits(child, shape[name])):
                return False
    return True


def _inside(item: Any, shape: Any, at: str, deployment: str) -> Any:
    if shape is LEAF or item is None:
        return item
    if isinstance(shape, list):
        if type(item) is not list:
            return item
        return [_inside(child, shape[0], f"{at}/{index}", deployment) for index, child in enumerate(item)]
    if type(item) is not dict:
        return item
    out: dict[str, Any] = {}
    for name, child in item.items():
        if name in shape:
            out[name] = _inside(child, shape[name], f"{at}/{name}", deployment)
        elif child is not None and name not in _DROPPED_INSIDE:
            raise _unlisted(name, f"/{at}/", deployment)
    return out


def _unlisted(name: str, at: str, deployment: str) -> Unsupported:
    """A name that is not of the API is content: it is not repeated (law 9)."""
    is_known = name in KNOWN
    field = f"Field `{at}{name}`" if is_known else f"A field that is not of the API, {len(name)} characters long,"
    return Unsupported(
        f"{field} may not be sent to deployment `{deployment}`.",
        "Leave it out, or add a deployment on the premises to the route.",
        rule="Off the premises only fields listed for the kind of upstream pass.",
        param=f"{at}{name}" if is_known else at.strip("/") or None,
    )

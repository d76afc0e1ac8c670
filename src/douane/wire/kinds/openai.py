"""OpenAI, the reference of the dialect.

Source: OpenAI's public OpenAPI description, 2.3.0.
"""

from __future__ import annotations

from typing import Final

from douane.core.models.catalogue import Capabilities, KindFacts
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, COMPLETIONS, EMBEDDINGS, IMAGE_PART, LEAF, MESSAGE, TOOL, leaves

_PART: Final = {
    **IMAGE_PART,
    "refusal": LEAF,
    "input_audio": leaves("data", "format"),
    "file": leaves("file_data", "filename"),
}
_CUSTOM: Final = leaves("name", "description", "format")

KIND: Final = Dialect(
    chat_bound="max_completion_tokens",
    facts=KindFacts(
        managed=True,
        default_base_url="https://api.openai.com/v1",
        needs_api_key=True,
        capabilities=Capabilities(frozenset({"chat", "completions", "embeddings"})),
    ),
    listing={
        "chat": {
            **CHAT,
            **leaves("prediction", "reasoning_effort", "verbosity", "function_call", "functions"),
            "messages": [{**MESSAGE, "content": [_PART], "refusal": LEAF, "function_call": LEAF}],
            "tools": [{**TOOL, "custom": _CUSTOM}],
            "tool_choice": {"type": LEAF, "function": {"name": LEAF}, "custom": {"name": LEAF}, "allowed_tools": LEAF},
        },
        "completions": COMPLETIONS,
        "embeddings": EMBEDDINGS,
    },
)

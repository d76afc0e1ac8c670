"""Mistral AI. Unknown fields are refused with 422, `stream_options` among them: usage always comes in the last chunk.

Source: Mistral's public API reference (docs.mistral.ai).
"""

from __future__ import annotations

from typing import Final

from douane.core.models.catalogue import Capabilities, KindFacts
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import FORMAT, LEAF, MESSAGE, TOOL, leaves
from douane.wire.kinds.rates import MISTRAL_FAMILY, OPENAI_FAMILY

_PLAIN: Final = leaves(
    "temperature", "top_p", "n", "stop", "seed", "random_seed", "presence_penalty", "frequency_penalty", "max_tokens",
    "max_completion_tokens", "parallel_tool_calls", "safe_prompt", "prompt_mode", "reasoning_effort",
)  # fmt: skip
_MESSAGE: Final = {name: shape for name, shape in MESSAGE.items() if name != "name"}

KIND: Final = Dialect(
    facts=KindFacts(
        managed=True,
        default_base_url="https://api.mistral.ai/v1",
        needs_api_key=True,
        capabilities=Capabilities(frozenset({"chat", "embeddings"}), logprobs=False),
    ),
    listing={
        "chat": {
            **_PLAIN,
            "messages": [_MESSAGE],
            "tools": [TOOL],
            "tool_choice": {"type": LEAF, "function": {"name": LEAF}},
            "response_format": FORMAT,
        },
        "embeddings": leaves("input", "dimensions", "output_dimension", "output_dtype"),
    },
    renames={"seed": "random_seed", "max_completion_tokens": "max_tokens", "dimensions": "output_dimension"},
    drops=frozenset({"encoding_format"}),
    asks_usage=False,
    rates=(MISTRAL_FAMILY, OPENAI_FAMILY),
)

"""Together AI. Usage comes in the last chunk of a stream, with the choice; log probabilities have a shape of their own.

Source: Together's public API reference (docs.together.ai) and OpenAPI description.
"""

from __future__ import annotations

from typing import Final

from douane.core.models.catalogue import Capabilities, KindFacts
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, COMPLETIONS, EMBEDDINGS, Shape, leaves
from douane.wire.kinds.rates import OPENAI_FAMILY, TOGETHER_FAMILY

_SAMPLING: Final = leaves(
    "top_k", "min_p", "repetition_penalty", "context_length_exceeded_behavior", "reasoning_effort"
)
_NOT_HERE: Final = frozenset({"logprobs", "top_logprobs", "parallel_tool_calls", "suffix"})


def _here(listing: Shape) -> Shape:
    return {name: shape for name, shape in {**listing, **_SAMPLING}.items() if name not in _NOT_HERE}


KIND: Final = Dialect(
    facts=KindFacts(
        managed=True,
        default_base_url="https://api.together.xyz/v1",
        needs_api_key=True,
        capabilities=Capabilities(frozenset({"chat", "completions", "embeddings"}), logprobs=False),
    ),
    listing={"chat": _here(CHAT), "completions": _here(COMPLETIONS), "embeddings": {"input": EMBEDDINGS["input"]}},
    renames={"max_completion_tokens": "max_tokens"},
    drops=frozenset({"encoding_format"}),
    rates=(OPENAI_FAMILY, TOGETHER_FAMILY),
)

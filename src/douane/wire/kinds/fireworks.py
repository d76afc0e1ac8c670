"""Fireworks AI. Models are called `accounts/fireworks/models/...`; some models send usage only if it is asked for.

Source: Fireworks' public API reference (docs.fireworks.ai).
"""

from __future__ import annotations

from typing import Final

from douane.core.models.catalogue import Capabilities, KindFacts
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, COMPLETIONS, EMBEDDINGS, leaves

_SAMPLING: Final = leaves(
    "top_k", "min_p", "typical_p", "repetition_penalty", "mirostat_lr", "mirostat_target", "prompt_truncate_len",
    "context_length_exceeded_behavior", "ignore_eos", "reasoning_effort",
)  # fmt: skip

KIND: Final = Dialect(
    facts=KindFacts(
        managed=True,
        default_base_url="https://api.fireworks.ai/inference/v1",
        needs_api_key=True,
        capabilities=Capabilities(frozenset({"chat", "completions", "embeddings"})),
    ),
    listing={
        "chat": {**CHAT, **_SAMPLING, **leaves("prediction")},
        "completions": {name: shape for name, shape in {**COMPLETIONS, **_SAMPLING}.items() if name != "suffix"},
        "embeddings": {name: shape for name, shape in EMBEDDINGS.items() if name != "encoding_format"},
    },
    drops=frozenset({"encoding_format"}),
)

"""The engine that the gateway starts itself: llama.cpp's own server, as a supervised child.

It ignores tools, so they are emulated by what it does enforce, a JSON Schema; its usage does not cover every choice
of a request for several; it reads text alone. Nothing of one request is kept for the next: the child is started so.
It answers any model's name with 200: that it is asked for the one model it holds is decided by configuration.
"""

from __future__ import annotations

from typing import Final

from douane.core.models.catalogue import Capabilities, KindFacts, ToolSupport
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, COMPLETIONS, EMBEDDINGS, leaves

_SAMPLING: Final = leaves("top_k", "min_p", "typical_p", "repetition_penalty", "grammar")

KIND: Final = Dialect(
    facts=KindFacts(
        managed=False,
        default_base_url=None,
        needs_api_key=False,
        capabilities=Capabilities(
            frozenset({"chat", "completions", "embeddings"}),
            tools=ToolSupport.EMULATED,
            counts_choices=False,
            media=False,
        ),
        supervised=True,
        models=frozenset({"smollm2-135m-instruct"}),
    ),
    listing={"chat": {**CHAT, **_SAMPLING}, "completions": {**COMPLETIONS, **_SAMPLING}, "embeddings": EMBEDDINGS},
)

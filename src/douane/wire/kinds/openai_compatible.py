"""Servers of one's own that speak the OpenAI dialect: vLLM, SGLang, TGI, TensorRT-LLM, llama.cpp, Ollama.

On the premises unknown fields pass; elsewhere those of these engines' own documents do. Ollama runs names that end in
`cloud` at its maker's: they are none of the premises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from douane.core.models.catalogue import Capabilities, Deployment, KindFacts
from douane.core.reason import Reason
from douane.errors import Internal
from douane.wire.call import Ask
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, COMPLETIONS, EMBEDDINGS, Shape, leaves

ENGINE_SAMPLING: Final[Shape] = leaves(
    "top_k", "min_p", "min_tokens", "repetition_penalty", "length_penalty", "ignore_eos", "stop_token_ids",
    "skip_special_tokens", "spaces_between_special_tokens", "include_stop_str_in_output", "bad_words",
    "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "regex", "ebnf", "grammar",
    "typical_p", "mirostat", "mirostat_tau", "mirostat_eta", "reasoning_effort", "truncate_prompt_tokens",
)  # fmt: skip


def is_offloaded(model: str) -> bool:
    """Tell whether Ollama runs a model of this name in its cloud.

    >>> is_offloaded("kimi-k2:cloud"), is_offloaded("gpt-oss:120b-cloud"), is_offloaded("llama3.1:8b")
    (True, True, False)
    """
    folded = model.lower()
    if "cloud" not in folded:
        return False
    name, _, tag = folded.partition(":")
    return name.endswith("-cloud") or "cloud" in tag.split("-")


@dataclass(frozen=True, slots=True)
class OwnServer(Dialect):
    """A server of one's own."""

    def objection(self, deployment: Deployment, *, premises: bool) -> Reason | None:
        """Object to a name that is run elsewhere, where the zone is on the premises."""
        if premises and is_offloaded(deployment.upstream_model):
            return Reason(
                "offloaded_on_premises",
                "What is on the premises is run there.",
                f"Deployment `{deployment.name}` asks for `{deployment.upstream_model}`, run in Ollama's cloud.",
                "Name a model that runs on your own server.",
            )
        return Dialect.objection(self, deployment, premises=premises)

    def gateway_fields(self, ask: Ask, deployment: Deployment, isolation: str | None) -> dict[str, Any]:
        """Add vLLM's cache salt where the deployment wants it: prefixes are shared within a partition only."""
        fields = Dialect.gateway_fields(self, ask, deployment, isolation)
        if deployment.options.get("cache_salt") == "true" and ask.endpoint != "embeddings":
            if not isolation:
                raise Internal("A call lacks its cache partition.", "Report it: it is a fault of the gateway.")
            fields["cache_salt"] = isolation
        return fields


KIND: Final = OwnServer(
    facts=KindFacts(
        managed=False,
        default_base_url=None,
        needs_api_key=False,
        capabilities=Capabilities(frozenset({"chat", "completions", "embeddings"})),
        options={"cache_salt": "`true` sends vLLM a salt, so that keys of different owners share no prefix cache."},
    ),
    listing={
        "chat": {**CHAT, **ENGINE_SAMPLING},
        "completions": {**COMPLETIONS, **ENGINE_SAMPLING},
        "embeddings": {**EMBEDDINGS, **leaves("truncate_prompt_tokens")},
    },
)

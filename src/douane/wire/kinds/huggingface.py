"""Hugging Face: Inference Endpoints at an address of their own, or the router, which is a broker of many providers.

At the router the model's name pins the provider, `model:provider`; without one, or with a word such as `fastest`, the
router would choose who reads the request: such a deployment is never called (law 1).
Source: Hugging Face's public documents on Inference Providers and on Text Generation Inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from douane.core.models.catalogue import Capabilities, Deployment, KindFacts
from douane.core.reason import Reason
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.listing import CHAT, EMBEDDINGS, leaves

ROUTER: Final = "router.huggingface.co"
UNPINNED: Final = frozenset({"", "auto", "fastest", "cheapest", "preferred"})
"""Words after the colon that leave the choice to the router."""


@dataclass(frozen=True, slots=True)
class HuggingFace(Dialect):
    """The platform, in both of its shapes."""

    def model(self, deployment: Deployment) -> str:
        """Return the model with the provider that the deployment is pinned to."""
        provider = deployment.options.get("provider")
        if provider and ":" not in deployment.upstream_model:
            return f"{deployment.upstream_model}:{provider}"
        return deployment.upstream_model

    def objection(self, deployment: Deployment, *, premises: bool) -> Reason | None:
        """Object to a router that is left to choose the provider."""
        provider = self.model(deployment).partition(":")[2].strip().lower()
        if deployment.endpoint.host.lower().rstrip(".") == ROUTER and provider in UNPINNED:
            return Reason(
                "broker_not_pinned",
                "A broker of several providers is pinned to one.",
                f"Deployment `{deployment.name}` leaves it to {ROUTER} which provider reads a request.",
                f'Set `deployments.{deployment.name}.provider`, for instance to "together".',
            )
        return Dialect.objection(self, deployment, premises=premises)


KIND: Final = HuggingFace(
    facts=KindFacts(
        managed=True,
        default_base_url=f"https://{ROUTER}/v1",
        needs_api_key=True,
        capabilities=Capabilities(frozenset({"chat", "completions", "embeddings"}), choices=False),
        broker=True,
        options={"provider": "The one provider behind the router that may read requests."},
    ),
    listing={
        "chat": {name: shape for name, shape in {**CHAT, **leaves("top_k")}.items() if name != "n"},
        "completions": leaves("prompt", "max_tokens", "temperature", "top_p", "seed", "stop", "frequency_penalty"),
        "embeddings": EMBEDDINGS,
    },
    renames={"max_completion_tokens": "max_tokens"},
)

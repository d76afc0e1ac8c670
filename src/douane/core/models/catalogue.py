"""Models, deployments, and how far a deployment's weights are trusted (law 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from douane.core.money import Price


class Assurance(StrEnum):
    """How far a deployment's weights are known to be the model it claims."""

    DECLARED = "declared"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    STALE = "stale"
    BLOCKED = "blocked"
    PROVIDER_ASSERTED = "provider-asserted"
    UNCHECKED = "unchecked"

    def routable(self, *, allow_unchecked: bool) -> bool:
        """Tell whether a deployment with this assurance may serve."""
        if self is Assurance.UNCHECKED:
            return allow_unchecked
        return self in (Assurance.VERIFIED, Assurance.PROVIDER_ASSERTED)


@dataclass(frozen=True, slots=True)
class Model:
    """A catalogue entry. `names` maps an upstream kind to what that platform calls the model; None is unknown."""

    id: str
    family: str
    names: Mapping[str, str]
    context_tokens: int | None
    licence: str | None
    source: str
    date: str


class ToolSupport(StrEnum):
    """How tools are called, the least first."""

    NONE = "none"
    EMULATED = "emulated"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a deployment can do. `endpoints` holds chat, completions, embeddings; `media`: it reads more than text.

    `counts_choices` tells whether its usage covers every choice where a request asks for several (`n` above 1); where
    it does not, output tokens of such a request are counted or unknown, never taken from it (law 8).
    """

    endpoints: frozenset[str]
    tools: ToolSupport = ToolSupport.NATIVE
    json_schema: bool = True
    logprobs: bool = True
    choices: bool = True
    context_tokens: int | None = None
    counts_choices: bool = True
    media: bool = True

    def within(self, bounds: Capabilities) -> Capabilities:
        """Return what both can do.

        >>> Capabilities(frozenset({"chat"}), media=True).within(Capabilities(frozenset({"chat"}), media=False)).media
        False
        """
        contexts = [count for count in (self.context_tokens, bounds.context_tokens) if count is not None]
        return Capabilities(
            self.endpoints & bounds.endpoints,
            min(self.tools, bounds.tools, key=list(ToolSupport).index),
            self.json_schema and bounds.json_schema,
            self.logprobs and bounds.logprobs,
            self.choices and bounds.choices,
            min(contexts, default=None),
            self.counts_choices and bounds.counts_choices,
            self.media and bounds.media,
        )

    def beyond(self, bounds: Capabilities) -> tuple[str, ...]:
        """Return the names of what is claimed here and not there."""
        both = self.within(bounds)
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != getattr(both, each.name))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a deployment answers. `path` is the prefix before `/chat/completions`, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        return self.scheme == "https"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an upstream may take, in seconds: to connect, to its first byte, between two bytes, in all."""

    connect_s: float = 5.0
    first_byte_s: float = 120.0
    between_bytes_s: float = 60.0
    total_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model served at one endpoint, in one zone.

    `price` is None only on the premises: own hardware is not billed by token. `api_key` never shows in a repr.
    """

    name: str
    zone: str
    model: str
    kind: str
    endpoint: Endpoint
    upstream_model: str
    assurance: Assurance
    capabilities: Capabilities
    price: Price | None = None
    api_key: str | None = field(default=None, repr=False)
    weight: int = 1
    deadlines: Deadlines = Deadlines()
    model_digest: str | None = None
    lock: str | None = None
    ca_file: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What is known of an upstream kind before any deployment of it exists.

    `managed`: others run it, so its weights cannot be checked. `broker`: its default address spreads requests over
    several providers, so one must be pinned. `supervised`: the gateway starts it itself, after checking its weights.
    `options` are the words that a deployment's `options` may hold, each with one line of help. `models` are the ids of
    the only models that this kind serves; None: whichever a deployment names.
    """

    managed: bool
    default_base_url: str | None
    needs_api_key: bool
    capabilities: Capabilities
    broker: bool = False
    supervised: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    models: frozenset[str] | None = None

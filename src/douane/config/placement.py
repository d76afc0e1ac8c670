"""Where a deployment stands: its address, its zone, and the provider behind a broker (law 1, last point).

Rules enforced:
1. Managed kinds and cloud-offloaded names stay off the premises; a broker pins its one provider.
2. A literal address lies in its zone's networks, or is public; names are checked at each connect, elsewhere.
3. What leaves the premises travels encrypted, unless its zone names the networks that it stays in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from douane.config import schema
from douane.config.endpoints import NotAnEndpoint, endpoint_of, refused_by
from douane.config.problems import Path, Problems, dotted, quoted
from douane.core.models.catalogue import Endpoint, KindFacts, Model
from douane.core.zone import Zone

ASSIGNED_AT_START = Endpoint("http", "127.0.0.1", 0, "/v1")
"""Where an engine of our own answers, until it has started and taken a port."""

_UNPINNED = frozenset({"auto", "fastest", "cheapest", "preferred"})
"""Words that leave the choice of the provider to the broker."""


_UNPINNABLE = (
    "openrouter.ai", "ai-gateway.vercel.sh", "gateway.ai.cloudflare.com", "api.portkey.ai", "router.requesty.ai"
)  # fmt: skip
"""Brokers that no kind here can pin: they decide for each request who reads it."""


_OF_THE_ENGINE = ("base_url", "api_key", "ca_file", "lock", "upstream_model", "assurance", "provider")
"""What the gateway itself knows of an engine that it starts, so that no deployment says otherwise (law 5)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What deployments are read against. `absent` names zones, `absent_models` models that exist and can't be read."""

    zones: Mapping[str, Zone]
    absent: frozenset[str]
    models: Mapping[str, Model]
    absent_models: frozenset[str]
    kinds: Mapping[str, KindFacts]
    base_dir: FilePath
    allow_unchecked: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """The deployment that is read, and where its problems go."""

    name: str
    wanted: schema.Deployment
    around: Surroundings
    problems: Problems

    @property
    def path(self) -> Path:
        return ("deployments", self.name)

    def refuse(self, setting: str, rule: str, fact: str, fix: str) -> None:
        self.problems.refuse((*self.path, setting), rule, fact, fix)

    def doubtful(self, *setting: str) -> bool:
        return self.problems.doubtful(*self.path, *setting)

    def dotted(self, setting: str) -> str:
        return f"`{dotted((*self.path, setting))}`"


def address_of(subject: Subject, facts: KindFacts) -> Endpoint | None:
    """Return where the deployment answers."""
    wanted = subject.wanted
    if facts.supervised:
        for setting in _OF_THE_ENGINE:
            if getattr(wanted, setting) is not None:
                subject.refuse(
                    setting,
                    "The gateway starts and checks its own engine.",
                    f"{subject.dotted(setting)} is given for kind {quoted(wanted.kind)}, which takes none.",
                    "Remove it.",
                )
        return ASSIGNED_AT_START
    if subject.doubtful("base_url"):
        return None
    url = wanted.base_url or facts.default_base_url
    if url is None:
        subject.refuse(
            "base_url",
            "A deployment says where it answers.",
            f"{subject.dotted('base_url')} is missing; kind {quoted(wanted.kind)} has no default.",
            "Add the address before `/chat/completions`, such as `http://10.0.0.5:8000/v1`.",
        )
        return None
    try:
        return endpoint_of(url)
    except NotAnEndpoint as error:
        subject.refuse(
            "base_url",
            "An address can be read in one way only.",
            f"{subject.dotted('base_url')} {error}.",
            "Write it as `https://host/v1` or `http://10.0.0.5:8000/v1`; a credential belongs into `api_key`.",
        )
        return None


def check_kind(subject: Subject, facts: KindFacts, zone: Zone | None) -> None:
    """Refuse a managed kind on the premises."""
    if facts.managed and zone is not None and zone.premises:
        kind = quoted(subject.wanted.kind)
        subject.refuse(
            "kind",
            "On the premises means that it runs there.",
            f"Kind {kind} is managed by others, and zone {quoted(zone.name)} is on the premises.",
            "Put the deployment into a zone off the premises.",
        )


def check_address(subject: Subject, zone: Zone | None, endpoint: Endpoint | None, facts: KindFacts) -> None:
    """Refuse a literal address that the zone does not admit, and plain HTTP over public lines."""
    if zone is None or endpoint is None or subject.problems.doubtful("zones", zone.name, "networks"):
        return
    setting = "zone" if facts.supervised else "base_url"
    fault = refused_by(zone, endpoint)
    if fault is not None:
        what = "The engine's own address" if facts.supervised else "The address of " + subject.dotted("base_url")
        subject.refuse(
            setting,
            "A connection stays in the networks of its zone; without any, it goes to public addresses only.",
            f"{what}, {quoted(endpoint.host)}, {fault}.",
            f"Add a network that holds {quoted(endpoint.host)} to `{dotted(('zones', zone.name, 'networks'))}`,"
            " or use another zone.",
        )
    elif not endpoint.tls and not zone.premises and not zone.networks:
        subject.refuse(
            setting,
            "What leaves the premises travels encrypted.",
            f"{subject.dotted('base_url')} is `http://`, and the way to zone {quoted(zone.name)} is public.",
            "Use `https://`, or name the networks of the private line that the zone stands behind.",
        )


def check_provider(subject: Subject, facts: KindFacts, endpoint: Endpoint | None) -> None:
    """Refuse a broker that is not pinned to one provider, or that is called by a kind that cannot pin it."""
    wanted = subject.wanted
    rule = "A broker of several providers is pinned to one."
    if endpoint is not None and any(f".{endpoint.host}".endswith(f".{host}") for host in _UNPINNABLE):
        fact = f"{subject.dotted('base_url')} is a broker that chooses the provider for each request."
        subject.refuse("base_url", rule, fact, "Call the provider itself, and let its zone describe it.")
        return
    broker = _broker_at(endpoint, subject.around.kinds)
    if broker is None:
        if wanted.provider is not None and endpoint is not None and not facts.supervised:
            fact = f"{subject.dotted('provider')} is given, and this address is no broker's."
            subject.refuse("provider", rule, fact, "Remove it.")
        return
    if not facts.broker:
        fact = f"{subject.dotted('base_url')} is the broker of kind {quoted(broker)}, and the kind is another."
        subject.refuse("kind", rule, fact, f'Set `kind = "{broker}"`, and name the provider in `provider`.')
        return
    if wanted.provider is None or wanted.provider in _UNPINNED:
        fact = f"{subject.dotted('provider')} is missing, and this address is a broker of several providers."
        if wanted.provider is not None:
            fact = f"{subject.dotted('provider')} is {quoted(wanted.provider)}, which leaves the choice to the broker."
        fix = "Name the one provider that may receive content, such as `together`; the zone describes that provider."
        subject.refuse("provider", rule, fact, fix)
    if wanted.upstream_model is not None and ":" in wanted.upstream_model:
        fact = f"{subject.dotted('upstream_model')} names a provider behind `:`."
        subject.refuse("upstream_model", rule, fact, "Put the provider into `provider` alone.")


def _broker_at(endpoint: Endpoint | None, kinds: Mapping[str, KindFacts]) -> str | None:
    """Return the kind whose broker answers there, or None."""
    if endpoint is None:
        return None
    brokers = {
        endpoint_of(facts.default_base_url).host: name
        for name, facts in kinds.items()
        if facts.broker and facts.default_base_url is not None
    }
    return brokers.get(endpoint.host)


def is_offloaded(name: str) -> bool:
    """Tell whether Ollama runs this name in its cloud: `model:cloud`, `model:671b-cloud`."""
    lower = name.lower()
    return lower.endswith("-cloud") or (":" in lower and "cloud" in lower.rpartition(":")[2].split("-"))

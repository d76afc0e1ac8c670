"""The one immutable compiled configuration that the data plane sees. A reload swaps it whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from douane.core.label import PUBLIC, RESTRICTED, Label
from douane.core.models.catalogue import Deployment
from douane.core.zone import Zone


class Strategy(StrEnum):
    PRIORITY = "priority"
    WEIGHTED = "weighted"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"


@dataclass(frozen=True, slots=True)
class Objective:
    """A latency objective in milliseconds: to the first token, and per further token."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None

    @property
    def is_set(self) -> bool:
        return self.ttft_ms is not None or self.tpot_ms is not None


NO_OBJECTIVE = Objective()


@dataclass(frozen=True, slots=True)
class Route:
    """The model name that clients ask for. `attempts` bounds the calls to upstreams that one request may cause."""

    name: str
    deployments: tuple[str, ...]
    strategy: Strategy = Strategy.PRIORITY
    objective: Objective = NO_OBJECTIVE
    attempts: int = 3
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """None means no limit of that sort."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """Money per calendar day or month (UTC), in micro-units."""

    amount_micro: int
    currency: str
    per: str


@dataclass(frozen=True, slots=True)
class Key:
    """A virtual key. `digest` is the SHA-256 of its secret; `owner` partitions all that must not meet (law 11).

    `routes` or `zones` None means all. Times are Unix seconds.
    """

    name: str
    digest: str = field(repr=False)
    owner: str
    routes: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    floor: Label = PUBLIC
    limits: Limits = Limits()
    budget: Budget | None = None
    expires_at: int | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How findings become labels. `map` goes from finding type, or `TYPE:detail`, to a label.

    `owners` holds the whole map of each owner that has one of its own. `layers` are those that must have read whatever
    leaves the premises, each to its end; `name_layers` those that must have read a masked payload beside them, where
    its zone masks names. `vault_s` is how long the values behind placeholders are kept.
    """

    unknown: Label = RESTRICTED
    allow_unchecked: bool = False
    map: Mapping[str, Label] = field(default_factory=dict)
    version: str = "0"
    owners: Mapping[str, Mapping[str, Label]] = field(default_factory=dict)
    layers: frozenset[str] = frozenset()
    vault_s: int = 86_400
    name_layers: frozenset[str] = frozenset()

    def map_of(self, owner: str) -> Mapping[str, Label]:
        """Return the map that counts for an owner's requests."""
        return self.owners.get(owner, self.map) if self.owners else self.map


@dataclass(frozen=True, slots=True)
class Rates:
    """Exchange rates: `micro[(a, b)]` is how many micro-units of b one unit of a is worth; with source and date."""

    micro: Mapping[tuple[str, str], int] = field(default_factory=dict)
    source: str = ""
    date: str = ""

    def convert_micro(self, amount_micro: int, currency: str, into: str) -> int | None:
        """Convert, rounded up (a budget is never overspent by rounding); None where no rate is known."""
        if currency == into:
            return amount_micro
        rate = self.micro.get((currency, into))
        return None if rate is None else -(-amount_micro * rate // 1_000_000)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`version` is the digest of all that was compiled: two snapshots with one version decide alike.

    `compartments` are those that the configuration declares beside Douane's own, `masking` the zones that mask.
    """

    version: str
    zones: Mapping[str, Zone]
    deployments: Mapping[str, Deployment]
    routes: Mapping[str, Route]
    keys: Mapping[str, Key]
    policy: Policy
    rates: Rates = Rates()
    compartments: frozenset[str] = frozenset()
    masking: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "masking", frozenset(zone.name for zone in self.zones.values() if zone.mask))

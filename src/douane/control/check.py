"""What `douane check` tells of a configuration: every problem with its fix, or what it comes to once it is in force.

Reading and judging is `douane.config`'s; here its answer becomes one value that every surface can show. No secret and
no digest of one takes part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from douane.config import Configuration
from douane.core.models.catalogue import Deployment
from douane.core.reason import Reason, reason_of
from douane.core.traffic.snapshot import Key, Limits, Route, Snapshot
from douane.core.zone import Zone
from douane.detect.registered.watch import Registered
from douane.errors import ConfigurationErrors


@dataclass(frozen=True, slots=True)
class Report:
    """`problems` holds each problem's setting and reason. `summary` and `version` are empty where there is one."""

    problems: tuple[tuple[str, Reason], ...] = ()
    warnings: tuple[Reason, ...] = ()
    summary: tuple[str, ...] = ()
    version: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether the configuration may be put in force."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "holds": self.holds,
            "version": self.version or None,
            "problems": [{"setting": setting or None, **reason.as_dict()} for setting, reason in self.problems],
            "warnings": [reason.as_dict() for reason in self.warnings],
            "summary": list(self.summary),
        }


def check(read: Callable[[], Configuration]) -> Report:
    """Read a configuration and report on it."""
    try:
        configuration = read()
    except ConfigurationErrors as errors:
        return Report(tuple((problem.param or "", reason_of(problem)) for problem in errors.problems))
    snapshot = configuration.snapshot
    summary = (*summarise(snapshot), *map(_registered, configuration.detectors.registered))
    return Report((), configuration.warnings, summary, snapshot.version)


def summarise(snapshot: Snapshot) -> list[str]:
    """Return a line for each zone, deployment, route and key."""
    lines = [f"unknown content is {snapshot.policy.unknown}"]
    lines += [_zone(zone) for zone in snapshot.zones.values()]
    lines += [_deployment(deployment) for deployment in snapshot.deployments.values()]
    lines += [_route(route) for route in snapshot.routes.values()]
    lines += [_key(key) for key in snapshot.keys.values()]
    return lines


def _zone(zone: Zone) -> str:
    where = "on the premises" if zone.premises else "off the premises"
    networks = ", ".join(str(network) for network in zone.networks) or "public addresses"
    masks = f", masks {', '.join(sorted(zone.mask))}" if zone.mask else ""
    even_restricted = " even of restricted content" if zone.mask and zone.mask_restricted else ""
    return f"zone {zone.name}: {where}, cleared for {zone.clearance}, {networks}{masks}{even_restricted}"


def _deployment(deployment: Deployment) -> str:
    endpoint = deployment.endpoint
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    address = f"{endpoint.scheme}://{host}:{endpoint.port}{endpoint.path}" if endpoint.port else "an engine of our own"
    price = deployment.price
    cost = (
        "unpriced"
        if price is None
        else f"{money(price.input_micro)} + {money(price.output_micro)} {price.currency} per million tokens"
    )
    pinned = deployment.options.get("provider")
    name = deployment.upstream_model + (f" at {pinned}" if pinned else "")
    return (
        f"deployment {deployment.name}: {deployment.model} as {name}, {deployment.kind} in {deployment.zone},"
        f" {address}, {deployment.assurance}, {cost}"
    )


def _route(route: Route) -> str:
    objective = [
        f"{name} {value:g} ms"
        for name, value in (("ttft", route.objective.ttft_ms), ("tpot", route.objective.tpot_ms))
        if value is not None
    ]
    aim = f", {', '.join(objective)}" if objective else ""
    return (
        f"route {route.name}: {route.strategy} of {', '.join(route.deployments)},"
        f" {route.attempts} attempts, {route.timeout_s:g} s{aim}"
    )


def _key(key: Key) -> str:
    parts = [
        "every route" if key.routes is None else f"routes {', '.join(sorted(key.routes)) or 'none'}",
        *([] if key.zones is None else [f"zones {', '.join(sorted(key.zones)) or 'none'}"]),
        f"floor {key.floor}",
        *_limits(key.limits),
    ]
    if key.budget is not None:
        parts.append(f"{money(key.budget.amount_micro)} {key.budget.currency} per {key.budget.per}")
    if key.expires_at is not None:
        parts.append(f"until {key.expires_at}")
    if key.admin:
        parts.append("admin")
    return f"key {key.name} of {key.owner}: {', '.join(parts)}"


def _registered(one: Registered) -> str:
    what = "names" if one.content.kind == "dictionary" else "documents"
    whose = f"requests of {', '.join(one.owners)}" if one.owners else "every request"
    return f"{one.content.kind} {one.name}: {one.content.count} {what}, looked for in {whose}"


def _limits(limits: Limits) -> list[str]:
    named = (
        ("requests per minute", limits.requests_per_minute),
        ("tokens per minute", limits.tokens_per_minute),
        ("at once", limits.concurrent),
    )
    return [f"{value} {name}" for name, value in named if value is not None]


def money(micro: int) -> str:
    """Return micro-units as a decimal, without zeros at its end.

    >>> money(180_000), money(500_000_000)
    ('0.18', '500')
    """
    return f"{micro // 1_000_000}.{micro % 1_000_000:06d}".rstrip("0").rstrip(".")

"""The choke point of the zone law (law 1): the only place that makes a `Cleared`, and the checks that it stands on.

Rules enforced:
1. A payload goes to a deployment only with a `Cleared` made here for that label, deployment, snapshot and payload.
2. Every check below holds when clearing and again at each hop, against the current snapshot and revocations.
3. A reload, a block or a revocation between the two counts: the hop raises `ClearanceBroken` and nothing is sent.

Which label a request has is decided in `classification`, which deployment is tried first in `routing`; the addresses of
a zone are checked at connect by the upstream adapter, with the `Zone` that the `Cleared` carries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from douane.core.digest import digest
from douane.core.label import Label
from douane.core.models.catalogue import Deployment
from douane.core.reason import Reason
from douane.core.traffic.snapshot import Key, Snapshot
from douane.core.zone import Zone
from douane.errors import ClearanceBroken

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Revocations:
    """What has been withdrawn at run time: keys by digest, deployments by name. It outlives reloads."""

    keys: frozenset[str] = frozenset()
    deployments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cleared:
    """A payload's permit for one deployment, as it was `asked` for. Only this module can make one."""

    asked: Passage
    deployment: Deployment
    zone: Zone
    payload_digest: str
    payload: bytes = field(repr=False)
    seal: object = field(repr=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("Cleared is made by douane.core.traffic.clearance alone")

    @property
    def label(self) -> Label:
        """The label of the payload."""
        return self.asked.label

    @property
    def snapshot_version(self) -> str:
        """The version of the one configuration that this permit holds for."""
        return self.asked.snapshot.version

    def passage(self, current: Snapshot, revoked: Revocations, now_s: int) -> Passage:
        """Return what would pass with this permit, by what is true now."""
        label, name, key, route, _, _, _, layers, origin, masked = self.asked
        return Passage(label, name, key, route, current, revoked, now_s, layers, origin, masked)

    def covers(self, payload: bytes) -> bool:
        """Tell whether the permit is for these bytes. Bytes never change: the very object needs no second digest."""
        return payload is self.payload or digest(payload) == self.payload_digest


class Passage(NamedTuple):
    """What is asked to pass: the facts that each check looks at, `snapshot`, `revoked` and `now_s` (Unix) as of now.

    `layers` are those that the label counts: what they found, or `policy.unknown` where they failed. Of a masked
    payload `label` is its own, `origin` that of the request, and `masked` holds the types that were replaced.
    """

    label: Label
    deployment: str
    key: Key
    route: str
    snapshot: Snapshot
    revoked: Revocations
    now_s: int
    layers: tuple[str, ...] = ()
    origin: Label | None = None
    masked: frozenset[str] = frozenset()


def refusal(p: Passage) -> Reason | None:  # noqa: PLR0911 - one statement a check
    """Return why the passage is not allowed, or None where every check holds.

    Eleven checks, each a statement of its own: the mutation run deletes them one by one. The first makes sure that the
    rest find the deployment.
    """
    label, name, key, route_name, snapshot, revoked, now_s, layers, origin, masked = p
    deployment, route = snapshot.deployments.get(name), snapshot.routes.get(route_name)
    if deployment is None or route is None or name not in route.deployments:
        return _not_in_route(p)
    zone = snapshot.zones[deployment.zone]
    if not zone.clearance.permits(label):
        return _not_cleared(p, zone)
    if origin is not None and not (zone.masks(origin) and zone.may_mask(masked)):
        return _not_masked(p, zone, origin)
    if key.routes is not None and route_name not in key.routes:
        return _route_not_in_key(p)
    if key.zones is not None and zone.name not in key.zones:
        return _zone_not_in_key(p, zone)
    if key.digest in revoked.keys:
        return _key_revoked(p)
    if key.expires_at is not None and now_s >= key.expires_at:
        return _key_expired(p)
    if name in revoked.deployments:
        return _blocked(p)
    if not deployment.assurance.routable(allow_unchecked=snapshot.policy.allow_unchecked):
        return _not_verified(p, deployment)
    if not zone.premises and not snapshot.policy.layers.issubset(layers):
        return _unread(p, zone)
    if origin is not None and zone.masks_names and not snapshot.policy.name_layers.issubset(layers):
        return _names_unread(p, zone)
    return None


def clear(passage: Passage, payload: bytes) -> Cleared | Reason:
    """Return the permit for exactly this payload, or the reason why there is none."""
    reason = refusal(passage)
    if reason is not None:
        return reason
    deployment = passage.snapshot.deployments[passage.deployment]
    zone = passage.snapshot.zones[deployment.zone]
    return Cleared(passage, deployment, zone, digest(payload), payload, _SEAL)


def confirm(cleared: Cleared, payload: bytes, current: Snapshot, revoked: Revocations, now_s: int) -> None:
    """Check a permit again, at the hop, against what is true now; raise `ClearanceBroken` where it no longer holds."""
    if cleared.snapshot_version != current.version:
        raise ClearanceBroken(
            "The configuration changed after this request was cleared.",
            "It is decided again; nothing was sent.",
            rule="A permit holds for one configuration.",
        )
    if not cleared.covers(payload):
        raise ClearanceBroken(
            "The bytes to send are not those that were cleared.",
            "Report this: it is a fault of the gateway.",
            rule="A permit holds for one payload.",
        )
    reason = refusal(cleared.passage(current, revoked, now_s))
    if reason is not None:
        raise ClearanceBroken(reason.fact, reason.fix, rule=reason.rule)


# --- how each refusal is told ------------------------------------------------------------------------------------


def _not_in_route(p: Passage) -> Reason:
    return Reason(
        "not_in_route",
        "A request goes only to deployments of its route.",
        f"Deployment `{p.deployment}` does not belong to route `{p.route}`.",
        f"Add it to `routes.{p.route}.deployments`.",
    )


def _not_cleared(p: Passage, zone: Zone) -> Reason:
    return Reason(
        "label_not_cleared",
        "Content goes only to zones cleared for its label.",
        f"Deployment `{p.deployment}` may not receive `{p.label}` content: "
        f"zone `{zone.name}` is cleared for `{zone.clearance}`.",
        f"Add a deployment in a zone cleared for `{p.label}` to route `{p.route}`.",
    )


def _not_masked(p: Passage, zone: Zone, origin: Label) -> Reason:
    return Reason(
        "masking_not_allowed",
        "Content is masked for a zone only as the zone's policy lets it be.",
        f"A payload was masked out of `{origin}` content, and zone `{zone.name}` takes no such one.",
        f"Add {', '.join(sorted(p.masked)) or 'its types'} to `zones.{zone.name}.mask`; what is restricted needs "
        f"`zones.{zone.name}.mask_restricted` as well.",
    )


def _route_not_in_key(p: Passage) -> Reason:
    return Reason(
        "forbidden_route",
        "A key uses only the routes it was given.",
        f"Key `{p.key.name}` has no access to this route.",
        "Ask for a key with that route.",
    )


def _zone_not_in_key(p: Passage, zone: Zone) -> Reason:
    return Reason(
        "zone_not_in_key",
        "A key uses only the zones it was given.",
        f"Key `{p.key.name}` may not use zone `{zone.name}`.",
        f"Add `{zone.name}` to the key's zones.",
    )


def _key_revoked(p: Passage) -> Reason:
    return Reason("key_revoked", "A revoked key sends nothing.", f"Key `{p.key.name}` was revoked.", "Use another key.")


def _key_expired(p: Passage) -> Reason:
    return Reason("key_expired", "A key ends at its time.", f"Key `{p.key.name}` has expired.", "Use another key.")


def _blocked(p: Passage) -> Reason:
    return Reason(
        "blocked",
        "A blocked deployment receives nothing.",
        f"Deployment `{p.deployment}` is blocked.",
        "`GET /admin/v1/status` tells why; unblock it there.",
    )


def _not_verified(p: Passage, deployment: Deployment) -> Reason:
    return Reason(
        "not_verified",
        "Unverified weights are not routable.",
        f"Deployment `{p.deployment}` has assurance `{deployment.assurance}`.",
        'Verify its model; for a trial set `assurance = "unchecked"` and `policy.allow_unchecked = true`.',
    )


def _unread(p: Passage, zone: Zone) -> Reason:
    missing = ", ".join(f"`{layer}`" for layer in sorted(p.snapshot.policy.layers.difference(p.layers)))
    return Reason(
        "unread",
        "Content leaves the premises only with a label that counts every layer that policy requires.",
        f"Deployment `{p.deployment}` stands in zone `{zone.name}`, off the premises, and {missing} did not read this.",
        "Try again; if it goes on, look at the gateway's load, or set `policy.meaning`.",
    )


def _names_unread(p: Passage, zone: Zone) -> Reason:
    return Reason(
        "unread",
        "Where policy has names found for masking, a masked payload goes only if all of it was read for them.",
        f"Deployment `{p.deployment}` stands in zone `{zone.name}`, which masks PERSON, and `names` did not read this.",
        "Try again, or send less at once; if it goes on, raise `policy.names_deadline_s`, or set `policy.names`.",
    )

"""Permits for tests, made the only way there is: by clearing a passage through a small snapshot."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from douane.core.label import RESTRICTED, Clearance, Label, Level
from douane.core.models.catalogue import Assurance, Capabilities, Deadlines, Deployment, Endpoint
from douane.core.traffic.clearance import Cleared, Passage, Revocations, clear
from douane.core.traffic.snapshot import Key, Policy, Route, Snapshot
from douane.core.zone import Zone


def still_cleared() -> None:
    """Confirm a permit, where a test has nothing to say against it."""


LOOPBACK_ZONE = Zone(
    "premises",
    True,
    Clearance(Level.RESTRICTED, every_compartment=True),
    (ip_network("127.0.0.0/8"), ip_network("::1")),
)
"""A zone on the premises whose only network is this machine."""

PUBLIC_ZONE = Zone("eu-managed", False, Clearance(Level.RESTRICTED, every_compartment=True))
"""A zone off the premises that names no networks: held to public addresses, so never loopback."""

EVERYTHING = Capabilities(frozenset({"chat", "completions", "embeddings"}))


def deployment(
    endpoint: Endpoint,
    *,
    name: str = "local",
    zone: Zone = LOOPBACK_ZONE,
    kind: str = "openai-compatible",
    deadlines: Deadlines | None = None,
    ca_file: str | None = None,
) -> Deployment:
    """Return a verified deployment at `endpoint`."""
    return Deployment(
        name,
        zone.name,
        "llama-3.1-8b-instruct",
        kind,
        endpoint,
        "llama",
        Assurance.VERIFIED,
        EVERYTHING,
        deadlines=deadlines or Deadlines(),
        ca_file=ca_file,
    )


def snapshot(*pairs: tuple[Deployment, Zone], version: str = "test") -> Snapshot:
    """Return a snapshot with these deployments, all of them behind route `chat`, and a key that may use it."""
    key = Key("tester", "0" * 64, "team")
    return Snapshot(
        version,
        {zone.name: zone for _, zone in pairs},
        {each.name: each for each, _ in pairs},
        {"chat": Route("chat", tuple(each.name for each, _ in pairs))},
        {key.digest: key},
        Policy(),
    )


def permit(
    payload: bytes,
    *,
    endpoint: Endpoint,
    zone: Zone = LOOPBACK_ZONE,
    name: str = "local",
    label: Label = RESTRICTED,
    deadlines: Deadlines | None = None,
    ca_file: str | None = None,
) -> Cleared:
    """Return the permit to send `payload` to `endpoint` in `zone`."""
    target = deployment(endpoint, name=name, zone=zone, deadlines=deadlines, ca_file=ca_file)
    current = snapshot((target, replace(zone)))
    key = next(iter(current.keys.values()))
    cleared = clear(Passage(label, name, key, "chat", current, Revocations(), 0), payload)
    if not isinstance(cleared, Cleared):
        raise ValueError(cleared.fact)
    return cleared

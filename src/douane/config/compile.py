"""From well-formed tables to the one snapshot that the data plane sees.

Order: labels and policy, zones, models, deployments, rates, routes, keys; each reads only what came before it. What
refers to a table that exists but is broken is not reported a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from douane.config import schema
from douane.config.catalogue import compile_models, shipped_models
from douane.config.data import shipped_rates
from douane.config.deployments import compile_deployments
from douane.config.labels import Labels, compile_policy, shipped_map
from douane.config.placement import Surroundings
from douane.config.problems import Path, Problems
from douane.config.routes import KeyReader, RateBook, compile_rates, compile_routes, warn_of_idle_routes
from douane.config.routes import Surroundings as Served
from douane.config.version import with_version
from douane.config.zones import compile_zones
from douane.core.models.catalogue import KindFacts
from douane.core.traffic.snapshot import Key, Snapshot


@dataclass(frozen=True, slots=True)
class Broken:
    """The tables that are there and could not be read."""

    paths: frozenset[Path]

    def names(self, section: str) -> frozenset[str]:
        """Return the names in a section that exist and are not whole."""
        return frozenset(str(path[1]) for path in self.paths if path[0] == section and len(path) > 1)


def compile_document(
    document: schema.Document,
    broken: Broken,
    kinds: Mapping[str, KindFacts],
    base_dir: FilePath,
    problems: Problems,
) -> Snapshot:
    """Return the snapshot of what is whole. It may be used only where `problems` found none."""
    labels = Labels(document.policy.compartments, problems)
    policy = compile_policy(document.policy, labels, problems, shipped_map())
    zones = compile_zones(document.zones, labels, policy.unknown, problems)
    models = compile_models(document.models, shipped_models(), problems)
    absent_zones = broken.names("zones") | (document.zones.keys() - zones.keys())
    around = Surroundings(
        zones, absent_zones, models, broken.names("models"), kinds, base_dir, document.policy.allow_unchecked
    )
    deployments = compile_deployments(document.deployments, around, problems)
    absent_deployments = broken.names("deployments") | (document.deployments.keys() - deployments.keys())
    rates, shipped = compile_rates(document.rates, shipped_rates(), problems)
    served = Served(zones, absent_zones, deployments, absent_deployments)
    routes = compile_routes(document.routes, served, problems)
    absent_routes = broken.names("routes") | (document.routes.keys() - routes.keys())
    absent_rates = frozenset((str(path[1]), str(path[2])) for path in broken.paths if path[0] == "rates" and path[2:])
    warn_of_idle_routes(routes, deployments, allow_unchecked=policy.allow_unchecked, problems=problems)
    reader = KeyReader(served, routes, absent_routes, labels, RateBook(rates, shipped, absent_rates), problems)
    compartments = frozenset(document.policy.compartments)
    keys: dict[str, Key] = {}
    for name, wanted in document.keys.items():
        key = reader.read(name, wanted)
        if key is not None:
            keys[name] = key
    return with_version(Snapshot("", zones, deployments, routes, keys, policy, rates, compartments))

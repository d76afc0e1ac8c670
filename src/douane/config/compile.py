"""From well-formed settings to the one snapshot that the data plane sees.

Order: labels and policy, zones, models, deployments, rates, routes, keys; each reads only what came before it. A table
with a problem is read on as far as it goes, so that one reading tells everything; what relies on a setting that was
found wrong is not told a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from douane.config import schema
from douane.config.catalogue import compile_models, shipped_models
from douane.config.data import shipped_rates
from douane.config.deployments import compile_deployments
from douane.config.labels import Labels, compile_policy, shipped_map
from douane.config.placement import Surroundings
from douane.config.problems import Path, Problems
from douane.config.registered import registered_labels, tables_of
from douane.config.routes import KeyReader, RateBook, compile_rates, compile_routes, sites_of, warn_of_idle_routes
from douane.config.routes import Surroundings as Served
from douane.config.version import with_version
from douane.config.zones import compile_zones
from douane.core.models.catalogue import KindFacts
from douane.core.traffic.snapshot import Key, Snapshot


def compile_document(
    document: schema.Document,
    spoilt: frozenset[Path],
    kinds: Mapping[str, KindFacts],
    base_dir: FilePath,
    problems: Problems,
) -> Snapshot:
    """Return the snapshot; it may be used only where `problems` found none. `spoilt` is what `shape` returns."""

    def left_out(section: str) -> frozenset[str]:
        """Return the names in a section whose tables are there and were left out whole."""
        return frozenset(str(path[1]) for path in spoilt if path[0] == section and len(path) == 2)

    labels = Labels(document.policy.compartments, problems)
    registered = registered_labels(tables_of(document), labels)
    policy = compile_policy(document.policy, document.owners, labels, problems, shipped_map(), registered)
    zones = compile_zones(document.zones, labels, policy.unknown, problems)
    models = compile_models(document.models, shipped_models(), problems)
    absent_zones = left_out("zones") | (document.zones.keys() - zones.keys())
    may_be_unchecked = document.policy.allow_unchecked or problems.doubtful("policy", "allow_unchecked")
    around = Surroundings(zones, absent_zones, models, left_out("models"), kinds, base_dir, may_be_unchecked)
    deployments = compile_deployments(document.deployments, around, problems)
    rates, shipped = compile_rates(document.rates, shipped_rates(), problems)
    sites = sites_of(document.deployments, zones, problems)
    served = Served(zones, absent_zones, sites, left_out("deployments"))
    routes = compile_routes(document.routes, served, problems)
    warn_of_idle_routes(routes, deployments, allow_unchecked=policy.allow_unchecked, problems=problems)
    reader = KeyReader(served, routes, left_out("routes"), labels, RateBook(rates, shipped), problems)
    compartments = frozenset(document.policy.compartments)
    keys: dict[str, Key] = {}
    for name, wanted in document.keys.items():
        key = reader.read(name, wanted)
        if key is not None:
            keys[name] = key
    return with_version(Snapshot("", zones, deployments, routes, keys, policy, rates, compartments))

"""Reads a configuration: `load` a file, `loads` a text. The only reader of the environment.

Rules enforced:
1. All problems of a configuration are raised at once, or there are none: nothing is ever half in force.
2. Reading has no effect but reading: a reload calls `load` again and compares the versions of the two snapshots.
3. The file is bounded, regular and UTF-8.

Tables become settings in `schema` and `translate`, settings become the snapshot in `compile`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from douane.config import schema
from douane.config.compile import compile_document
from douane.config.data import detector_rules
from douane.config.labels import compile_meaning, compile_names
from douane.config.problems import Problems, quoted
from douane.config.registered import compile_registered, tables_of
from douane.config.shape import shape
from douane.config.text import LONGEST_FILE_BYTES, Expander, cause_of, decode, read_regular
from douane.core.models.catalogue import KindFacts
from douane.core.reason import Reason
from douane.core.traffic.snapshot import Snapshot
from douane.detect.phones import NUMBERED_REGIONS
from douane.detect.settings import DetectorSettings
from douane.errors import ConfigurationError, ConfigurationErrors

KindTable = Mapping[str, KindFacts]
"""The upstream kinds that are installed, by name."""

DEFAULT_DATA_DIR = "douane-data"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What `[server]` holds, in seconds and bytes. `data_dir` is absolute, or None where nobody named one."""

    host: str
    port: int
    hosts: tuple[str, ...]
    data_dir: str | None
    max_body_bytes: int
    max_connections: int
    head_s: float
    body_s: float
    idle_s: float
    write_stall_s: float
    drain_s: float


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that holds. `source` says where it was read, `warnings` what is allowed but likely not meant."""

    server: ServerSettings
    snapshot: Snapshot
    detectors: DetectorSettings
    warnings: tuple[Reason, ...]
    source: str


def load(path: str, *, kinds: KindTable, environ: Mapping[str, str] | None = None) -> Configuration:
    """Return the configuration in a file; raise ConfigurationErrors with all of its problems."""
    file = FilePath(path)
    rule = "The configuration is a file that can be read."
    try:
        data, _ = read_regular(file, LONGEST_FILE_BYTES)
    except (OSError, ValueError) as error:
        fact = f"The configuration {quoted(path)} {cause_of(error)}."
        raise _only(rule, fact, "Name it with `--config`, or write one: `douane init`.") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        fact = f"The configuration {quoted(path)} is not UTF-8 text: see its byte {error.start}."
        raise _only("The configuration is UTF-8 text.", fact, "Save it as UTF-8.") from error
    return loads(text, base_dir=file.parent, kinds=kinds, environ=environ, source=path)


def loads(
    text: str,
    *,
    base_dir: FilePath | str,
    kinds: KindTable,
    environ: Mapping[str, str] | None = None,
    source: str = "text",
) -> Configuration:
    """Return the configuration in a text; paths in it are relative to `base_dir`. Errors as in `load`."""
    problems = Problems()
    environ = os.environ if environ is None else environ
    base_dir = FilePath(base_dir)
    tables = decode(text, problems)
    if tables is None:
        raise ConfigurationErrors(tuple(problems.found))
    expander = Expander(environ, base_dir, problems)
    expanded = expander.expand(tables)
    document, spoilt = shape(expanded, expander.broken, problems)
    if document is None or any(len(path) == 1 for path in spoilt):  # a whole section: the rest refers to it
        raise ConfigurationErrors(tuple(problems.found))
    problems.spoil(spoilt)
    snapshot = compile_document(document, spoilt, kinds, base_dir, problems)
    registered = compile_registered(tables_of(document), base_dir, problems)
    regions = _regions(document.policy.regions, problems)
    if problems.found:
        raise ConfigurationErrors(tuple(problems.found))
    meaning = compile_meaning(document.policy, snapshot, problems)
    names = compile_names(document.policy, snapshot, problems)
    detectors = DetectorSettings(detector_rules(), regions=regions, registered=registered, meaning=meaning, names=names)
    return Configuration(_server(document.server, base_dir), snapshot, detectors, tuple(problems.warnings), source)


def _regions(given: Sequence[str], problems: Problems) -> tuple[str, ...]:
    """Return the regions that have a numbering plan; each other one is a problem."""
    for number, region in enumerate(given):
        if region not in NUMBERED_REGIONS:
            problems.refuse(
                ("policy", "regions", number),
                "A region of policy.regions has a numbering plan.",
                f"`policy.regions[{number}]` is {quoted(region)}, of which none is known.",
                "Use the country's code by ISO 3166, such as `FR`, `DE`, `GB` or `US`.",
            )
    return tuple(dict.fromkeys(given))


def data_dir(given: str | None, configuration: Configuration, environ: Mapping[str, str] | None = None) -> str:
    """Return the data folder: what the command line says, else DOUANE_DATA, else `server.data_dir`, else a default."""
    environ = os.environ if environ is None else environ
    return given or environ.get("DOUANE_DATA") or configuration.server.data_dir or DEFAULT_DATA_DIR


def cache_dir(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the folder for what can be made again: DOUANE_CACHE, else the XDG cache of the user; None without a home.

    An empty DOUANE_CACHE keeps nothing.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("DOUANE_CACHE")
    if given is not None:
        return given or None
    base = environ.get("XDG_CACHE_HOME") or (f"{environ['HOME']}/.cache" if environ.get("HOME") else "")
    return f"{base}/douane" if base.startswith("/") else None


def _server(given: schema.Server, base_dir: FilePath) -> ServerSettings:
    return ServerSettings(
        given.host,
        given.port,
        tuple(given.hosts),
        None if given.data_dir is None else str((base_dir / given.data_dir).absolute()),
        given.max_body_bytes,
        given.max_connections,
        float(given.head_s),
        float(given.body_s),
        float(given.idle_s),
        float(given.write_stall_s),
        float(given.drain_s),
    )


def _only(rule: str, fact: str, fix: str) -> ConfigurationErrors:
    return ConfigurationErrors((ConfigurationError(fact, fix, rule=rule),))

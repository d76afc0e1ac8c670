"""Configuration: TOML in, one immutable snapshot out; the only reader of the environment and of the shipped data rows.

It decides what a configuration means and whether it may be used at all. Which upstream kinds exist is handed in; what
an engine or a verification finds out later is put into the snapshot by the composition root.
"""

from douane.config.data import detector_rules
from douane.config.load import Configuration, KindTable, ServerSettings, cache_dir, data_dir, load, loads
from douane.config.reference import json_schema, reference
from douane.config.version import with_version

__all__ = [
    "Configuration",
    "KindTable",
    "ServerSettings",
    "cache_dir",
    "data_dir",
    "detector_rules",
    "json_schema",
    "load",
    "loads",
    "reference",
    "with_version",
]

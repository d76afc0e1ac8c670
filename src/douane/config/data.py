"""The shipped data rows that other layers need as plain values: they may not read files themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

_POLICY = "policy.toml"


def detector_rules() -> Mapping[str, Mapping[str, Any]]:
    """Return the detectors' rows, data/detectors/*.toml by file name; the policy is a configuration's, not theirs."""
    folder = files("douane").joinpath("data", "detectors")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml") and entry.name != _POLICY)
    return {
        name.removesuffix(".toml"): tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in names
    }

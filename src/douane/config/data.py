"""The shipped data rows that other layers need as plain values: they may not read files themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any

RateRow = tuple[Decimal, str, str]
"""A rate, its source and its date."""

_POLICY = "policy.toml"


def detector_rules() -> Mapping[str, Mapping[str, Any]]:
    """Return the detectors' rows, data/detectors/*.toml by file name; the policy is a configuration's, not theirs."""
    folder = files("douane").joinpath("data", "detectors")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml") and entry.name != _POLICY)
    return {
        name.removesuffix(".toml"): tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in names
    }


def shipped_rates() -> Mapping[tuple[str, str], RateRow]:
    """Return the exchange rates of data/rates.toml. They are dated, and whoever uses one is warned of its age."""
    text = files("douane").joinpath("data", "rates.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text, parse_float=Decimal)
    return {
        (currency, into): (row["rate"], row["source"], row["date"])
        for currency, others in rows.items()
        for into, row in others.items()
    }

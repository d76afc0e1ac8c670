"""Configurations of a run: the default one, or the bench's, with the layers of meaning on or off."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from bench.ground import CONFIG
from bench.measure import OUT

STAGES = ("off", "light", "full")


def for_classify(meaning: str) -> Path:
    """Return the default configuration with `policy.meaning` set, for the command line."""
    return _written(f"classify-{meaning}", files("douane.data").joinpath("default.toml").read_text("utf-8"), meaning)


def for_gateway(meaning: str) -> Path:
    """Return the bench's configuration with `policy.meaning` set."""
    return _written(f"gateway-{meaning}", CONFIG.read_text(encoding="utf-8"), meaning)


def _written(name: str, text: str, meaning: str) -> Path:
    line = f'[policy]\nmeaning = "{meaning}"\n'
    text = re.sub(r"^meaning = .*\n", "", text, flags=re.M)
    text = re.sub(r"^\[policy\]\n", line, text, flags=re.M) if "[policy]" in text else f"{text}\n{line}"
    path = OUT / f"detection-{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

"""Writes a commented `douane.toml` from one of the shipped profiles. What is there is never overwritten unasked."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from douane.errors import ConfigurationError

PROFILES: tuple[tuple[str, str], ...] = (
    ("local", "one small model on this machine, for demonstration; no account needed"),
    ("hybrid", "a model of your own for what is sensitive, Together AI for the rest"),
    ("managed", "Together AI and Fireworks AI; nothing on the premises"),
)
"""The profiles and what each is for, the default first."""


def profile_text(name: str) -> str:
    """Return a profile's text; ConfigurationError where there is none of that name."""
    known = [profile for profile, _ in PROFILES]
    if name not in known:
        raise ConfigurationError(
            "There is no profile of that name.", f"Use one of: {', '.join(known)}.", rule="A profile is a shipped one."
        )
    return files("douane").joinpath("data", "profiles", f"{name}.toml").read_text(encoding="utf-8")


def write_profile(name: str, output: Path, *, force: bool) -> None:
    """Write a profile to `output`, whole or not at all; ConfigurationError where it exists and `force` is not given."""
    text = profile_text(name)
    rule = "What is there is not overwritten unasked."
    try:
        if force:
            beside = output.with_name(f".{output.name}.{os.getpid()}")
            _write(beside, text)
            beside.replace(output)
        else:
            _write(output, text)
    except FileExistsError as error:
        fix = "Name another file with `--output`, or give `--force`."
        raise ConfigurationError(f"The file `{output}` exists.", fix, rule=rule) from error
    except OSError as error:
        fix = "Name a file in a folder that exists and that you may write to."
        raise ConfigurationError(f"The file `{output}` cannot be written.", fix, rule=rule) from error


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)

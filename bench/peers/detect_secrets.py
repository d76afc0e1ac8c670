"""Yelp's detect-secrets, a detector of secrets: no server."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import make_venv

NAME = "detect-secrets"
VERSION = "1.5.0"


def installed(home: Path) -> bool:
    """Tell whether it can be asked."""
    return (home / "venv/bin/detect-secrets").exists()


def install(home: Path) -> None:
    """Install it."""
    make_venv(home, f"detect-secrets=={VERSION}")

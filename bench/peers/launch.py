"""How a peer is started, and the few steps that installing one takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A command that serves on the port it was given, and what a client must say to it."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/chat/completions"
    key: str = "sk-bench"
    headers: tuple[str, ...] = ()
    start_s: float = 20.0


def run(argv: Sequence[str | Path], **environ: str) -> None:
    """Run one step of an installation, quietly unless it fails."""
    subprocess.run([str(word) for word in argv], check=True, env={**os.environ, **environ}, stdin=subprocess.DEVNULL)


def make_venv(home: Path, *requirements: str) -> None:
    """Make a virtual environment of a peer's own, so that its pins don't meet Douane's."""
    home.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "venv", home / "venv"])
    run([home / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", *requirements])


def on_path(program: str) -> str | None:
    """Return where the machine has a program; Debian keeps servers outside a user's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def write(path: Path, text: str) -> Path:
    """Write a configuration file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path

"""A bare ASGI gateway under uvicorn, in Douane's own interpreter: the reference for what the laws cost."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.peers.launch import Launch

NAME = "bare"
VERSION = "of this tree, bench/peers/bare_app.py"


def installed(home: Path) -> bool:
    """It needs nothing that Douane does not."""
    return True


def install(home: Path) -> None:
    """Nothing to do."""


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it: one worker, with all of uvicorn's extras off."""
    return Launch(
        (
            sys.executable,
            "-m",
            "uvicorn",
            "bench.peers.bare_app:app",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--no-proxy-headers",
            "--no-server-header",
            "--no-date-header",
            "--log-level",
            "warning",
            "--backlog",
            "4096",
            "--lifespan",
            "off",
        ),
        {"BARE_UPSTREAM_PORT": str(upstream)},
    )

"""Portkey's gateway (Node). It holds no keys: the caller names the upstream. Streams need an older server adapter."""

from __future__ import annotations

import json
from pathlib import Path

from bench.peers.launch import Launch, on_path, run, write

NAME = "portkey"
VERSION = "1.15.2"
SERVER = "node_modules/@portkey-ai/gateway/build/start-server.js"


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return (home / SERVER).exists()


def install(home: Path) -> None:
    """Install it from npm, with the adapter in which its streams work."""
    package = {
        "private": True,
        "dependencies": {"@portkey-ai/gateway": VERSION},
        "overrides": {"@hono/node-server": "1.14.1"},
    }
    write(home / "package.json", json.dumps(package))
    run(["npm", "install", "--prefix", home, "--no-audit", "--no-fund", "--loglevel=error"])


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it; each request names the mock in its headers."""
    return Launch(
        (on_path("node") or "node", str(home / SERVER), f"--port={port}", "--headless"),
        {"NODE_ENV": "production"},
        headers=("x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1"),
        start_s=40.0,
    )

"""ferrogw (Go): a gateway in one binary, with a master key; its rate limit of 20/s is lifted."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import Launch, make_venv, write

NAME = "ferrogw"
VERSION = "1.5.10"


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return (home / "venv/bin/ferrogw").exists()


def install(home: Path) -> None:
    """Install its wheel."""
    make_venv(home, f"ferrogw=={VERSION}")


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it with the mock as its Ollama: the provider that takes any list of models."""
    config = write(home / "config.yaml", "strategy:\n  mode: single\ntargets:\n  - virtual_key: ollama\n")
    return Launch(
        (str(home / "venv/bin/ferrogw"), "serve"),
        {
            "OLLAMA_HOST": f"http://127.0.0.1:{upstream}",
            "OLLAMA_MODELS": "mock,mock-p20,mock-p20-c10,mock-p100,mock-d20-c10",
            "MASTER_KEY": "sk-bench",
            "GATEWAY_CONFIG": str(config),
            "RATE_LIMIT_RPS": "0",
            "PORT": str(port),
            "LOG_LEVEL": "error",
        },
        start_s=30.0,
    )

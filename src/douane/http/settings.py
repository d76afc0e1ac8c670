"""The edge's bounds and deadlines: everything about a connection that an outsider could otherwise make larger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Bounds of one listener. `douane.config` reads them from `[server]`; the defaults are safe as they stand.

    `hosts` are the Host names that are answered; a name's port is ignored.
    `head_s` runs from the first byte of a request (or the connection's start) to the end of its headers.
    `body_s` runs from there to the end of its body, one second longer for each `body_min_bytes_per_s` received.
    `write_stall_s` is how long a client may leave what we sent unread.
    `linger_s` is how long input is still read and dropped after a last answer, so that the client can read it.
    `drain_s` is how long running requests may take to end once the server was told to stop.
    `max_waiting_bytes` bounds the bodies of all running requests together.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    head_s: float = 10.0
    body_s: float = 30.0
    body_min_bytes_per_s: int = 64 * 1024
    idle_s: float = 60.0
    write_stall_s: float = 60.0
    linger_s: float = 2.0
    drain_s: float = 30.0
    sweep_s: float = 0.25
    backlog: int = 2048
    max_connections: int = 4096
    max_target_bytes: int = 4096
    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    max_body_bytes: int = 8 * 1024 * 1024
    max_waiting_bytes: int = 256 * 1024 * 1024
    max_dropped_bytes: int = 32 * 1024 * 1024

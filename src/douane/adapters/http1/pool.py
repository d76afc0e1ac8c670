"""Idle connections, kept apart by where they go and on whose behalf.

Rules enforced:
1. A connection serves only the endpoint, zone and TLS settings that it was made for.
2. A zone may change in a reload: before a connection is used, the zone as it is now must still admit its peer.
3. The youngest goes first; what is idle for too long, or above the limit, is closed.
"""

from __future__ import annotations

from douane.adapters.http1.connection import Connection
from douane.core.traffic.clearance import Cleared
from douane.core.zone import Zone

Place = tuple[str, str, int, str, str | None]


def place(cleared: Cleared) -> Place:
    """Return what permits must have in common to share a connection."""
    deployment = cleared.deployment
    endpoint = deployment.endpoint
    return (endpoint.scheme, endpoint.host, endpoint.port, cleared.zone.name, deployment.ca_file)


def is_within(connection: Connection, zone: Zone) -> bool:
    """Tell whether `zone`, as it is now, admits the connection's peer."""
    if connection.zone is zone:
        return True
    if connection.address is None or not zone.admits(connection.address):
        return False
    connection.zone = zone
    return True


class Pool:
    """The idle connections to one place, youngest last."""

    __slots__ = ("_idle", "_max_idle", "closed")

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._idle: list[Connection] = []
        self.closed = False

    @property
    def idle(self) -> tuple[Connection, ...]:
        return tuple(self._idle)

    def take(self, zone: Zone) -> Connection | None:
        """Return an idle connection whose peer `zone` admits, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and is_within(connection, zone):
                return connection
            connection.close()
        return None

    def give_back(self, connection: Connection) -> bool:
        """Keep an idle connection; tell whether there was room."""
        if self.closed or len(self._idle) >= self._max_idle:
            return False
        self._idle.append(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is lost."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        self.closed = True
        for connection in self._idle:
            connection.close()

"""The current configuration, swapped whole by a reload."""

from __future__ import annotations

from douane.core.traffic.snapshot import Snapshot


class CurrentSnapshot:
    """The `Snapshots` port: one reference. Whoever holds an older one keeps it; every permit checks the version."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def current(self) -> Snapshot:
        return self._snapshot

    def swap(self, snapshot: Snapshot) -> Snapshot:
        """Put a new snapshot in force; return the one before."""
        before, self._snapshot = self._snapshot, snapshot
        return before

"""Keys and configuration held in a test's hand."""

from __future__ import annotations

from douane.core.digest import digest
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.snapshot import Key, Snapshot


class StaticKeys:
    """The `Keys` port: those given, by the SHA-256 of their secret. Assign `revoked` to withdraw."""

    def __init__(self, *keys: Key) -> None:
        self._by_digest = {key.digest: key for key in keys}
        self.revoked = Revocations()

    def find(self, digest: str) -> Key | None:
        return self._by_digest.get(digest)

    def revocations(self) -> Revocations:
        return self.revoked


class StaticSnapshots:
    """The `Snapshots` port: assign `snapshot` to reload."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def current(self) -> Snapshot:
        return self.snapshot


def digest_of(secret: str) -> str:
    """Return the digest under which a key of this secret is found."""
    return digest(secret.encode())

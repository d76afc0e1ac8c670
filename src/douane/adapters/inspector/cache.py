"""What was found in a message is remembered: a chat resends all of its turns, and one of them is new.

Rules enforced:
1. A hit is of the same owner, the same versions of whatever looked, and the same bytes with all that they follow: the
   key is a digest of these, keyed for this process, so that neither keys nor the time of a hit tell an owner anything
   of another's (law 11).
2. Only what was read to its end is kept; a failure never is (law 2).
3. Entries and what they weigh are bounded; what was asked for longest ago goes first. Nothing outlives the process.

An entry names the layers that made it, by its value: a hit of one layer says nothing of another's.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import Final, Generic, TypeVar

import orjson

from douane.detect.units import Unit

MOST_ENTRIES: Final = 20_000
MOST_BYTES: Final = 8 * 1024 * 1024
_ENTRY_BYTES: Final = 400
"""What an entry takes beside what its value weighs: key, links, an inspection without findings. Measured."""
_KEY_BYTES: Final = 32

Value = TypeVar("Value")


class UnitCache(Generic[Value]):
    """Values by owner, versions and unit. `seal` is the process's key, for whoever seals values of units."""

    def __init__(self, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self.seal = secrets.token_bytes(_KEY_BYTES)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight_bytes(self) -> int:
        """Return what the entries weigh."""
        return self._bytes

    def key(self, owner: str, versions: str, unit: Unit) -> bytes:
        """Return a unit's key. Raises TypeError for what is no JSON: it can't be kept."""
        digest = blake2b(
            orjson.dumps((owner, versions, unit.word, unit.lists, unit.carried, unit.around)),
            digest_size=16,
            key=self.seal,
        )
        digest.update(orjson.dumps(unit.value))
        return digest.digest()

    def get(self, key: bytes) -> Value | None:
        """Return what is kept under a key."""
        known = self._kept.get(key)
        if known is None:
            return None
        self._kept.move_to_end(key)
        return known[0]

    def put(self, key: bytes, value: Value, weight_bytes: int) -> None:
        """Keep a value that weighs so much."""
        former = self._kept.pop(key, None)
        if former is not None:
            self._bytes -= former[1]
        weight = weight_bytes + _ENTRY_BYTES
        self._kept[key] = value, weight
        self._bytes += weight
        while len(self._kept) > self._most_entries or self._bytes > self._most_bytes:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0

"""The weights file that an engine serves: opened once, hashed through that descriptor, watched while it is served.

Rules enforced:
1. A file is served only where its size and SHA-256 are those expected (law 5); both are checked before every start.
2. What is served is what was hashed: the engine gets the very descriptor that was read, not the path.
3. A file touched afterwards (size, modification or change time) is hashed again, and no longer served if it differs.

Which digest to expect is decided by whoever makes the `Weights`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from dataclasses import dataclass

from douane.errors import EngineFailed

_SLICE_BYTES = 1 << 20
_FIX = "Install it again: `make setup`, or name a file whose SHA-256 is the expected one."


@dataclass(frozen=True, slots=True)
class Weights:
    """A file, and what it must be: `sha256` in lower-case hexadecimal digits."""

    path: str
    sha256: str
    size_bytes: int


class HeldWeights:
    """An open weights file. `fd` is what the engine inherits; whoever holds this closes it."""

    def __init__(self, weights: Weights) -> None:
        """Open the file; raises EngineFailed where it is missing, not a regular file, or not of the expected size."""
        self._weights = weights
        try:
            self.fd = os.open(weights.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _refusal(weights, f"cannot be opened ({error.strerror})") from error
        found = os.fstat(self.fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size != weights.size_bytes:
            self.close()
            raise _refusal(weights, f"holds {found.st_size} bytes instead of {weights.size_bytes}")
        self._identity = _identity(found)

    async def check(self) -> None:
        """Hash the file in a thread; raises EngineFailed where it is not the expected one, or changes meanwhile."""
        before = _identity(os.fstat(self.fd))
        hashing = asyncio.ensure_future(asyncio.to_thread(_sha256, self.fd, self._weights.size_bytes))
        try:
            found = await asyncio.shield(hashing)
        except asyncio.CancelledError:
            await hashing  # the descriptor may not be closed, and its number given away, under the thread
            raise
        if found != self._weights.sha256:
            raise _refusal(self._weights, f"has SHA-256 {found} instead of {self._weights.sha256}")
        self._identity = before
        if self.changed:
            raise _refusal(self._weights, "changed while it was read")

    @property
    def changed(self) -> bool:
        """Tell whether the file was touched since it was last found to be the expected one."""
        return _identity(os.fstat(self.fd)) != self._identity

    def close(self) -> None:
        """Give the descriptor back. Harmless a second time."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _sha256(fd: int, size_bytes: int) -> str:
    """Hash what `fd` holds, without moving its offset; at most one slice more than expected is read."""
    hashed = hashlib.sha256()
    offset = 0
    while offset <= size_bytes:
        piece = os.pread(fd, _SLICE_BYTES, offset)
        if not piece:
            break
        hashed.update(piece)
        offset += len(piece)
    return hashed.hexdigest()


def _refusal(weights: Weights, fact: str) -> EngineFailed:
    return EngineFailed(
        f"The weights file `{os.path.basename(weights.path)}` {fact}.", _FIX, rule="Unverified weights are not served."
    )

"""The vault's keys: a key file wraps one data key an owner, which seals values and makes digests.

Rules enforced:
1. The key file is its owner's alone (0600), made once, never overwritten.
2. Whoever has not the owner's data key can read no value, compare none, and tell no conversation from another: erasing
   the wrapped data key erases all that it sealed, in backups of the database too.
3. A sealed value opens only at its own place: owner, conversation and nonce are authenticated with it.
"""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from douane.errors import StoreFailed

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_RULE: Final = "What masks a value keeps it sealed."


class OwnerKey:
    """One owner's data key."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt a value for a place."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt what was sealed for a place. Raises StoreFailed where it was not."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as cause:
            raise StoreFailed(
                "A value of the vault can't be opened: it was changed, or belongs elsewhere.",
                "Erase the owner's values with `douane vault erase --owner`, or restore the data folder.",
                rule=_RULE,
            ) from cause

    def digest(self, word: str, purpose: bytes) -> bytes:
        """Return what stands for a word without telling it; of use for one purpose alone."""
        said = word.encode("utf-8", "surrogatepass")
        return blake2b(said, digest_size=16, key=self._key, person=purpose).digest()

    def pseudonym_key(self, conversation: bytes) -> bytes:
        """Return the key of a conversation's nonces."""
        return blake2b(conversation, digest_size=32, key=self._key, person=b"pseudonyms").digest()


def make_owner_key() -> bytes:
    """Return a new data key."""
    return os.urandom(KEY_BYTES)


def load_master(path: Path) -> OwnerKey:
    """Return the key of the key file; make the file where there is none. Raises StoreFailed."""
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return OwnerKey(_read(path))
        with os.fdopen(handle, "wb") as file:
            key = os.urandom(KEY_BYTES)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    except OSError as cause:
        raise StoreFailed(
            f"The vault's key file `{path}` cannot be used: {cause.strerror}.",
            "Give the gateway's user the right to read and write in the data folder.",
            rule=_RULE,
        ) from cause
    return OwnerKey(key)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        key = file.read(KEY_BYTES + 1)
    if stat.S_IMODE(mode) & 0o077:
        raise StoreFailed(
            f"The vault's key file `{path}` can be read by others than its owner.",
            f"Run `chmod 600 {path}`; if somebody may have read it, erase the vault's values.",
            rule=_RULE,
        )
    if len(key) != KEY_BYTES:
        raise StoreFailed(
            f"The vault's key file `{path}` is not {KEY_BYTES} bytes long.",
            "Restore it; without it no value can be opened. Or delete `vault.key` and `vault.db` together.",
            rule=_RULE,
        )
    return key

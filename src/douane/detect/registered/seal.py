"""How registered names and documents are kept: as keyed hashes of 64 bits and a masked sieve, in a file of their own.

Rules enforced:
1. What is at rest says nothing without the key. With the key, whoever can guess a name can check the guess: a name is
   short and can be guessed, so the key is what protects the list, and is kept apart from it.
2. The sieve, by which nearly every word of a text is passed over at once, is made of a quick hash without a key: it is
   kept under a stream of the key's, and open in memory only.
3. A file is bounded, names its key by a digest, and is read with that key alone.

Which words are hashed is left to `names` and `prints`.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b, shake_256
from typing import Any, Final, Literal

import orjson

from douane.errors import ConfigurationError

Kind = Literal["dictionary", "fingerprint"]

LONGEST_FILE_BYTES: Final = 64 * 1024 * 1024
MOST_HASHES: Final = 2_000_000
KEY_BYTES: Final = 32
HASH_BYTES: Final = 8
_FORMAT: Final = 1
_SLOTS_PER_HASH: Final = 12
_SMALLEST_SIEVE: Final = 10
_LARGEST_SIEVE: Final = 23
"""Powers of two: of slots."""


class Seal:
    """Keyed hashes with one key, given as 64 hexadecimal digits; ConfigurationError for any other."""

    def __init__(self, key: str) -> None:
        try:
            raw = bytes.fromhex(key)
        except ValueError:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ConfigurationError(
                "The key of a dictionary or of fingerprints is not 64 hexadecimal digits.",
                "Give the key that was made when the file was: `douane dictionary add` tells where it lies.",
                rule="Names and documents are kept as keyed hashes.",
                param="key",
            )
        self._key = raw
        self._state = blake2b(key=raw, digest_size=HASH_BYTES, person=b"douane-hash")
        self.id = blake2b(key=raw, digest_size=8, person=b"douane-key").hexdigest()

    def of(self, data: bytes) -> int:
        """Return the keyed hash of some words."""
        state = self._state.copy()
        state.update(data)
        return int.from_bytes(state.digest(), "big")

    def masked(self, sieve: bytes, nonce: bytes) -> bytes:
        """Return a sieve under the key's stream for these hashes, or what was under it."""
        stream = shake_256(b"douane-sieve" + self._key + blake2b(nonce, digest_size=16).digest()).digest(len(sieve))
        return (int.from_bytes(sieve, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(sieve), "big")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Names or documents as they are kept.

    `hashes` are sorted, 8 bytes each; `anchors` (of a dictionary) the hashes of the words by which its names are found,
    each with one byte that tells how the name lies around it; `sieve` one bit a slot, masked. `count` is how many
    names or documents were given.
    """

    kind: Kind
    key_id: str
    count: int
    hashes: bytes = field(repr=False)
    anchors: bytes = field(repr=False)
    sieve: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """Return a short digest of the content."""
        return blake2b(b"".join((self.hashes, self.anchors, self.sieve)), digest_size=8).hexdigest()


def sealed(
    kind: Kind, seal: Seal, count: int, hashes: Iterable[int], anchors: Iterable[tuple[int, int]], quick: Iterable[int],
    former: Sealed | None = None,
) -> Sealed:  # fmt: skip
    """Return hashes as they are kept, with those of `former`, which must be of the same key and kind.

    `quick` are the quick hashes of what each anchor, or each print, was made of.
    """
    kept = set(hashes)
    around = set(anchors)
    slots = set(quick)
    bits, width = 0, 0
    if former is not None:
        kept.update(numbers_of(former.hashes))
        around.update(anchors_of(former.anchors))
        bits, width = sieve_of(former, seal)
        count += former.count
    wanted = max(len(slots) * _SLOTS_PER_HASH, 1).bit_length()
    size = min(max(wanted, width, _SMALLEST_SIEVE), _LARGEST_SIEVE)
    table = bytearray(tiled(bits, width, size).to_bytes(1 << size - 3, "little"))
    for slot in slots:
        at = slot & (1 << size) - 1
        table[at >> 3] |= 1 << (at & 7)
    packed = b"".join(number.to_bytes(HASH_BYTES, "big") for number in sorted(kept))
    shaped = b"".join(number.to_bytes(HASH_BYTES, "big") + bytes([shape]) for number, shape in sorted(around))
    return Sealed(kind, seal.id, count, packed, shaped, seal.masked(bytes(table), packed))


def numbers_of(hashes: bytes) -> array[int]:
    """Return packed hashes as sorted numbers."""
    numbers = array("Q", hashes)
    numbers.byteswap()
    return numbers


def anchors_of(packed: bytes) -> list[tuple[int, int]]:
    """Return the anchors: the hash of a word, and how a name lies around it."""
    step = HASH_BYTES + 1
    return [
        (int.from_bytes(packed[at : at + HASH_BYTES], "big"), packed[at + HASH_BYTES])
        for at in range(0, len(packed), step)
    ]


def sieve_of(given: Sealed, seal: Seal) -> tuple[int, int]:
    """Return the sieve's bits as a number, the first slot lowest, and the power of two of its slots."""
    bits = int.from_bytes(seal.masked(given.sieve, given.hashes), "little")
    return bits, (len(given.sieve) * 8).bit_length() - 1


def tiled(bits: int, width: int, size: int) -> int:
    """Return a sieve of 2**width slots as one of 2**size that lets the same hashes through."""
    if not width:
        return 0
    while width < size:
        bits |= bits << (1 << width)
        width += 1
    return bits


# --- the file ------------------------------------------------------------------------------------------------------


def written(given: Sealed) -> bytes:
    """Return the content of the file."""
    fields = {
        "douane": given.kind,
        "format": _FORMAT,
        "key": given.key_id,
        "count": given.count,
        "hashes": b64encode(given.hashes).decode(),
        "anchors": b64encode(given.anchors).decode(),
        "sieve": b64encode(given.sieve).decode(),
    }
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(data: bytes, kind: Kind, seal: Seal) -> Sealed:
    """Return what a file holds. Raises ConfigurationError for one that is not of the kind, of the key, or whole."""
    try:
        fields = orjson.loads(data)
        if fields["douane"] != kind:
            raise _unfit(kind, f"holds no {kind}", f"Name a file that `douane {kind} add` has written.")
        if fields["format"] != _FORMAT:
            raise _unfit(kind, "was written by another version of Douane", f"Write it anew: `douane {kind} add`.")
        if fields["key"] != seal.id:
            raise _unfit(kind, "was hashed with another key", "Name the key that it was written with.")
        return _whole(kind, fields)
    except (ValueError, KeyError, TypeError) as error:
        raise _unfit(kind, "is damaged, or no such file", f"Write it anew: `douane {kind} add`.") from error


def _whole(kind: Kind, fields: Mapping[str, Any]) -> Sealed:
    count = fields["count"]
    hashes, anchors, sieve = (b64decode(fields[name], validate=True) for name in ("hashes", "anchors", "sieve"))
    numbers = numbers_of(hashes)  # ValueError where bytes are left over
    size = (len(sieve) * 8).bit_length() - 1
    if (
        type(count) is not int
        or len(numbers) > MOST_HASHES
        or len(anchors) % (HASH_BYTES + 1)
        or len(anchors) // (HASH_BYTES + 1) > MOST_HASHES
        or not _SMALLEST_SIEVE <= size <= _LARGEST_SIEVE
        or len(sieve) != 1 << size - 3
        or any(not 0 < shape & 15 <= 8 or shape >> 4 >= shape & 15 for shape in anchors[HASH_BYTES :: HASH_BYTES + 1])
        or list(numbers) != sorted(numbers)
    ):
        raise ValueError("not whole")
    return Sealed(kind, fields["key"], count, hashes, anchors, sieve)


def _unfit(kind: str, fact: str, fix: str) -> ConfigurationError:
    return ConfigurationError(
        f"The file {fact}.", fix, rule=f"A {kind} is a file of keyed hashes and the key they were made with."
    )

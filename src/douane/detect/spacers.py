"""Pictures of a few pixels, as pages count visits and keep space with: too small to show a word.

Rules enforced:
1. A picture is one only where all of its bytes are accounted for: one frame, no comment, nothing behind its end.
2. What cannot be taken apart so is no spacer; it stays a picture that nobody read (law 2).
"""

from __future__ import annotations

import binascii
from struct import unpack_from
from typing import Final

MOST_BYTES: Final = 512
MOST_SIGNS: Final = (MOST_BYTES + 2) // 3 * 4
_LONGEST_SIDE: Final = 8
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS: Final = {
    b"IHDR": 13,
    b"PLTE": 768,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"sBIT": 4,
    b"bKGD": 6,
    b"pHYs": 9,
    b"tIME": 7,
    b"IDAT": MOST_BYTES,
    b"IEND": 0,
}
"""Chunks that hold no words, and how long each is at most."""
_GIF_CONTROL: Final = b"\x21\xf9\x04"


def is_spacer(encoded: bytes) -> bool:
    """Tell whether base64 is a GIF or a PNG of at most eight pixels a side and 512 bytes, and nothing besides.

    >>> is_spacer(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    True
    """
    signs = encoded.replace(b"%3D", b"=").replace(b"%3d", b"=").rstrip(b"=").translate(_URL_SAFE)
    if len(signs) > MOST_SIGNS:
        return False
    try:
        image = binascii.a2b_base64(signs + b"=" * (-len(signs) % 4), strict_mode=True)
    except binascii.Error:
        return False
    if len(image) > MOST_BYTES:
        return False
    return _is_small_png(image) if image.startswith(_PNG) else _is_small_gif(image)


def _is_small_png(image: bytes) -> bool:
    at = len(_PNG)
    if image[at + 4 : at + 8] != b"IHDR" or len(image) < at + 16 or not _is_small(*unpack_from(">II", image, at + 8)):
        return False
    size: int
    kind: bytes
    while at + 12 <= len(image):
        size, kind = unpack_from(">I4s", image, at)
        if size > _PNG_CHUNKS.get(kind, -1):
            return False
        at += 12 + size
        if kind == b"IEND":
            return at == len(image)
    return False


def _is_small_gif(image: bytes) -> bool:
    if image[:6] not in (b"GIF87a", b"GIF89a") or len(image) < 13 or not _is_small(*unpack_from("<HH", image, 6)):
        return False
    at = 13 + _colours(image[10])
    if image[at : at + 3] == _GIF_CONTROL:
        at += 8
    if image[at : at + 1] != b"," or len(image) < at + 10 or not _is_small(*unpack_from("<HH", image, at + 5)):
        return False
    at += 11 + _colours(image[at + 9])
    while at < len(image) and image[at]:
        at += 1 + image[at]
    return image[at:] in (b"\x00;", b"\x00")


def _colours(packed: int) -> int:
    """Return how many bytes the table of colours takes that a GIF's packed field announces."""
    return 3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0


def _is_small(width: int, height: int) -> bool:
    return 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE

"""A text as words in one normal form, and the way back from words to places.

Rules enforced:
1. A word is a run of letters and digits of any script. Case, accents, ligatures and width do not count, nor do soft
   hyphens, marks without width and whatever stands between words. `ß`, `œ` and `æ` are two letters each.
2. Words are plain ASCII: a letter that no Latin one stands for is spelt by its number.
3. Between leaves stands `BARRIER`, which is no word of any text.
4. `tokens` and `places` count the same words: a property test holds them together.

Inflections are left alone, so `project` and `projects` are two words. Scripts without spaces have one word a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

BARRIER: Final = b"\0"

_NOT_CP1252 = re.compile("[^\x00-\x7f\xa0-\xff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]+")
_WIDTHLESS = "\xad\u0300-\u036f\u200b-\u200f\u2060-\u2064\ufeff"
_IS_WIDTHLESS = re.compile(f"[{_WIDTHLESS}]")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_WIDTHLESS}])*|\0")
_ASCII_WORD = re.compile(rb"[A-Za-z0-9]+|\0")
_TWO_LETTERS: Final = tuple((sign.encode("cp1252"), two) for sign, two in (
    ("ß", b"ss"), ("œ", b"oe"), ("Œ", b"oe"), ("æ", b"ae"), ("Æ", b"ae"),
))  # fmt: skip
_LIKE: Final = {"ø": "o", "ð": "d", "þ": "t", "ƒ": "f", "µ": "u"}


def tokens(data: bytes) -> list[bytes]:
    """Return the words of joined leaves.

    >>> tokens("L’Élan d’été, n°2".encode())
    [b'l', b'elan', b'd', b'ete', b'n', b'2']
    """
    if not data.isascii():
        data = _in_cp1252(data.decode("utf-8", "surrogatepass"))
    if b"\0" in data:
        data = data.replace(b"\0", b" \0 ")
    return data.translate(_LETTERS, b"\xad").split()


def places(data: bytes, wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the bytes that runs of words span, each given by the numbers of its first and its last word."""
    runs = list(wanted)
    numbers = sorted({number for run in runs for number in run})
    spans = _ascii_spans(data, numbers) if data.isascii() else _spans(data, numbers)
    return [(spans[first][0], spans[last][1]) for first, last in runs]


def _in_cp1252(text: str) -> bytes:
    """Return a text with every letter that a code page lacks in plain ones, and the others as that code page's."""
    try:
        data = text.encode("cp1252")
    except UnicodeEncodeError:
        data = _NOT_CP1252.sub(_plain_run, text).encode("cp1252")
    for sign, two in _TWO_LETTERS:
        if sign in data:
            data = data.replace(sign, two)
    return data


def _plain_run(found: re.Match[str]) -> str:
    return "".join(map(_plain, found[0]))


@lru_cache(maxsize=1024)
def _plain(char: str) -> str:
    """Return the plain letters and digits that a character stands for, "" for one without width, else a blank."""
    if not char.isalnum():
        return "" if _IS_WIDTHLESS.match(char) else " "
    kept = []
    for part in normalize("NFKD", char.casefold()):
        if part.isascii() and part.isalnum():
            kept.append(part)
        elif part.isalnum() and category(part)[0] != "M":
            kept.append(f"z{ord(part):x}")
    return "".join(kept) or f"z{ord(char):x}"


def _letter(number: int) -> int:
    """Return what a byte of the code page is in a word: a small letter, a digit, or a blank for none."""
    char = bytes([number]).decode("cp1252", "replace")
    if not char.isalnum():
        return number if number == 0 else ord(" ")
    return ord(_LIKE.get(char.lower(), _plain(char))[0])


_LETTERS: Final = bytes(map(_letter, range(256)))


def _ascii_spans(data: bytes, numbers: list[int]) -> dict[int, tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    asked = iter(numbers)
    next_number = next(asked, -1)
    for number, found in enumerate(_ASCII_WORD.finditer(data)):
        if number == next_number:
            spans[number] = found.span()
            next_number = next(asked, -1)
            if next_number < 0:
                break
    return spans


def _spans(data: bytes, numbers: list[int]) -> dict[int, tuple[int, int]]:
    text = data.decode("utf-8", "surrogatepass")
    spans: dict[int, tuple[int, int]] = {}
    asked = iter(numbers)
    next_number = next(asked, -1)
    chars = offset = 0
    for number, found in enumerate(_WORD.finditer(text)):
        if number == next_number:
            start, end = found.span()
            first = offset + len(text[chars:start].encode("utf-8", "surrogatepass"))
            chars, offset = end, first + len(text[start:end].encode("utf-8", "surrogatepass"))
            spans[number] = first, offset
            next_number = next(asked, -1)
            if next_number < 0:
                break
    return spans

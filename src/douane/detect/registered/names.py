"""A tenant's dictionary: names of one to eight words, found wherever they stand as words of their own.

Rules enforced:
1. A name is looked for by its longest word, the anchor: a word that few texts have. Around each anchor of a text the
   words that could be a name are hashed with the key and looked up.
2. A name of several words is found when it is written as one, too.
3. Who knows the language is the one who writes the list: no inflection is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from douane.detect.registered.seal import Seal, Sealed, sealed
from douane.detect.registered.words import BARRIER, tokens

MOST_WORDS: Final = 8
FEWEST_CHARS: Final = 4
LONGEST_NAME_CHARS: Final = 256
_ANCHOR: Final = b"a"
_NAME: Final = b"n"


class Unfit(ValueError):
    """A line that can be no name of a dictionary; its text says why, and nothing of the line."""


def words_of(name: str) -> list[bytes]:
    """Return a name's words in their normal form. Raises Unfit.

    >>> words_of("Projet  Aurore-Bleue")
    [b'projet', b'aurore', b'bleue']
    """
    if len(name) > LONGEST_NAME_CHARS:
        raise Unfit(f"it is longer than {LONGEST_NAME_CHARS} characters")
    words = [word for word in tokens(name.encode("utf-8", "surrogatepass")) if word != BARRIER]
    if len(words) > MOST_WORDS:
        raise Unfit(f"it has more than {MOST_WORDS} words")
    if sum(map(len, words)) < FEWEST_CHARS:
        raise Unfit(f"it has fewer than {FEWEST_CHARS} letters and digits")
    return words


def dictionary(names: Iterable[Sequence[bytes]], seal: Seal, former: Sealed | None = None) -> Sealed:
    """Return names, given as their words, as they are kept; with those of `former`."""
    hashes: set[int] = set()
    anchors: set[tuple[int, int]] = set()
    quick: set[int] = set()
    count = 0
    for words in {tuple(name) for name in names}:
        count += 1
        for written in {words, (b"".join(words),)}:
            before = max(range(len(written)), key=lambda place: (len(written[place]), -place))
            anchors.add((anchor_hash(written[before], seal), before << 4 | len(written)))
            hashes.add(name_hash(written, seal))
            quick.add(crc32(written[before]))
    return sealed("dictionary", seal, count, hashes, anchors, quick, former)


def anchor_hash(word: bytes, seal: Seal) -> int:
    """Return the keyed hash of the word that a name is looked for by."""
    return seal.of(_ANCHOR + word)


def name_hash(words: Sequence[bytes], seal: Seal) -> int:
    """Return the keyed hash of a whole name."""
    return seal.of(_NAME + b" ".join(words))


class Run(NamedTuple):
    """Words of a text, by the numbers of the first and the last, that are a registered name or document."""

    first: int
    last: int
    name: str

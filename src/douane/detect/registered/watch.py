"""Looks in a text for what is registered, by whose request it is.

Rules enforced:
1. What is registered for some owners is looked for in their requests alone (law 11), and nobody else pays for it.
2. Where nothing is registered for anybody, nothing is done at all.
3. Names and prints of one key and one set of owners are one book, so many files cost as much as one.

Which words make a name, and which runs of words a document, is decided in `names` and `prints`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

from douane.detect.detector import Candidate
from douane.detect.registered.names import Run, anchor_hash, name_hash
from douane.detect.registered.prints import (
    FEWEST,
    GRAM,
    SHORTEST,
    WIDEST_GAP,
    print_hash,
    quick_hashes,
    run_at,
)
from douane.detect.registered.seal import Kind, Seal, Sealed, anchors_of, numbers_of, read, sieve_of, tiled, written
from douane.detect.registered.words import places, tokens

DICTIONARY: Final = "dictionary"
FINGERPRINT: Final = "fingerprint"
VERSION: Final = "1"
_CONFIDENCE: Final = 0.95
_LEAST_TRIES: Final = 20_000
_WORDS_PER_TRY: Final = 4
_BLOCK: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Registered:
    """A dictionary, or the fingerprints of documents, under the name that findings tell; no owners are all of them."""

    name: str
    owners: tuple[str, ...]
    key: str = field(repr=False)
    content: Sealed

    @property
    def fact(self) -> str:
        """Return what a detectors' version tells of it."""
        return f"{self.content.kind}/{VERSION}:{self.name}:{self.content.digest}:{','.join(self.owners)}"

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON for another process."""
        file = written(self.content).decode()
        return {"name": self.name, "owners": self.owners, "key": self.key, "kind": self.content.kind, "file": file}


def registered_of(fields: Mapping[str, Any]) -> Registered:
    """Return what `as_fields` gave."""
    content = read(fields["file"].encode(), fields["kind"], Seal(fields["key"]))
    return Registered(fields["name"], tuple(fields["owners"]), fields["key"], content)


class Watch:
    """Everything that is registered, as books."""

    def __init__(self, registered: Sequence[Registered]) -> None:
        books: dict[tuple[tuple[str, ...], str], list[Registered]] = {}
        for one in registered:
            books.setdefault((tuple(sorted(set(one.owners))), one.key), []).append(one)
        made = [(frozenset(owners), _Book(Seal(key), group)) for (owners, key), group in books.items()]
        self._everybody = tuple(book for owners, book in made if not owners)
        self._of: dict[str, tuple[_Book, ...]] = {
            owner: self._everybody + tuple(book for owners, book in made if owner in owners)
            for owner in sorted({owner for owners, _ in made for owner in owners})
        }
        self.facts = tuple(sorted(one.fact for one in registered))

    def books(self, owner: str) -> Books:
        """Return what counts for an owner's requests; "" is nobody, for whom counts what counts for all."""
        return self._of.get(owner, self._everybody)


Books: TypeAlias = "tuple[_Book, ...]"
"""What counts for one owner's requests."""


def find(books: Books, data: bytes) -> tuple[list[Candidate], bool]:
    """Return the registered names and passages in joined leaves, and whether they were not read to their end."""
    words = tokens(data)
    tries = _Tries(max(_LEAST_TRIES, len(words) // _WORDS_PER_TRY))
    runs: list[tuple[str, str, Run]] = []
    for book in books:
        runs += [("DICTIONARY", DICTIONARY, run) for run in book.names_in(words, tries)]
        runs += [("FINGERPRINT", FINGERPRINT, run) for run in book.passages_in(words, tries)]
    if not runs:
        return [], tries.used_up
    spans = places(data, [(run.first, run.last) for _, _, run in runs])
    return [
        Candidate(kind, start, end, _CONFIDENCE, run.name, detector=detector)
        for (kind, detector, run), (start, end) in zip(runs, spans, strict=True)
    ], tries.used_up


class _Tries:
    """How many keyed hashes a text may still cost."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    @property
    def used_up(self) -> bool:
        return self.left < 0

    def one_more(self) -> bool:
        """Take one; tell whether there was one."""
        self.left -= 1
        return self.left >= 0


class _Table(NamedTuple):
    """A sieve with a byte a slot, and sorted hashes with the number of the name each belongs to."""

    slots: bytes
    mask: int
    hashes: array[int]
    names: array[int]

    def owners_of(self, wanted: int) -> Iterator[int]:
        """Yield the numbers of the names that a hash belongs to."""
        at = bisect_left(self.hashes, wanted)
        while at < len(self.hashes) and self.hashes[at] == wanted:
            yield self.names[at]
            at += 1


class _Book:
    """Names and prints of one key, looked up together."""

    __slots__ = ("_anchors", "_labels", "_names", "_prints", "_seal", "_shapes")

    def __init__(self, seal: Seal, group: Sequence[Registered]) -> None:
        self._seal = seal
        self._labels = [one.name for one in group]
        self._names = self._table(group, "dictionary")
        self._prints = self._table(group, "fingerprint")
        anchors = sorted({anchor for one in group for anchor in anchors_of(one.content.anchors)})
        self._anchors = array("Q", [word for word, _ in anchors])
        self._shapes = bytes([shape for _, shape in anchors])

    def _table(self, group: Sequence[Registered], kind: Kind) -> _Table | None:
        chosen = [(number, one.content) for number, one in enumerate(group) if one.content.kind == kind]
        if not chosen:
            return None
        sieves = [sieve_of(content, self._seal) for _, content in chosen]
        size = max(width for _, width in sieves)
        bits = 0
        for sieve, width in sieves:
            bits |= tiled(sieve, width, size)
        if len(chosen) == 1:
            hashes = numbers_of(chosen[0][1].hashes)
            names = array("H", [chosen[0][0]]) * len(hashes)
        else:
            pairs = sorted((one, number) for number, content in chosen for one in numbers_of(content.hashes))
            hashes = array("Q", [one for one, _ in pairs])
            names = array("H", [number for _, number in pairs])
        return _Table(_slots(bits, size), (1 << size) - 1, hashes, names)

    # --- names -----------------------------------------------------------------------------------------------------

    def names_in(self, words: Sequence[bytes], tries: _Tries) -> list[Run]:
        """Return the registered names among the words; of one dictionary's that overlap, the first and longest."""
        table = self._names
        if table is None:
            return []
        slots, mask = table.slots, table.mask
        suspects = [word for word in set(words) if slots[crc32(word) & mask]]
        around = {word: shapes for word in suspects if tries.one_more() and (shapes := self._shapes_of(word))}
        if not around:
            return []
        return _apart(self._names_around(words, around, table, tries))

    def _shapes_of(self, word: bytes) -> bytes:
        """Return how names lie around a word: four bits each for the words before it, and for all."""
        wanted = anchor_hash(word, self._seal)
        low = bisect_left(self._anchors, wanted)
        high = low
        while high < len(self._anchors) and self._anchors[high] == wanted:
            high += 1
        return self._shapes[low:high]

    def _names_around(
        self, words: Sequence[bytes], around: dict[bytes, bytes], table: _Table, tries: _Tries
    ) -> Iterator[Run]:
        known: dict[bytes, tuple[int, ...]] = {}
        for place, word in enumerate(words):
            if word not in around:
                continue
            for shape in around[word]:
                first = place - (shape >> 4)
                last = first + (shape & 15) - 1
                if first < 0 or last >= len(words):
                    continue
                name = words[first : last + 1]
                whole = b" ".join(name)
                if whole not in known:
                    if not tries.one_more():
                        return
                    known[whole] = tuple(table.owners_of(name_hash(name, self._seal)))
                for number in known[whole]:
                    yield Run(first, last, self._labels[number])

    # --- passages --------------------------------------------------------------------------------------------------

    def passages_in(self, words: Sequence[bytes], tries: _Tries) -> list[Run]:
        """Return the passages of registered documents among the words."""
        table = self._prints
        if table is None or len(words) < SHORTEST:
            return []
        seen: dict[int, list[tuple[int, bytes]]] = {}
        known: dict[bytes, tuple[int, ...]] = {}
        for place in _suspects(words, table):
            run = run_at(words, place)
            if run not in known:
                if not tries.one_more():
                    break
                known[run] = tuple(table.owners_of(print_hash(run, self._seal)))
            for number in known[run]:
                seen.setdefault(number, []).append((place, run))
        return [Run(first, last, self._labels[number]) for number in seen for first, last in _passages(seen[number])]


def _suspects(words: Sequence[bytes], table: _Table) -> Iterator[int]:
    """Yield the places at which the sieve lets a run of words through; a long text is read in blocks."""
    lets_through, masked = table.slots.__getitem__, table.mask.__and__
    for begin in range(0, len(words), _BLOCK):
        glances = quick_hashes(words[begin : begin + _BLOCK + GRAM - 1])
        yield from compress(range(begin, begin + len(glances)), map(lets_through, map(masked, glances)))


def _passages(prints: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last word of each passage that prints, given by place and words, lie close enough in."""
    begin = 0
    for number in range(1, len(prints) + 1):
        if number < len(prints) and prints[number][0] - prints[number - 1][0] <= WIDEST_GAP:
            continue
        first, last = prints[begin][0], prints[number - 1][0] + GRAM - 1
        if last - first + 1 >= SHORTEST and len({one for _, one in prints[begin:number]}) >= FEWEST:
            yield first, last
        begin = number


def _apart(runs: Iterable[Run]) -> list[Run]:
    """Return runs without those that an earlier or longer one of the same name overlaps."""
    kept: list[Run] = []
    ends: dict[str, int] = {}
    for run in sorted(runs, key=lambda run: (run.first, -run.last)):
        if run.first > ends.get(run.name, -1):
            ends[run.name] = run.last
            kept.append(run)
    return kept


def _slots(bits: int, size: int) -> bytes:
    """Return a sieve with a byte a slot instead of a bit."""
    return b"".join(map(_EIGHT.__getitem__, bits.to_bytes(1 << size - 3, "little")))


_EIGHT: Final = tuple(bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256))

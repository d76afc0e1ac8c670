"""Pseudonyms: what stands in a masked text instead of a value, and which value each of them stands for.

Rules enforced:
1. One value of one type has one pseudonym in a conversation, however it is spelt; its first spelling is what it stands
   for. `[[IBAN_1_9f3a2c1e4b]]` holds the type, the number by order of first appearance, and a nonce.
2. The nonce is keyed: nobody who has not seen it can write it. It alone says which pseudonym is meant, so a model may
   change the case or the type, and a text that somebody made up means nothing.
3. A credential's pseudonym stands for nothing that could be given back: no model needs a key.
4. There are at most `MOST_PSEUDONYMS` of them in a conversation.

What is replaced is decided in `detect.masking`, where values are put back, in `wire.unmasking`; keeping is the vault's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

IRREVERSIBLE: Final = frozenset({"SECRET"})
"""Types whose values are never put back."""

NEVER_MASKED: Final = frozenset({"BULK", "COMBINATION", "FINGERPRINT", "MARK", "MEANING", "UNREADABLE"})
"""Types that name no value: of a whole, or of what nobody read. They go when what makes them is masked, or stay."""

MOST_PSEUDONYMS: Final = 4096
NONCE_DIGITS: Final = 10
PLACEHOLDER: Final = re.compile(r"\[\[([A-Z][A-Z0-9_]{0,31})_([0-9]{1,6})_([0-9a-f]{10})\]\]")
_NUMBER_LIKE: Final = re.compile(r"[0-9]{3}")
_GAPS: Final = re.compile(r"[\s.\-\u2010-\u2015()/]+")
_ACCOUNT: Final = re.compile(r"[A-Z]{0,3}[0-9][A-Z0-9]*")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")


class Pseudonym(NamedTuple):
    """One of them. `value` None: it can't be put back."""

    type: str
    number: int
    nonce: str
    value: str | None

    def __str__(self) -> str:
        return f"[[{self.type}_{self.number}_{self.nonce}]]"


def normal_form(kind: str, value: str) -> str:
    """Return what the spellings of one value have in common; a value that may be told by its signs alone is left so.

    >>> normal_form("IBAN", "fr14 2004 1010") == normal_form("IBAN", "FR14-2004-1010")
    True
    >>> normal_form("EMAIL", "Jean@Example.org"), normal_form("PERSON", "Jean  Dupont")
    ('jean@example.org', 'Jean Dupont')
    """
    plain = unicodedata.normalize("NFKC", value)
    if kind == "EMAIL":
        return plain.lower() if _EMAIL.fullmatch(plain) else value
    if kind in ("PERSON", "ADDRESS", "DICTIONARY"):
        return " ".join(plain.split())
    bare = _GAPS.sub("", plain)
    if bare.isdigit() or (bare[1:].isdigit() and bare[0] == "+"):
        return bare
    one_case = bare if bare == bare.upper() else bare.upper() if bare == bare.lower() else ""
    return one_case if _ACCOUNT.fullmatch(one_case) else value


class Pseudonyms:
    """Those of one conversation. `fresh` are those that were issued since it was made, in their order."""

    __slots__ = ("_by_nonce", "_numbers", "fresh", "key")

    def __init__(self, key: bytes, known: Iterable[Pseudonym] = ()) -> None:
        self.key = key
        self._by_nonce: dict[str, Pseudonym] = {}
        self._numbers: dict[str, int] = {}
        self.fresh: list[Pseudonym] = []
        for each in known:
            self._by_nonce[each.nonce] = each
            self._numbers[each.type] = max(each.number, self._numbers.get(each.type, 0))

    def __len__(self) -> int:
        return len(self._by_nonce)

    def issue(self, kind: str, value: str) -> Pseudonym | None:
        """Return the pseudonym of a value, a new one where it has none; None where there are too many."""
        normal = normal_form(kind, value)
        for nonce in _nonces(self.key, kind, normal):
            known = self._by_nonce.get(nonce)
            if known is None:
                break
            if known.type == kind and (known.value is None or normal_form(kind, known.value) == normal):
                return known
        if len(self._by_nonce) >= MOST_PSEUDONYMS:
            return None
        number = self._numbers.get(kind, 0) + 1
        made = Pseudonym(kind, number, nonce, None if kind in IRREVERSIBLE else value)
        self._by_nonce[nonce] = made
        self._numbers[kind] = number
        self.fresh.append(made)
        return made

    def find(self, nonce: str, number: int) -> Pseudonym | None:
        """Return the pseudonym of a nonce that was issued here with that number, or None."""
        known = self._by_nonce.get(nonce)
        return known if known is not None and known.number == number else None

    def reversible(self, nonce: str) -> bool:
        """Tell whether a nonce is that of a pseudonym which could be put back."""
        known = self._by_nonce.get(nonce)
        return known is not None and known.value is not None


Find = Callable[[str, int], Pseudonym | None]
"""From a nonce and a number to the pseudonym that was issued with both."""


def _nonces(key: bytes, kind: str, normal: str) -> Iterable[str]:
    """Yield the nonces that a value may have, the first one first: none looks like a number to a detector."""
    said = f"{kind}\0{normal}".encode("utf-8", "surrogatepass")
    turn = 0
    while True:
        hashed = blake2b(said + turn.to_bytes(4, "big"), digest_size=32, key=key).hexdigest()
        for start in range(0, 60, NONCE_DIGITS):
            nonce = hashed[start : start + NONCE_DIGITS]
            if _NUMBER_LIKE.search(nonce) is None:
                yield nonce
        turn += 1

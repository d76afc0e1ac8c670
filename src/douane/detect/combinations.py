"""What identifies a person only together: a name beside a date of birth, a home, a private mailbox, an account.

Rules enforced:
1. A name within 300 bytes of a date of birth, of an account or card, of a private e-mail address, or of an address is a
   COMBINATION; so is a date of birth near an address, an e-mail address, a telephone or an account, whoever's it is.
2. An address near a business e-mail address or a company's number is a company's, unless a word such as `demeurant`
   introduces it: a signature (name, firm, its address, mail and telephone) is ordinary correspondence.
3. Both stand in one leaf, or in values of one record, each under a key of its own. Neighbouring messages are no record.

Each identifier is told once. Lists of people (BULK) are told by `whole`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

REACH: Final = 300
_KEY_THEN_VALUE: Final = b"\x01\x00"
_WITH_PERSON: Final[Mapping[tuple[str, str], str]] = {
    ("DOB", ""): "person-birth",
    ("ADDRESS", ""): "person-address",
    ("ADDRESS", "home"): "person-address",
    ("EMAIL", "private"): "person-mail",
    ("IBAN", ""): "person-account",
    ("CARD", ""): "person-account",
}
_WITH_BIRTH: Final[Mapping[str, str]] = {
    "ADDRESS": "birth-address",
    "EMAIL": "birth-contact",
    "PHONE": "birth-contact",
    "IBAN": "birth-account",
    "CARD": "birth-account",
}
_ANY_DETAIL: Final = frozenset(("IBAN", "CARD", "DOB"))
_COMPANY: Final = frozenset(("SIREN", "SIRET", "VAT"))


class Part(NamedTuple):
    """A finding by its place in the joined leaves."""

    start: int
    end: int
    type: str
    detail: str


class Combination(NamedTuple):
    """The number of the finding that completed one, and which."""

    number: int
    detail: str


def combinations(data: bytes, parts: Sequence[Part]) -> Iterator[Combination]:
    """Yield what findings make together. Those of each type are few (`whole.MOST_PER_TYPE`)."""
    persons = [part for part in parts if part.type == "PERSON"]
    births = [part for part in parts if part.type == "DOB"]
    if not persons and not births:
        return
    firms = sorted(part.start for part in parts if _is_of_a_firm(part))
    names, dates = _Near(data, persons), _Near(data, births)
    for number, part in enumerate(parts):
        if part.type == "ADDRESS" and not part.detail and _is_near(firms, part):
            continue
        kind = part.type, "" if part.type in _ANY_DETAIL else part.detail
        if kind in _WITH_PERSON and names.has(part):
            yield Combination(number, _WITH_PERSON[kind])
        elif part.type in _WITH_BIRTH and dates.has(part):
            yield Combination(number, _WITH_BIRTH[part.type])


class _Near:
    """Findings of one type, looked up by where others stand."""

    __slots__ = ("_data", "_parts", "_starts")

    def __init__(self, data: bytes, parts: Sequence[Part]) -> None:
        self._data = data
        self._parts = sorted(parts)
        self._starts = [part.start for part in self._parts]

    def has(self, part: Part) -> bool:
        """Tell whether one of them stands near a finding, and in its leaf or record."""
        if not self._parts:
            return False
        at = bisect_left(self._starts, part.start)
        around = self._parts[max(0, at - 1) : at + 1]
        return any(_is_together(self._data, *sorted((one, part))) for one in around)


def _is_together(data: bytes, first: Part, second: Part) -> bool:
    gap = data[first.end : second.start]
    if len(gap) > REACH:
        return False
    leaves = gap.split(b"\x00")
    if len(leaves) == 1:
        return True
    if not _is_keyed(data, first.start):
        return False
    last = len(leaves) - 1
    return all(
        leaves[number].endswith(b"\x01") or (number + 1 < last and leaves[number + 1].endswith(b"\x01"))
        for number in range(last)
    )


def _is_keyed(data: bytes, start: int) -> bool:
    """Tell whether the value that a finding stands in has a key that is a leaf."""
    return data[max(0, data.rfind(b"\x00", max(0, start - REACH), start) - 1) :].startswith(_KEY_THEN_VALUE)


def _is_of_a_firm(part: Part) -> bool:
    return part.type in _COMPANY or (part.type == "EMAIL" and not part.detail)


def _is_near(starts: Sequence[int], part: Part) -> bool:
    at = bisect_left(starts, part.start - REACH)
    return at < len(starts) and starts[at] <= part.end + REACH

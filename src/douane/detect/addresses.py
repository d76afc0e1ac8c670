"""Postal addresses: a street with its number, and the post code and town that follow it.

Four orders of words serve eight languages (`12 rue X`, `12 X Street`, `Calle X 12`, `Xstraße 12`). The name is in
capitals, or follows a particle; the town after a post code is, too. A post-office box counts with its town, a flat with
its street. After a word such as `demeurant`, whose home it is, less is asked for, and its detail says `home`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from douane.detect.capitals import AFTER, BEFORE, BLANKS, LETTER, LOWER, NAME, PARTICLE, UPPER, WHOLE_NAME
from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.identifiers import BY_WORD
from douane.detect.words import keyword_probe, letters

_HOME: Final = "home"
_RANK, _HOME_RANK = 2, 3
_AHEAD: Final = 220
_MOST_STARTS: Final = 4
_SHORT: Final = 3
"""A word so short is looked for only where a digit stands before it."""
_BEHIND_DIGITS: Final = [f"{digit} ".encode() for digit in range(10)]


def _any(*patterns: bytes) -> bytes:
    return b"(?:" + b"|".join(patterns) + b")"


_NUMBER: Final = rb"[0-9]{1,5}(?:[ \-/]?[0-9]{1,4})?(?: ?(?:bis|ter|quater|[A-Da-d]))?(?![0-9A-Za-z])"
_LINE: Final = rb"(?:[ ,;\-]|\\n|\r?\n|\xc2\xa0){1,4}"
"""What parts the lines of an address, written under or beside each other."""
_APOSTROPHE: Final = rb"(?:'|\xe2\x80\x99)"
_HONOUR: Final = rb"(?:(?:St|Ste|Dr|Gal|Mal|Pdt|Prof|\xc3\x89m|S|Sta|Sto)\.? )"
_JOINT: Final = rb"(?:et|and|y|e|en|sur|aux?|sous|les|l\xc3\xa8s) "
_BEFORE_NAME: Final = _any(PARTICLE, _HONOUR, _JOINT, rb"[0-9]{1,2} ")
_ONE: Final = _BEFORE_NAME + rb"*+" + WHOLE_NAME
_WORDS: Final = _ONE + rb"(?:(?:[ \-]|\xc2\xa0)" + _ONE + rb"){0,4}"
_SMALL_NAME: Final = (
    _any(rb"des? ", rb"du ", rb"de la ", b"(?:de )?[ld]" + _APOSTROPHE, rb"la ", rb"les? ")
    + rb"(?:[a-z]|\xc3[\x80-\xbf]){3,20}"
)
"""`de la gare`, `des lilas`."""
_FRENCH_NAME: Final = _any(rb"(?:[a-zA-Z\xc3\x80-\xbf]{1,14}[ \-]){0,2}?" + _WORDS, _SMALL_NAME)
_BOX_NUMBER: Final = _any(rb"B\.?P\.?", rb"CS", rb"Postfach", rb"P\.? ?O\.? Box", rb"Apdo\.?", rb"Casella Postale")
_BOX: Final = _BOX_NUMBER + rb" ?[0-9][0-9 ]{0,7}" + _LINE
_FLAT_WORDS: Final = (b"Flat", b"Apt", rb"Apt\.", b"Apartment", b"Studio", b"Unit", b"Suite")
_BOX_WORDS: Final = (b"BP", rb"B\.P\.", b"CS", b"Postfach", b"PO Box", rb"P\.O\. Box")
_FLAT: Final = _any(*_FLAT_WORDS) + rb" [0-9A-Za-z]{1,4}" + _LINE
_ROOM_WORDS: Final = (
    *_FLAT_WORDS, b"Floor", rb"B\xc3\xa2t", rb"B\xc3\xa2timent", b"Appt", b"Escalier", b"Esc",
    rb"[Ee\xc3\x89]{1,2}tage", b"Piso", b"Puerta", b"Interno", b"Scala", b"piano", b"lok", b"m",
)  # fmt: skip
_INSIDE: Final = _any(*_ROOM_WORDS) + rb"\.? ?[0-9A-Za-z]{1,4}" + _LINE
_TOWN_WORD: Final = UPPER + _any(LETTER, rb"['\-]") + rb"{1,60}"
_TOWN_JOINT: Final = _any(
    b"sur", b"en", b"les?", b"la", b"de", b"du", b"am", b"an der", b"in", b"di", b"del", b"upon", b"aux?", b"sous"
)
_CEDEX: Final = rb"(?:(?<=CEDEX) [0-9]{1,2}(?![0-9]))?"
_TOWN: Final = _TOWN_WORD + rb"(?: (?:" + _TOWN_JOINT + rb"[ \-])?" + _TOWN_WORD + rb"){0,3}" + _CEDEX
_GAP: Final = rb"(?: |" + _LINE + rb")"
_POST_CODE: Final = _any(
    rb"(?:[A-Z]{1,2}-)?[0-9]{4,5}(?:-[0-9]{3})?(?: [A-Z]{2}(?= ))?", rb"[0-9]{2}-[0-9]{3}", rb"[0-9]{2} [0-9]{3}"
)
_BRITISH_CODE: Final = rb"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"
_PLACE: Final = _any(
    _POST_CODE + _GAP + _TOWN,
    _TOWN + rb"(?:" + _LINE + UPPER + LOWER + rb"{2,20})?" + _GAP + _BRITISH_CODE,
    _TOWN + _LINE + rb"[A-Z]{2} [0-9]{5}(?:-[0-9]{4})?",
)
_TAIL: Final = rb"(?:" + _LINE + rb"(?:" + _INSIDE + rb")?(?:" + _BOX + rb")?" + _PLACE + AFTER + rb")"
_HOUSE: Final = BEFORE + rb"[0-9]"
_CAPITAL: Final = BEFORE + UPPER


class Form(NamedTuple):
    """One order of words: what finds it, where it may begin so many bytes before that, and all of it.

    Where `follow` is not empty, one of these bytes follows the probe's end.
    """

    probe: Probe
    start: re.Pattern[bytes]
    back: int
    whole: re.Pattern[bytes]
    follow: bytes = b""


class AddressDetector:
    """From each street word: the number before it or behind its name, and what follows."""

    name = "address"
    version = "1"

    def __init__(self, streets: Mapping[str, Sequence[str]], residence: Iterable[str]) -> None:
        french = _word(streets["number word name"])
        house = _NUMBER + rb",?" + BLANKS + french + rb"\.?" + BLANKS + _FRENCH_NAME + AFTER
        self._forms = (
            _form(_french_probe(streets["number word name"]), _HOUSE, 28, house + _TAIL + rb"?"),
            *(_english(streets[order]) for order in ("number name word", "number name Word")),
            _southern(streets["word name number"]),
            _compound(streets["compound number"]),
            _form(
                Probe(rb" [0-9]{1,3}[^0-9]", heads=_FLAT_WORDS),
                BEFORE + _any(*_FLAT_WORDS),
                16,
                _FLAT + rb"(?:" + _NUMBER + rb",?" + BLANKS + rb")?" + NAME + BLANKS + NAME + AFTER + _TAIL + rb"?",
            ),
            _form(
                Probe(rb" ?[0-9]{1,6}[^0-9]", heads=_BOX_WORDS), BEFORE + _any(*_BOX_WORDS), 20, _BOX + _PLACE + AFTER
            ),
        )
        before = rb"[^0-9\n\x00]{0,24}?(?:\x01\x00|\n)?"
        named = _NUMBER + rb",?" + BLANKS + NAME + rb"(?:" + BLANKS + NAME + rb"){1,3}" + AFTER
        flat = _FLAT + _any(house, named, NAME + BLANKS + NAME + AFTER)
        unnumbered = BEFORE + french + BLANKS + _FRENCH_NAME + AFTER
        self._at_home = re.compile(before + rb"(" + _any(flat, house, named) + _TAIL + rb"?)")
        self._home_unnumbered = re.compile(before + rb"(" + unnumbered + _TAIL + rb")")
        self.probes: tuple[Probe, ...] = (*(form.probe for form in self._forms), keyword_probe(residence))

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for form, hits in zip(self._forms, ends[:-1], strict=True):
            done = 0
            for hit in hits:
                if hit <= done or (form.follow and data[hit] not in form.follow):
                    continue
                found = _around(data, form, max(done, hit - form.back), hit)
                if found is not None:
                    done = found.end()
                    yield Candidate("ADDRESS", found.start(), done, BY_WORD, "", _RANK, found[0], "address")
        for hit in ends[-1]:
            limit = hit + _AHEAD
            found = self._at_home.match(data, hit - 1, limit) or self._home_unnumbered.match(data, hit - 1, limit)
            if found is not None:
                yield Candidate("ADDRESS", *found.span(1), BY_WORD, _HOME, _HOME_RANK, found[1], "address")


def _around(data: bytes, form: Form, low: int, hit: int) -> re.Match[bytes] | None:
    """Return the address that a hit lies in; of the places where it may begin, the last few are tried."""
    starts = [found.start() for found in form.start.finditer(data, low, hit)]
    for start in starts[-_MOST_STARTS:]:
        found = form.whole.match(data, start, hit + _AHEAD)
        if found is not None and found.end() >= hit - 1:
            return found
    return None


def _form(probe: Probe, start: bytes, back: int, whole: bytes, follow: bytes = b"") -> Form:
    return Form(probe, re.compile(start), back, re.compile(whole), follow)


def _french_probe(words: Iterable[str]) -> Probe:
    """Return what finds `12 rue `; words too short to look for, only right behind a digit."""
    long = [rb"[0-9](?: ?bis| ?ter|[a-d])?[ ,]{1,2}" + _spelled(word) for word in words if len(word) > _SHORT]
    short = [
        str(digit).encode() + b" " + _spelled(word) for word in words if len(word) <= _SHORT for digit in range(10)
    ]
    return Probe(rb"[. ]", caseless=True, heads=(*long, *short))


def _english(words: Sequence[str]) -> Form:
    """`12 Baker Street`; short forms only with their capital, as `st` and `dr` are anywhere."""
    caseless = all(word.islower() for word in words)
    word = _word(words) if caseless else _any(*(word.encode() for word in words))
    dot = b"" if caseless else rb"\.?"
    names = NAME + rb"(?:" + BLANKS + NAME + rb"){0,3}" + BLANKS
    probe = Probe(rb"[^A-Za-z]", caseless=caseless, heads=tuple(rb"[a-z]{2} " + word.encode() for word in words))
    whole = rb"(?:" + _FLAT + rb")?" + _NUMBER + rb",?" + BLANKS + names + word + AFTER + dot + _TAIL + rb"?"
    return _form(probe, _any(_HOUSE, BEFORE + _any(*_FLAT_WORDS)), 72, whole)


def _southern(words: Sequence[str]) -> Form:
    """`Calle Mayor, 5`, `Via Garibaldi 12`, `Rua Augusta 100`, `ul. Marszalkowska 12/3`."""
    word = _word(words)
    probe = Probe(rb"[ A-Z]", caseless=True, heads=tuple(rb"[^A-Za-z]" + _spelled(word) for word in words))
    mark = rb",?" + BLANKS + rb"(?:n\.?\xc2?[\xb0\xba]? ?|nr\.? )?"
    whole = word + rb"(?:" + BLANKS + rb")?" + _WORDS + mark + _NUMBER + _TAIL + rb"?"
    return _form(probe, BEFORE + word, 20, whole, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdelu\xc3\xc4\xc5 '")


def _compound(words: Sequence[str]) -> Form:
    """`Lindenstrasse 12`, `Keizersgracht 123`."""
    probe = Probe(rb" [0-9]", caseless=True, heads=tuple(b"[a-z]" + _spelled(word) for word in words))
    whole = rb"(?:" + WHOLE_NAME + rb"[ \-]){0,2}" + NAME + _word(words) + BLANKS + _NUMBER + _TAIL + rb"?"
    return _form(probe, _CAPITAL, 64, whole)


def _word(words: Iterable[str]) -> bytes:
    longest_first = sorted(dict.fromkeys(words), key=lambda word: -len(word))
    return rb"(?i:" + b"|".join(map(_spelled, longest_first)) + rb")"


def _spelled(word: str) -> bytes:
    return b"".join(map(letters, word))

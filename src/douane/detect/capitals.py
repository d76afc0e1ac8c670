"""Words with a capital, as byte patterns over UTF-8: names of persons, streets and towns in Latin letters."""

from __future__ import annotations

from typing import Final

UPPER: Final = rb"(?:[A-Z]|\xc3[\x80-\x96\x98-\x9e]|\xc4[\x80-\xbf]|\xc5[\x80-\xbe])"
LOWER: Final = rb"(?:[a-z]|\xc3[\x9f-\xb6\xb8-\xbf]|\xc4[\x80-\xbf]|\xc5[\x80-\xbf])"
_APOSTROPHE: Final = rb"(?:'|\xe2\x80\x99)"
LETTER: Final = rb"(?:[A-Za-z]|\xc3[\x80-\xbf]|[\xc4\xc5][\x80-\xbf])"
"""A letter of either kind. Not `UPPER` or `LOWER`: two bytes that fit both are tried in two ways each."""
NAME: Final = UPPER + rb"(?:" + LETTER + rb"|" + _APOSTROPHE + UPPER + rb"|-" + LETTER + rb"){1,30}"
"""One word: `Dupont`, `DUPONT`, `O'Neill`, `Le-Goff`."""
WHOLE_NAME: Final = NAME + rb"+"
"""The same, never cut short: where hyphens also part words, one may be cut in many ways."""
PARTICLE: Final = (
    rb"(?:(?:de la|de los|van der|van den|van de|von der|de|du|des|del|della|di|da|dos|das|le|la|von|van|zu|ten|ter|el"
    rb"|ben|bin|af|av)[ ]|[dlDL]" + _APOSTROPHE + rb")"
)
BLANKS: Final = rb"(?:[ \t]|\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]){1,3}"
"""Between words on one line."""
AFTER: Final = rb"(?![A-Za-z0-9_]|[\xc3-\xc5][\x80-\xbf])"
"""A word ends here."""
BEFORE: Final = rb"(?<![A-Za-z0-9_\x80-\xff])"
"""A word begins here."""


def words_of(text: bytes) -> list[str]:
    """Return the words of a span, in small letters.

    >>> words_of("Jean DUPONT-Élan".encode())
    ['jean', 'dupont-élan']
    """
    return text.decode("utf-8", "replace").replace("\u00a0", " ").replace("\u202f", " ").casefold().split()

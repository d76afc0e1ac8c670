"""Numbers that begin with a country: bank accounts (IBAN, ISO 13616) and VAT numbers of the member states.

A candidate is cut at its country's length before its check digits are looked at: the word after an account number is
not part of it. It has its country's structure: `de 14 500 euros` is no account, whatever its remainder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, product

from stdnum import numdb
from stdnum.eu import vat

from douane.detect.detector import SEPARATOR, Candidate
from douane.detect.digits import NOT_DIGITS
from douane.detect.engine import Probe

_GAP = SEPARATOR + rb"?"
_PART = re.compile(r"([0-9]+)!([nac])")
_SIGN = {"n": b"[0-9]", "a": b"[A-Za-z]", "c": b"[A-Za-z0-9]"}
_LAST_DIGIT, _LAST_LETTER = rb"[0-9](?![0-9])", rb"[A-Za-z](?![A-Za-z])"
_LAST_SIGN = {"n": _LAST_DIGIT, "a": _LAST_LETTER, "c": b"(?:%b|%b)" % (_LAST_DIGIT, _LAST_LETTER)}
_SIGNS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {sign: str(int(chr(sign), 36)) for sign in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
NOT_SIGNS = bytes(sorted(set(range(256)) - set(_SIGNS)))
_NOT_VAT_SIGNS = bytes(sorted(set(range(256)) - set(_SIGNS + b"+*")))
_HEAD_SIGNS = 6
_HEAD_BYTES = 2 + 4 * _HEAD_SIGNS
"""The longest head: a country, and signs with a separator of three bytes before each."""
_SEPARATOR_BYTES = b" .-\xc2\xa0\xe2\xaf" + bytes(range(0x80, 0x94))
_AFTER_COUNTRY = b"0123456789" + _SEPARATOR_BYTES
_DIGIT = _GAP + rb"[0-9]"
_BEFORE = rb"[^A-Za-z0-9]"
_SIGNS_OF_VAT = tuple(re.compile(rb"(?:" + _GAP + rb"[A-Z0-9+*]){%d}" % count) for count in range(14))


def _nearly(codes: Iterable[str]) -> bytes:
    """Return a pattern that takes any two letters for a code, save where a common word begins as the code does.

    The list of all codes would cost the scan as much as all other probes together, as heads or as one pattern. What is
    spelled out spares it most of the rest: `of 12 rows`, `to 0.3`.
    """
    common = "|".join(sorted(code for code in codes if code[0] in "OT"))
    return f"(?:[A-NP-SU-Z][A-Z]|{common})".encode() if common else b"[A-NP-SU-Z][A-Z]"


def _heads(codes: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(_BEFORE + code.encode() for code in codes)


def _glued(data: bytes, end: int) -> bool:
    """Tell whether the sign after a span (there always is one) continues it: two digits, or two letters."""
    both = data[end - 1 : end + 1]
    return both.isdigit() or both.isalpha()


def has_check_digits(number: str) -> bool:
    """Tell whether an account number, in capitals, is right by ISO 7064, modulo 97: as stdnum does, in a quarter."""
    account = number[4:]
    digits = account if account.isdigit() else account.translate(_VALUES)
    return int(digits + number[:2].translate(_VALUES) + number[2:4]) % 97 == 1


def shape_of(code: str, length: int) -> str:
    """Return what stands after a country's code, a letter a sign: `n` digit, `a` letter, `c` either (ISO 13616).

    Structures are those of the SWIFT registry as python-stdnum keeps them; of a country that it lacks, the length.

    >>> shape_of("NL", 18)
    'nnaaaannnnnnnnnn'
    """
    bban: str = numdb.get("iban").info(code)[0][1].get("bban", "")
    signs = "nn" + "".join(sign * int(count) for count, sign in _PART.findall(bban))
    return signs if len(signs) == length - 2 else "nn" + "c" * (length - 4)


def _spelling(signs: str) -> re.Pattern[bytes]:
    """Return the pattern of a whole number, separators between its signs, that has such signs after its country.

    What follows it does not continue it: no digit after a digit, no letter after a letter.
    """
    runs = [(_SIGN[sign], len(list(run))) for sign, run in groupby(signs[:-1])]
    middle = b"".join(b"(?:%b%b+){%d}+" % (sign, _GAP, count) for sign, count in runs)
    return re.compile(b"[A-Za-z]{2}%b+%b%b" % (_GAP, middle, _LAST_SIGN[signs[-1]]))


class IbanDetector:
    """In capitals or not, with the usual separators, whatever follows."""

    name = "iban"
    version = "1"

    def __init__(self, lengths: Mapping[str, int]) -> None:
        shapes = {code: shape_of(code, length) for code, length in lengths.items()}
        self.probes: tuple[Probe, ...] = (
            Probe(
                _BEFORE + _nearly(lengths) + _DIGIT * 2 + _GAP + b"(?:[0-9]" + _DIGIT * 3 + b"|[A-Za-z])",
                caseless=True,
                apart=True,
            ),
            Probe(
                _DIGIT * 3,
                caseless=True,
                heads=_heads(code for code, signs in shapes.items() if signs[2:6] != "nnnn" and signs[2] != "a"),
            ),
        )
        """After the check digits come four more, or a letter: not `de 14 500 euros`. Heads are those without either."""
        self._whole = {
            (first + second).encode(): _spelling(signs)
            for code, signs in shapes.items()
            for first, second in product(*zip(code, code.lower(), strict=True))
        }
        """What an account number looks like, by its country in capitals or not."""

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        patterns = self._whole
        seen = -1
        for hit in sorted(chain.from_iterable(ends)):
            low = hit - _HEAD_BYTES if hit > _HEAD_BYTES else 0
            up_to_country = data[low : hit - 1].rstrip(_AFTER_COUNTRY)
            pattern = patterns.get(up_to_country[-2:])
            if pattern is None:
                continue
            start = low + len(up_to_country) - 2
            if start == seen:
                continue
            seen = start
            whole = pattern.match(data, start)
            if whole is None:
                continue
            number = whole[0].translate(None, NOT_SIGNS).upper()
            if has_check_digits(number.decode()):
                yield Candidate("IBAN", start, whole.end(), 0.97, number[:2].decode(), 9, number, "iban")


class VatDetector:
    """Prefix, the country's structure, its check digits. In capitals only: `de 123456788` is ordinary French.

    All structures have digits from their third sign to their sixth.
    """

    name = "vat"
    version = "1"

    def __init__(self, structures: Mapping[str, str]) -> None:
        self.probes: tuple[Probe, ...] = (Probe((_GAP + rb"[A-Z0-9]") * 2 + _DIGIT * 4, heads=_heads(structures)),)
        self._rest = re.compile(rb"(?:" + _GAP + rb"[A-Z0-9+*]){3,13}")
        self._structures = {code.encode(): re.compile(text.encode()) for code, text in structures.items()}

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for hit in ends[0]:
            low = hit - _HEAD_BYTES if hit > _HEAD_BYTES else 0
            up_to_country = data[low:hit].rstrip(_AFTER_COUNTRY)
            digits = data[low + len(up_to_country) : hit].translate(None, NOT_DIGITS)
            for _ in range(_HEAD_SIGNS - len(digits)):
                up_to_country = up_to_country[:-1].rstrip(_SEPARATOR_BYTES)
            found = self._cut(data, low + len(up_to_country) - 2, up_to_country[-2:])
            if found is not None:
                yield found

    def _cut(self, data: bytes, start: int, country: bytes) -> Candidate | None:
        pattern = self._structures[country]
        rest = self._rest.match(data, start + 2)
        if rest is None:
            return None
        number = rest[0].translate(None, _NOT_VAT_SIGNS)
        fits = pattern.match(number)
        if fits is None:
            return None
        while fits is not None:
            size = fits.end()
            span = _SIGNS_OF_VAT[size].match(data, start + 2)
            if span is not None and not _glued(data, span.end()) and self._valid(country, fits[0]):
                return Candidate("VAT", start, span.end(), 0.9, country.decode(), 8, country + fits[0], "vat")
            fits = pattern.match(number, 0, size - 1)
        return None

    @staticmethod
    def _valid(country: bytes, number: bytes) -> bool:
        code = "EL" if country == b"GR" else country.decode()
        return vat.is_valid(code + number.decode())

"""Escapes written out: of URLs, of JSON and programs, of HTML, of quoted-printable mail, of numbers with an exponent.

Escapes of JSON within JSON are made out at once, however many backslashes stand before them: a text in a tool's
arguments is read as deep as it is nested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from html import unescape

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.identifiers import passes_luhn
from douane.detect.views.extract import Extract, edited
from douane.detect.views.stretches import matches
from douane.detect.views.view import Shared

_REACH = 64
_HEX = rb"[0-9A-Fa-f]"
_PERCENT = rb"%" + _HEX + rb"{2}"
_SLASHES = rb"(?<!\\)\\++"
"""All of those that stand together: one more would be looked for from each of them."""
_PAIR = _SLASHES + rb"u[dD][89abAB]%b{2}\\+u[dD][c-fC-F]%b{2}" % (_HEX, _HEX)
_UNICODE = _SLASHES + rb"(?:u(?:%b{4}|\{%b{1,6}\})|U0%b{7})" % (_HEX, _HEX, _HEX)
_BYTE = _SLASHES + rb"x%b{2}" % _HEX
_ENTITY = rb"&(?:#[0-9]{2,7};?|#[xX]%b{2,6};?|[A-Za-z]{2,24};)" % _HEX
_QUOTED = rb"=[0-9A-F]{2}"
_DIGITS = re.compile(rb"%b+" % _HEX)
_PLUSES = rb"[0-9A-Z]{1,4}(?:\+[0-9A-Z]{2,4}){2,9}"
_NIR_DIGITS = 15
_EXPONENT = rb"[0-9]\.[0-9]{8,18}[eE]\+?[12]?[0-9]"


class EscapeView:
    """One kind of escape: a gate, what one escape looks like, and what it stands for."""

    wild = False
    version = "1"
    shared: Shared = ()

    def __init__(
        self, name: str, gate: bytes, run: bytes, escape: bytes, write: Callable[[re.Match[bytes]], bytes], *,
        closer: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        gates = (Probe(gate, once=True),)
        self.probes: tuple[Probe, ...] = () if closer else gates
        self.closer: tuple[Probe, ...] = gates if closer else ()
        self._run = re.compile(run)
        self._escape = re.compile(escape)
        self._write = write

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        for low, high in matches(self._run, data, max(0, ends[0][0] - 32), _REACH, _REACH):
            yield edited(self.name, data, low, high, self._escape, self._write)


def escape_views() -> tuple[EscapeView, ...]:
    """Return the views of escapes."""
    any_unicode = b"%b|%b|%b" % (_PAIR, _UNICODE, _BYTE)
    return (
        EscapeView(
            "percent", _PERCENT, _runs(_PERCENT), _PERCENT + rb"|(?<=[A-Za-z0-9])\+(?=[A-Za-z0-9])", _of_percent
        ),
        EscapeView(
            "escape", rb"\\(?:[uU](?:%b{4}|\{)|x%b{2})" % (_HEX, _HEX), _runs(any_unicode),
            any_unicode + b"|" + _SLASHES + rb"""["'/nrt]""", _of_escape,
        ),
        EscapeView("entity", _ENTITY, _runs(_ENTITY), _ENTITY, _of_entity),
        EscapeView("quoted", _QUOTED + _QUOTED, _runs(_QUOTED), _QUOTED + rb"|=\r?\n", _of_quoted),
        EscapeView("percent", _PLUSES, _PLUSES, rb"\+", _blank, closer=True),
        EscapeView("exponent", _EXPONENT, _EXPONENT + rb"[0-9]?", _EXPONENT + rb"[0-9]?", _of_exponent, closer=True),
    )  # fmt: skip


def _runs(escape: bytes) -> bytes:
    return b"(?:%b)(?:[^\\x00]{0,3}(?:%b))*" % (escape, escape)


def _point(point: int) -> bytes:
    """Return a code point, or a blank where there is none or it would end the leaf."""
    return chr(point).encode("utf-8", "surrogatepass") if 0 < point <= 0x10FFFF else b" "


def _blank(_found: re.Match[bytes]) -> bytes:
    return b" "


def _of_percent(found: re.Match[bytes]) -> bytes:
    written = found[0]
    return b" " if written in (b"+", b"%00") else bytes((int(written[1:], 16),))


def _of_quoted(found: re.Match[bytes]) -> bytes:
    written = found[0]
    if written[1:2] in b"\r\n":
        return b""
    return b" " if written == b"=00" else bytes((int(written[1:], 16),))


def _of_escape(found: re.Match[bytes]) -> bytes:
    written = found[0].lstrip(b"\\")
    sign = written[:1]
    if sign == b"n":
        return b"\n"
    if sign in (b"r", b"t", b'"', b"'", b"/"):
        return b" " if sign in b"rt" else sign
    digits = _DIGITS.findall(written[1:])
    if len(digits) == 2:
        high, low = (int(part, 16) for part in digits)
        return _point(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    return _point(int(digits[0], 16))


def _of_entity(found: re.Match[bytes]) -> bytes:
    return _unescaped(found[0])


@lru_cache(maxsize=1024)
def _unescaped(entity: bytes) -> bytes:
    return unescape(entity.decode()).encode("utf-8", "surrogatepass").replace(b"\x00", b" ")


def _of_exponent(found: re.Match[bytes]) -> bytes:
    number = Decimal(found[0].decode())
    if number >= 10**20 or number != int(number):
        return found[0]
    digits = str(int(number)).encode()
    return digits if len(digits) == _NIR_DIGITS or passes_luhn(digits) else found[0]

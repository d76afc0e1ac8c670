"""Credentials without a telling form, beside the name of who issues them: `ALGOLIA_API_KEY=`, `mailchimp: ...`.

Rules enforced:
1. The name stands at most `_REACH` bytes before the credential, on its line or as the key to it.
2. A credential of the length and alphabet that its vendor documents counts; where no form is known, what looks drawn.
3. Digests and UUIDs count only next to the name, or where a word between says what they are: ids stand beside
   vendors' names as well. A digest is no credential of a vendor whose own are drawn from more letters.
4. A name that is a word as well (`segment`, `notion`) needs a word such as `key` or `token` between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from douane.detect.detector import Candidate
from douane.detect.engine import Probe
from douane.detect.rules import VendorRow
from douane.detect.secrets.alive import is_hexadecimal, is_placeholder, looks_drawn
from douane.detect.secrets.heads import apart
from douane.detect.secrets.limits import A_FINDING, A_VALUE, Allowance, crowded

_REACH: Final = 72
_SHORTEST: Final = 10
_SHORTEST_UNKNOWN: Final = 20
_LONGEST: Final = 400
_RUNS_READ: Final = 3
_FEWEST_SIGNS: Final = 6
_RUN = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_\-.~+/%%|]{%d,%d}={0,2}" % (_SHORTEST - 1, _LONGEST))
_BROKEN = re.compile(rb"[\n\r\x00@#<>{}]|//|\.(?:com|io|net|org|dev|app|co|ai)\b")
_GLUED_BEFORE = re.compile(rb"[A-Za-z0-9/+]")
_GLUED_AFTER = re.compile(
    rb"(?![\-_]?(?:key|keys|secret|token|access|private|api|auth|app|account|client|io|ai|pass|id)(?![a-z]))[A-Za-z0-9/+]",
    re.I,
)
_SAYS = re.compile(rb"key|secret|token|access|private|auth|api|pass|pwd|cred|client|account|app|sid|id\W", re.I)
_SAYS_SECRET = re.compile(
    rb"key(?!board|word|[ _\-]?(?:id|hash))|secret|token(?![ _\-]?(?:id|type|count))|private|auth(?!or)|api"
    rb"|pass(?![ei])|pwd|cred(?!it)|bearer|access(?![a-z]|[ _\-]log)|client[ _\-]?id\W",
    re.I,
)
"""Fewer words than beside a name that is nothing else: `segment_id` and `column account` are no credentials."""
_BEGINS_SAYING = re.compile(rb"(?:api|access|secret|key|token)[\-_]", re.I)
_NEXT_TO_IT: Final = 4
_IN_AN_ADDRESS: Final = (b".", b"/")
_ENDS_KEY: Final = b"\x01\x00"


class VendorDetector:
    """Looks behind the names of vendors for what could be their credentials."""

    name = "vendor"
    version = "1"

    def __init__(self, rows: Sequence[VendorRow]) -> None:
        self._rows: dict[bytes, list[VendorRow]] = {}
        self._ordinary: set[bytes] = set()
        for row in rows:
            for name in row.names:
                for spelled in _spellings(name):
                    self._rows.setdefault(spelled, []).append(row)
                self._ordinary.update(_spellings(name) if name in row.ordinary else ())
        self._widths = sorted({len(name) for name in self._rows}, reverse=True)
        self._patterns: dict[tuple[str, int, int], re.Pattern[bytes]] = {}
        groups = apart(name.decode() for name in self._rows)
        self.probes = tuple(
            Probe(b"", caseless=True, heads=tuple(re.escape(name).encode() for name in group)) for group in groups
        )

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        allowance = Allowance(data)
        ahead = -1
        done = 0
        for end in sorted(chain.from_iterable(ends)):
            if ahead < end:
                run = _RUN.search(data, end)
                if run is None:
                    return
                ahead = run.start()
            if ahead - end > _REACH or end < done:
                continue
            if allowance.spent(2 * A_VALUE):
                yield crowded(data, end)
                return
            rows, says = self._named(data, end)
            for row in rows:
                found = self._credential(row, data, end, says)
                if found is not None:
                    done = found[1]
                    allowance.spent(A_FINDING)
                    yield Candidate("SECRET", *found, 0.75, row.detail)
                    break

    def _named(self, data: bytes, end: int) -> tuple[Sequence[VendorRow], re.Pattern[bytes] | None]:
        """Return the rows of the longest vendor's name that ends here and begins a word, and what must follow it."""
        for width in self._widths:
            name = data[end - width : end].lower()
            rows = self._rows.get(name)
            if rows is not None:
                inside = _GLUED_BEFORE.match(data, end - width - 1) or _GLUED_AFTER.match(data, end)
                return () if inside else rows, _SAYS_SECRET if name in self._ordinary else None
        return (), None

    def _credential(
        self, row: VendorRow, data: bytes, end: int, says: re.Pattern[bytes] | None
    ) -> tuple[int, int] | None:
        """Return where the row's credential stands among the first runs of signs that follow its name."""
        for run in islice(_RUN.finditer(data, end, end + _REACH + _LONGEST), _RUNS_READ):
            between = data[end : run.start()].replace(_ENDS_KEY, b" ", 1)
            if len(between) > _REACH or _BROKEN.search(between) is not None:
                return None
            if between[-1:] in _IN_AN_ADDRESS:
                continue
            found = self._pattern(row).search(data, max(end, run.start() - 1), run.end()) if row.body else run
            if found is None:
                continue
            value = found[0] if row.body else found[0].rstrip(b".=")
            said = (says or _SAYS).search(data, end, found.start()) is not None
            said = said or (says is not None and _BEGINS_SAYING.match(value) is not None)
            if (said or (says is None and found.start() - end <= _NEXT_TO_IT)) and _is_alive(row, value, said):
                return found.start(), found.start() + len(value)
        return None

    def _pattern(self, row: VendorRow) -> re.Pattern[bytes]:
        key = row.body, row.shortest, row.longest
        pattern = self._patterns.get(key)
        if pattern is None:
            signs = row.body.encode()
            pattern = re.compile(
                rb"(?<![A-Za-z0-9])(?:(?<=_)|(?<![%b]))[%b]{%d,%d}(?![%b])(?![A-Za-z0-9])"
                % (signs, signs, row.shortest, row.longest, signs)
            )
            self._patterns[key] = pattern
        return pattern


def _is_alive(row: VendorRow, value: bytes, said: bool) -> bool:
    if not row.body:
        return looks_drawn(value, _SHORTEST_UNKNOWN) and (said or not is_hexadecimal(value))
    if is_placeholder(value) or len(set(value)) < _FEWEST_SIGNS:
        return False
    if is_hexadecimal(value):
        return said or re.match(f"[{row.body}]", "g", re.I) is None
    return looks_drawn(value, row.shortest)


def _spellings(name: str) -> Iterator[bytes]:
    """Yield a name with its words parted in the ways that settings do it."""
    for parted in ("", "_", "-", " ", ".") if " " in name else ("",):
        yield name.replace(" ", parted).encode()

"""Phone numbers, by the numbering plans that libphonenumber publishes.

An international number (`+` or `00`) counts where its country's plan takes it. A national number counts where it is
written as one of the configured regions writes it; other look-alikes of ten digits are too many to guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata

from douane.detect.detector import Candidate
from douane.detect.digits import NOT_DIGITS, Place, Run, even_gaps, is_apart, run_of
from douane.detect.engine import Probe
from douane.detect.words import Words

NUMBERED_REGIONS: frozenset[str] = frozenset(SUPPORTED_REGIONS)
DEFAULT_REGIONS: tuple[str, ...] = ("FR", "BE", "CH", "LU", "DE", "IT", "ES", "PT", "NL", "GB", "IE", "US")

FRENCH: tuple[tuple[int, ...], ...] = (
    (10,), (2, 2, 2, 2, 2), (4, 2, 2, 2), (4, 3, 3), (2, 8), (3, 3, 4), (4, 6),
)  # fmt: skip
AMERICAN: tuple[tuple[int, ...], ...] = ((3, 3, 4),)
PHONE = "PHONE"
NAMED_REGIONS: tuple[str, ...] = (
    "US",
    "ES",
    "PT",
    "IT",
    "PL",
    "CZ",
    "GR",
    "LU",
    "NO",
    "DK",
    "EE",
    "LT",
    "BG",
    "HU",
    "SK",
)
"""Countries that write numbers without a trunk zero, or often leave it out: a word must name those."""
NAMED_REACH, _NAMED_AFTER = 72, 40
"""How far before a number the word for a phone may stand, and how far after it."""
NAMED_SIZES = frozenset(range(9, 13))
NINE: tuple[tuple[int, ...], ...] = ((3, 3, 3), (3, 2, 2, 2), (2, 3, 2, 2), (9,))
_ASKED = re.compile(
    rb"(?:phone|t\xc3\xa9l|tel|mobil|m\xc3\xb3vil|movil|cell|gsm|fax|call|(?<!r)appel|llam)[^\x00\n]{0,16}\Z", re.I
)
_ASKED_REACH = 24
"""How far before a number the word may begin. There are no words in a run, so deep in one there is none to look for."""
_TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan",
    "voicemail",
)  # fmt: skip
_ANOTHER_FIELD = re.compile(
    rb"[;|\t{}]|\"[ ]{0,2},|[,&][ \n]{0,4}[\"']?[A-Za-z_]{1,24}[\"']?[ ]?[=:]|[0-9][0-9 .\-]{3}[0-9]"
    rb"|(?<!\x01)\x00|\n[^\n]{0,64}\n"
)
_QUOTES, _DELIMITERS = b" \"'", frozenset((b";", b",", b"|", b"\t"))
_DELIMITED = re.compile(rb"[ \"']{0,2}[;,|\t]")
_ANOTHER_LINE = re.compile(rb"[;|\t{}\x00\n]|\"[ ]{0,2},|[0-9][0-9 .\-]{3}[0-9]|[.!?] ")
_MOST_PER_RUN = 64
_MOST_NAMED_GROUPS = 6
_NORTH_AMERICA = 1
_ZERO, _PLUS = ord("0"), ord("+")
_WORDS = (
    rb"(?:(?:tele|t\xc3\xa9l\xc3\xa9)?phone|handy|portable|desk|office|answering|call me|"
    rb"t\xc3\xa9l|tel|mobile?|m\xc3\xb3vil|cell|gsm|fax)"
    rb"(?: (?:is|est|ist|es|number|num\xc3\xa9ro|no|n\xc2\xb0|at|on))?"
)
_ANNOUNCED = re.compile(rb"[0-9](?:[ .\-()]{0,2}[0-9]){6,12}(?![0-9])")
_MORE_PAIRS = re.compile(rb"[ \-][0-9A-Fa-f]{2}[ \-][0-9A-Fa-f]{2}(?![0-9A-Za-z])")
"""Six pairs of digits, and more to come: bytes, not a number."""
_DATE = re.compile(rb"(?:19|20)[0-9]{2}[-./][0-9]{2}[-./]|[0-9]{2}[-./][0-9]{2}[-./](?:19|20)[0-9]{2}")
_SOCIAL_SECURITY = re.compile(rb"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_OTHER_NUMBER = re.compile(
    rb"(?<![A-Za-z\x80-\xff])(?:commit|invoice|order|commande|pedido|ordine|auftrag|vorgang|pratica|expediente|facture|version|ref|r\xc3\xa9f|ticket"
    rb"|dossier|build|bon|lot|part|case|composant|hash|n\xc2\xb0|id|matricule)[\"'.:;=\xc2\xb0# ]{1,4}\Z",
    re.I,
)


def _plan(regions: Iterable[str]) -> re.Pattern[bytes]:
    """Return what the national significant numbers of some regions look like, all types together."""
    plans = [PhoneMetadata.metadata_for_region(region) for region in regions]
    descriptions = [getattr(plan, kind) for plan in plans if plan is not None for kind in _TYPES]
    patterns = [found.national_number_pattern for found in descriptions if found and found.national_number_pattern]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode())


_BYTES_BEFORE = re.compile(rb"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2} ){1,6}\Z")
_BYTES_AFTER = re.compile(rb"(?: [0-9A-Fa-f]{2}){1,6}(?![0-9A-Za-z])")
_MIXED_BYTE = re.compile(rb"[0-9][A-Fa-f]|[A-Fa-f][0-9]")
_FEWEST_BYTES = 3
"""Two may be a house's number and a floor: `2b 3e 06 12 34 56 78`."""


class NumberingPlans:
    """Which digits are a number where. Plans of countries load as numbers of theirs turn up."""

    def __init__(self, regions: Iterable[str]) -> None:
        trunk_zero: dict[str, bytes] = {}
        self.without_trunk: list[tuple[str, re.Pattern[bytes]]] = []
        self.american: re.Pattern[bytes] | None = None
        for region in regions:
            metadata = PhoneMetadata.metadata_for_region(region)
            if metadata is None or metadata.country_code is None:
                continue
            if metadata.country_code == _NORTH_AMERICA:
                self.american = _plan([region])
                continue
            plan = _plan(COUNTRY_CODE_TO_REGION_CODE[metadata.country_code])
            if region == "IT":
                trunk_zero[region] = plan.pattern
            elif metadata.national_prefix == "0":
                trunk_zero[region] = b"0(?:%b)" % plan.pattern
            else:
                self.without_trunk.append((region, plan))
        self.trunk_zero = frozenset(trunk_zero)
        plans = [b"(?P<%b>%b)" % (region.encode(), plan) for region, plan in trunk_zero.items()]
        self._national = re.compile(b"|".join(plans) or b"(?!)")
        self._countries: dict[int, re.Pattern[bytes] | None] = {}

    def national(self, digits: bytes) -> str:
        """Return the region that takes a number with its trunk zero, or ""."""
        found = self._national.fullmatch(digits)
        return (found.lastgroup or "") if found is not None else ""

    def international(self, digits: bytes) -> bool:
        """Tell whether `digits`, country code first, are a possible number; a trunk zero in brackets is dropped."""
        for size in (1, 2, 3):
            code = int(digits[:size])
            if code not in COUNTRY_CODE_TO_REGION_CODE:
                continue
            plan = self._country(code)
            rest = digits[size:]
            return plan is not None and (
                plan.fullmatch(rest) is not None or (rest[:1] == b"0" and plan.fullmatch(rest[1:]) is not None)
            )
        return False

    def _country(self, code: int) -> re.Pattern[bytes] | None:
        if code not in self._countries:
            region = COUNTRY_CODE_TO_REGION_CODE[code][0]
            metadata = (
                PhoneMetadata.metadata_for_nongeo_region(code)
                if region == "001"
                else PhoneMetadata.metadata_for_region(region)
            )
            general = metadata.general_desc if metadata is not None else None
            pattern = general.national_number_pattern if general is not None else None
            self._countries[code] = re.compile(pattern.encode()) if pattern else None
        return self._countries[code]


class Phones:
    """International numbers first, then the national forms of the regions."""

    def __init__(self, regions: Sequence[str] = DEFAULT_REGIONS) -> None:
        self._plans = NumberingPlans(regions)
        self._is_french = "FR" in regions
        self._named_plan: re.Pattern[bytes] | None = None
        self._others = bool(self._plans.trunk_zero - {"FR"})

    def of_run(self, data: bytes, run: Run) -> Iterator[Candidate]:
        """Yield the numbers that no fixed grouping tells: international ones, and those of plans with a trunk zero.

        A trunk zero begins a run, or stands well apart in one: many codes have a zero inside.
        """
        groups = run.groups
        tried = 0
        if run.plus and not _is_dialled(data, run.start):
            tried = 1
            yield from self._international(data, run, 0, skip=0)
        for first, (start, _) in enumerate(groups):
            if data[start] != _ZERO:
                continue
            if 49 <= data[start + 1] <= 57:
                if self._others and (first == 0 or start - groups[first - 1][1] > 1):
                    yield from self._national(data, run, first)
            elif tried < _MOST_PER_RUN and _is_dialled(data, start) and not _continues(data, run, first):
                tried += 1
                yield from self._international(data, run, first, skip=2)

    def french(self, data: bytes, place: Place) -> Candidate | None:
        """Return a number of ten digits as France writes it; any one that begins as a subscriber's does."""
        run, first, last, start, _, digits = place
        if not self._is_french or digits[1] == _ZERO or not even_gaps(data, run, first, last):
            return None
        if _is_labelled(data, start, digits, bare=first == last) or _is_dumped(data, run, first, last):
            return None
        return _phone(start, place.end, digits, 0.9, "FR", rank=2)

    def american(self, data: bytes, place: Place) -> Candidate | None:
        """Return a number of the North American plan, grouped three, three, four."""
        plan = self._plans.american
        if plan is None or not is_apart(data, place) or plan.fullmatch(place.digits) is None:
            return None
        bracket = data[place.start - 1 : place.start] == b"("
        return _phone(place.start - bracket, place.end, place.digits, 0.8, "US", rank=2)

    def nine_digits(self, data: bytes, place: Place) -> Candidate | None:
        """Return a number of a plan without trunk prefix, that is asked for: any nine digits look like one."""
        if not self._plans.without_trunk or not is_apart(data, place):
            return None
        start = place.start
        if start - place.run.start >= _ASKED_REACH:
            return None
        digits = place.digits
        region = next((region for region, plan in self._plans.without_trunk if plan.fullmatch(digits)), "")
        return _phone(start, place.end, digits, 0.75, region, rank=4) if region else None

    def named(self, data: bytes, start: int, end: int, words: Words) -> Candidate | None:
        """Return a whole run that a word of its sentence, or the head of its column, says to be a phone's."""
        if not _says_phone(data, words, start, end):
            return None
        digits = data[start:end].translate(None, NOT_DIGITS)
        if digits.count(digits[:1]) == len(digits) or not self._is_named_number(digits):
            return None
        run = run_of(data, start, end)
        if len(run.groups) > _MOST_NAMED_GROUPS or not _is_free(data, run) or _DATE.match(data, start) is not None:
            return None
        bracket = data[start - 1 : start] == b"(" and b")" in data[start:end]
        return _phone(start - bracket, end, digits, 0.75, rank=5)

    def _is_named_number(self, digits: bytes) -> bool:
        """Tell whether the plan of some country without a trunk zero takes digits."""
        if self._named_plan is None:
            self._named_plan = _plan(NAMED_REGIONS)
        return self._named_plan.fullmatch(digits) is not None

    @staticmethod
    def is_asked(data: bytes, start: int) -> bool:
        """Tell whether a word announces a number right before it."""
        low = max(0, start - _ASKED_REACH)
        before = data[low:start]
        return before.swapcase() != before and _ASKED.search(data, low, start) is not None

    def _international(self, data: bytes, run: Run, first: int, *, skip: int) -> tuple[Candidate, ...]:
        """Return the longest number that begins with a group: its `skip` zeros, or the plus sign before it."""
        sizes, start = run.sizes, run.groups[first][0]
        for last in range(min(len(sizes), first + 9) - 1, first - 1, -1):
            size = sum(sizes[first : last + 1])
            if size < 8 + skip:
                break
            if size > 16 + skip or sizes[last] == 1:
                continue
            end = run.groups[last][1]
            digits = data[start:end].translate(None, NOT_DIGITS)
            if self._plans.international(digits[skip:]):
                return (_phone(start if skip else start - 1, end, digits, 0.95, rank=4),)
        return ()

    def _national(self, data: bytes, run: Run, first: int) -> tuple[Candidate, ...]:
        """Return the longest number with a trunk zero that begins with a group."""
        sizes, start = run.sizes, run.groups[first][0]
        for last in range(min(len(sizes), first + 5) - 1, first - 1, -1):
            size = sum(sizes[first : last + 1])
            if size < 9:
                break
            if size > 12:
                continue
            end = run.groups[last][1]
            digits = data[start:end].translate(None, NOT_DIGITS)
            region = self._plans.national(digits)
            if region and _is_whole(data, run, first, last, digits):
                return (_phone(start, end, digits, 0.75, region, rank=2),)
        return ()


class AskedPhoneDetector:
    """A number of any plan that a word such as `phone:` announces."""

    name = "phone-word"
    version = "1"
    probes: tuple[Probe, ...] = (Probe(rb"[^A-Za-z]" + _WORDS + rb"[^0-9A-Za-z\x00]{1,6}[0-9]", caseless=True),)

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        for end in ends[0]:
            found = _ANNOUNCED.match(data, end - 1)
            if found is None or _DATE.match(found[0]) is not None or _MORE_PAIRS.match(data, found.end()) is not None:
                continue
            digits = found[0].translate(None, NOT_DIGITS)
            if 7 <= len(digits) <= 12:
                start = end - 1 - (data[end - 2] == _PLUS)
                yield _phone(start, found.end(), digits, 0.6, rank=1)


def _is_dialled(data: bytes, start: int) -> bool:
    """Tell whether a group begins with the two zeros of an international number."""
    return data[start : start + 2] == b"00" and 49 <= data[start + 2] <= 57


def _continues(data: bytes, run: Run, first: int) -> bool:
    """Tell whether a group is tied to a word, or is what stands after a decimal point."""
    return bool(run.glued) if first == 0 else data[run.groups[first - 1][1] : run.groups[first][0]] == b"."


def _is_free(data: bytes, run: Run) -> bool:
    """Tell whether nothing is tied to a run: no word, no sign of a longer code."""
    if run.glued or run.plus or (data[run.start - 1] in b"_-./,:" and data[run.start - 2 : run.start - 1].isdigit()):
        return False
    after = data[run.end : run.end + 2]
    return not (after[:1].isalpha() or (after[:1] in b"-_/.,:%" and after[1:].isalnum()))


def _says_phone(data: bytes, words: Words, start: int, end: int) -> bool:
    """Tell whether a word for a phone heads the column of a number, or stands in its sentence, with nothing between
    that the word may belong to as well: another field, another number.
    """
    before, after = words.about(PHONE, start)
    near = 0 <= before >= start - NAMED_REACH
    if not near and not 0 <= after <= end + _NAMED_AFTER and before < 0:
        return False
    if _DELIMITED.match(data, end) is not None or data[max(0, start - 2) : start].strip(_QUOTES)[-1:] in _DELIMITERS:
        cell = words.heads(PHONE, start)
        if cell >= 0:
            return cell > 0
    if near and _ANOTHER_FIELD.search(data, before - 1, start) is None:
        return words.denied(start) <= before
    if not 0 <= after <= end + _NAMED_AFTER or _ANOTHER_LINE.search(data, end, after - 1) is not None:
        return False
    return words.denied(start) < 0


def _is_whole(data: bytes, run: Run, first: int, last: int, digits: bytes) -> bool:
    start, end = run.groups[first][0], run.groups[last][1]
    if (first == 0 and run.glued) or _DATE.match(data, start) is not None or _is_dumped(data, run, first, last):
        return False
    if len(digits) == 9 and _SOCIAL_SECURITY.fullmatch(data, start, end) is not None:
        return False
    if last + 1 < len(run.groups):
        return data[end : run.groups[last + 1][0]] not in (b".", b"-", b"/")
    if data[end] in b"-_" and data[end + 1 : end + 2].isalnum():
        return False
    return not data[end : end + 1].isalpha() and not _is_labelled(data, start, digits, bare=first == last)


def _is_dumped(data: bytes, run: Run, first: int, last: int) -> bool:
    """Tell whether groups of two digits stand among bytes written in hexadecimal: `b1 2b 01 93 35 55 88 ac`."""
    if any(size != 2 for size in run.sizes[first : last + 1]):
        return False
    start, end = run.groups[first][0], run.groups[last][1]
    before, after = _BYTES_BEFORE.search(data, max(0, start - 18), start), _BYTES_AFTER.match(data, end)
    around = b"%b %b" % (before[0] if before is not None else b"", after[0] if after is not None else b"")
    return len(around.split()) >= _FEWEST_BYTES and _MIXED_BYTE.search(around) is not None


def _is_labelled(data: bytes, start: int, digits: bytes, *, bare: bool) -> bool:
    """Tell whether a number without separators is announced as something else, or is the row of all digits."""
    if digits == b"0123456789":
        return True
    return bare and _OTHER_NUMBER.search(data, max(0, start - 24), start) is not None


def _phone(start: int, end: int, digits: bytes, confidence: float, region: str = "", *, rank: int) -> Candidate:
    return Candidate("PHONE", start, end, confidence, region, rank, digits[-9:], "phone")

"""Letters and digits that stand for others: text turned round, rot13, and O and l for 0 and 1.

Hardly anybody writes so but to hide something, and much that nobody hid looks so: only stretches are tried that could
hold an account number, a long number or an address, and only where the leaves show none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from douane.detect.accounts import NOT_SIGNS, has_check_digits
from douane.detect.detector import LEAF_END, SEPARATOR, Candidate
from douane.detect.digits import NOT_DIGITS
from douane.detect.engine import Probe
from douane.detect.identifiers import has_nir_key, passes_luhn
from douane.detect.views.extract import Edit, Edited, Extract, Shifted
from douane.detect.views.stretches import around, merged, widened
from douane.detect.views.taken import Taken
from douane.detect.views.view import Shared

_ROT13 = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", b"NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_LEET = bytes.maketrans(b"OoQlIi|!", b"00011111")
_LEET_LETTERS = bytes.maketrans(b"01", b"OI")
NOT_LEET = bytes(sorted(set(range(256)) - set(b"0123456789OoQlIi|!")))
_LEET_BYTES = b"0123456789OolI|ABab .-()+\xc2\xa0\xe2\xaf" + bytes(range(0x80, 0x94))
_FEWEST_LEET = 9
_ACCOUNT_SIGNS = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz|")
_NIR_DIGITS, _MONTHS = 15, 12
_CARD_LENGTHS = (15, 16)
_CARD = re.compile(rb"[23456][0-9]{15}|3[47][0-9]{13}")
_SHORT_CARD = re.compile(rb"3[068][0-9]{12}")
"""A card of an issuer's usual length. Which issuer's it is the detector says."""
_CORSICAN = re.compile(rb"2[ .\-]?[ABab]")
_CARD_GROUPS = re.compile(
    rb"[0-9]{4}(?P<four> |-|\xc2\xa0|\xe2\x80\xaf)[0-9]{4}(?P=four)[0-9]{4}(?P=four)[0-9]{4}"
    rb"|[0-9]{4,5}(?P<five> |-|\xc2\xa0|\xe2\x80\xaf)[0-9]{6}(?P=five)[0-9]{4}"
)
_LETTER = ord("a")
_TOP_DOMAINS = (
    "com org net eu io info edu gov biz app dev fr de es it be ch lu nl pt at uk ie ca us pl se dk no fi cz sk hu"
    " ro bg gr hr si lt lv ee is mt cy li mc ad sm ua tr rs in jp cn br mx ar cl ru za au nz il kr sg co tv me ai"
    " int coop mobi name pro museum online site shop store tech technology cloud agency email group club xyz paris"
    " bzh berlin koeln hamburg wien nyc london swiss cat bank legal law health care systems solutions services"
    " company consulting digital media news world life work jobs academy software network design studio expert"
    " photography gmbh asia"
)
_LEET_ENDINGS = tuple(
    rb"\.%b" % written.encode()
    for written in sorted({domain.replace("o", "0").replace("l", "1") for domain in _TOP_DOMAINS.split()})
    if not written.isalpha()
)
_LEET_DOMAIN = re.compile(rb"[A-Za-z0-9.\-]{2,64}")
_GOES_ON = re.compile(rb"[.\-][A-Za-z0-9]")
_LONGEST_DOMAIN = 66
_LETTERS = bytes.maketrans(b"01", b"ol")
_DOMAIN_FIRST = re.compile(
    rb"(?:%b)\.[A-Za-z0-9\-]{2,}" % "|".join(domain[::-1] for domain in _TOP_DOMAINS.split()).encode()
)
_HEAD = 26
_ENOUGH = 320
"""More findings of a type than a scan tells: beyond them it is cut."""
_LONGEST_NUMBER = 72
_LONGEST_DIALLED = 17
_WORDS_BEFORE = 64
_WORDS_AFTER = 24
_SEP = rb"(?:" + SEPARATOR + rb")"
_LEET_RUN = re.compile(
    rb"(?<![A-Za-z0-9])\+?\(?[0-9OolI|](?:"
    + _SEP
    + rb"{0,2}+(?:[()]"
    + _SEP
    + rb"?)?(?:2"
    + _SEP
    + rb"?[ABab]|[0-9OolI|])){8,40}(?<! [OolI|])(?![A-Za-z0-9])"
)
"""A word of one letter at its end is none of its digits."""
_ACCOUNT = re.compile(
    rb"(?<![A-Za-z0-9])[A-Z]{2}(?:" + _SEP + rb"?[0-9OolIi|]){2}(?:" + _SEP + rb"?[A-Za-z0-9|]){11,30}(?![A-Za-z0-9])"
)
_BAR = re.compile(rb"[^ |]{2} \| [^ |]{2}")
"""Parts the cells of a table, and is no one among digits."""
_TURNED_ACCOUNT = re.compile(
    rb"(?<![A-Za-z0-9])(?![A-Z]+[^A-Za-z0-9])(?:[A-Z0-9]" + _SEP + rb"?){13,32}[A-Z]{2}(?![A-Za-z0-9])"
)
_TURNED_NIR = re.compile(
    rb"(?<![A-Za-z0-9])[0-9](?:"
    + _SEP
    + rb"?[0-9]){7}"
    + _SEP
    + rb"?[AB]"
    + _SEP
    + rb"?2(?:"
    + _SEP
    + rb"?[0-9]){5}(?![A-Za-z0-9])"
)
_TURNED_NUMBER = re.compile(
    rb"(?<![A-Za-z0-9])\(?[0-9](?:[0-9]|" + _SEP + rb"{1,2}[()]?[0-9]|[()][0-9]){8,22}[+(]?(?![A-Za-z0-9])"
)
_ASIDE = 8
_NO_WORDS_BEFORE = tuple(bytes((sign,)) for sign in b"-./#_=,;|\t<>\"'0123456789")
_NO_WORDS_AFTER = re.compile(rb"[\-./#_][A-Za-z0-9]|[ )\]]{0,4}(?:[=|\t\"'0-9]|[,;] ?[\-0-9])")
"""What stands about a number in a row of them, in a table or in a program."""
_MOMENT = re.compile(rb"1[6-8][0-9]{14}|20[0-4][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{7,8}")
"""A time in millionths of a second, or an id that begins with its day."""
_TURNED_ADDRESS = re.compile(rb"[A-Za-z0-9.\-]{4,64}@[A-Za-z0-9._%+\-]{1,64}")
_TURNED_PHONE = re.compile(
    rb"(?:[0-9]{2}" + _SEP + rb"){4}[1-9]0|[0-9].*\+|[0-9]{4}[ .\-][0-9]{3}[ .\-]?\)[0-9]{3}\(", re.S
)
_PHONE_LENGTHS = range(9, 13)
_NAMES = tuple(word.encode() for word in (
    "tél", "tel", "phone", "mobil", "móvil", "movil", "handy", "cell", "gsm", "rufnummer", "portable", "numéro",
    "numero", "número", "number", "call", "appel", "cart", "card", "kart", "tarjeta", "visa", " cb", " nir", "sécu",
    "secu", "envers", "reverse", "backward",
))  # fmt: skip
"""What a number that is turned round may be called."""
_ANNOUNCED_REACH = 64
_ENDS_WORDS = frozenset(b"0123456789\x00\n")
_NO_DIGITS = bytes(sorted(set(range(256)) - _ENDS_WORDS))
_DATE = re.compile(rb"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}|[0-9]{3}-[0-9]{2}-[0-9]{4}")


def replaced(view: str, data: bytes, spans: Sequence[tuple[int, int]], write: Callable[[bytes], bytes]) -> Extract:
    """Return some spans that stand together written otherwise, with the words around them that say what they are."""
    low, high = widened(data, spans[0][0], spans[-1][1], _WORDS_BEFORE, _WORDS_AFTER)
    parts: list[bytes] = []
    at = low
    for start, end in spans:
        parts += (data[at:start], write(data[start:end]))
        at = end
    parts.append(data[at:high])

    def edits() -> Iterator[Edit]:
        for start, end in spans:
            yield start, end, write(data[start:end])

    return Extract(view, b"".join(parts), Edited(low, edits, only=True), low)


def together(data: bytes, spans: Sequence[tuple[int, int]], reach: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the spans of each stretch of a leaf in which they stand no further apart than `reach`."""
    near: list[tuple[int, int]] = []
    for span in spans:
        if near and (span[0] - near[-1][1] > reach or data.find(LEAF_END, near[-1][1], span[0]) >= 0):
            yield near
            near = []
        near.append(span)
    if near:
        yield near


class TurnedView:
    """Account numbers, long numbers and addresses, read from right to left."""

    name = "turned"
    version = "2"
    wild = True
    probes: tuple[Probe, ...] = ()
    closer: tuple[Probe, ...] = (
        Probe(rb"[0-9][ .\-]?[0-9][A-Z][A-Z][^A-Za-z0-9]"), Probe(rb"[0-9][ .\-]?[AB]2[ .\-]?[0-9]"),
    )  # fmt: skip
    shared: Shared = (("numbers", 0), ("email", 0))

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], found: Sequence[Candidate]) -> Iterator[Extract]:
        taken = Taken(found)
        for pattern, hits, before, after in (
            (_TURNED_ACCOUNT, ends[0], 96, 4), (_TURNED_NIR, ends[1], 32, 24),
            (_TURNED_ADDRESS, taken.outside(ends[3]), 66, 66),
        ):  # fmt: skip
            for low, high in around(data, hits, before, after):
                spans = [run.span() for run in pattern.finditer(data, low, high) if _could_be_turned(run, taken)]
                if spans:
                    yield replaced(self.name, data, spans, _turned)
        yield from self._numbers(data, around(data, taken.outside(ends[2]), 48, 24), taken, without(("PHONE",), found))

    def _numbers(
        self, data: bytes, stretches: Iterable[tuple[int, int]], taken: Taken, proved: Taken
    ) -> Iterator[Extract]:
        """Yield long numbers. One that nothing but its Luhn digit speaks for is none where most beside it have none."""
        numbers: list[list[tuple[int, int, bool]]] = []
        alone = right = 0
        for low, high in stretches:
            spans: list[tuple[int, int, bool]] = []
            for run in _TURNED_NUMBER.finditer(data, low, high):
                start, end = run.span()
                digits = run[0].translate(None, NOT_DIGITS)[::-1]
                counts = _could_be_turned_number(data, start, run[0], digits, taken)
                if len(digits) in _CARD_LENGTHS and len(digits) == end - start and not counts:
                    alone += 1
                    counts = doubtful = _could_be_bare_card(data, start, end, digits)
                    right += doubtful
                    if counts and not proved.holds(start, end):
                        spans.append((start, end, True))
                elif counts and not proved.holds(start, end):
                    spans.append((start, end, False))
            if spans:
                numbers.append(spans)
        for spans in numbers:
            kept = [(start, end) for start, end, doubtful in spans if not doubtful or right * 2 >= alone]
            if kept:
                yield replaced(self.name, data, kept, _turned)


def _turned(signs: bytes) -> bytes:
    return signs[::-1]


def _could_be_turned(run: re.Match[bytes], taken: Taken) -> bool:
    """Tell whether signs, read from right to left, are more than the next word or number."""
    signs = run[0]
    if run.re is _TURNED_ACCOUNT:
        number = signs[::-1].translate(None, NOT_SIGNS)
        return number[2:4].isdigit() and has_check_digits(number.decode())
    if run.re is _TURNED_NIR:
        return True
    return _DOMAIN_FIRST.match(signs) is not None and not taken.holds(*run.span())


def without(weaker: Collection[str], found: Iterable[Candidate]) -> Taken:
    """Return where something was found, types left out that prove less than what is looked for."""
    return Taken([one for one in found if one.type not in weaker])


def _could_be_turned_number(data: bytes, start: int, signs: bytes, digits: bytes, taken: Taken) -> bool:
    """Tell whether digits, read from right to left, are more than the next order number: one in ten is a phone."""
    if len(digits) == _NIR_DIGITS and digits[:1] in b"12":
        return 1 <= int(digits[3:5]) <= _MONTHS and has_nir_key(digits)
    if _CARD.fullmatch(digits) is not None or _SHORT_CARD.fullmatch(digits) is not None:
        return passes_luhn(digits) and (_CARD_GROUPS.fullmatch(signs) is not None or _is_announced(data, start))
    of_phone, bare = len(digits) in _PHONE_LENGTHS, len(digits) == len(signs)
    if (bare and not of_phone) or taken.holds(start, start + len(signs)) or _DATE.match(signs) is not None:
        return False
    if not bare and _TURNED_PHONE.fullmatch(signs) is not None:
        return True
    return of_phone and _is_announced(data, start)


def _could_be_bare_card(data: bytes, start: int, end: int, digits: bytes) -> bool:
    """Tell whether digits that no word announces are a card's: no part of a name, of a row or a program, no moment."""
    return (
        _CARD.fullmatch(digits) is not None
        and passes_luhn(digits)
        and _MOMENT.fullmatch(digits[::-1]) is None
        and _stands_after_words(data[max(0, start - _ASIDE) : start])
        and _NO_WORDS_AFTER.match(data, end) is None
    )


def _stands_after_words(before: bytes) -> bool:
    """Tell whether a number follows words of a sentence, be it after a comma; not the cell before it, nor a sign."""
    words = before.rstrip(b" ([")
    if words.endswith(b",") and len(words) < len(before):
        words = words[:-1]
        return words[-3:].isalpha() and words[-2:].islower()
    return words[-1:] not in _NO_WORDS_BEFORE


def _is_announced(data: bytes, start: int) -> bool:
    """Tell whether a word right before a number, no digit between, says what it is."""
    if data[start - 1] in _ENDS_WORDS or data[max(0, start - 2)] in _ENDS_WORDS:
        return False
    low = max(0, start - _ANNOUNCED_REACH)
    before = data[low:start]
    words = before[len(before.rstrip(_NO_DIGITS)) :]
    if words.swapcase() == words:
        return False
    said = b" %b" % words.lower()
    return any(map(said.__contains__, _NAMES))


class Rot13View:
    """Account numbers, and those of people born in Corsica, whose letters were moved by thirteen."""

    name = "rot13"
    version = "2"
    wild = True
    closer: tuple[Probe, ...] = (Probe(rb"[0-9][ .\-]?2[NOno][ .\-]?[0-9]{3}"),)
    shared: Shared = (("iban", 0), ("iban", 1))
    """The first takes any two letters for a country, save those that begin with O or T."""

    def __init__(self, shapes: Mapping[str, str]) -> None:
        self._shapes = {code.encode(): shape.encode() for code, shape in shapes.items()}
        moved = sorted(code.translate(_ROT13) for code in self._shapes)
        self.probes: tuple[Probe, ...] = (
            Probe(
                rb"[ .\-]?[0-9][ .\-]?[0-9][ .\-]?[0-9A-Z]",
                heads=tuple(rb"[^A-Za-z0-9]" + code for code in moved if code[:1] in b"OT"),
            ),
        )

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], found: Sequence[Candidate]) -> Iterator[Extract]:
        taken, proved = Taken(found), without(("PHONE", "CARD"), found)
        heads = sorted([*ends[0], *ends[2], *ends[3]])
        hits = [hit for hit in proved.outside(heads) if self._is_moved(data, hit)]
        for low, high in around(data, sorted([*hits[:_ENOUGH], *taken.outside(ends[1])]), 32, 64):
            yield Extract(self.name, data[low:high].translate(_ROT13), Shifted(low), low)

    def _is_moved(self, data: bytes, hit: int) -> bool:
        """Tell whether an account number ends its head at a hit, its letters moved back."""
        for found in _ACCOUNT.finditer(data, max(0, hit - _HEAD), hit + _LONGEST_NUMBER):
            number = found[0].translate(_ROT13, NOT_SIGNS).upper()
            shape = self._shapes.get(number[:2])
            if found.start() >= hit:
                return False
            if shape is not None and number[2:4].isdigit():
                return has_check_digits(number[: 2 + len(shape)].decode())
        return False


class LeetView:
    """Letters among the digits of a number. Of an account number its country tells where letters stand."""

    name = "leet"
    version = "3"
    wild = True
    shared: Shared = ()
    probes: tuple[Probe, ...] = (Probe(rb"[^A-Za-z0-9]", heads=_LEET_ENDINGS),)
    closer: tuple[Probe, ...] = (
        Probe(rb"[0-9][ .\-]?[OolI|]{1,4}[ .\-]?[0-9]"),
        Probe(rb"[0-9][OolI|]{1,4}[^A-Za-z0-9]"),
        Probe(rb"[^A-Za-z0-9][OolI|]{1,2}[0-9][0-9 .\-]"),
        Probe(rb"[^A-Za-z0-9][Oo][OolI|][ .\-][0-9][0-9][ .\-]"),
        Probe(rb"[^A-Za-z0-9][A-Z][A-Z](?:[OolI|][0-9]|[0-9][OolI|])[A-Z0-9]"),
    )

    def __init__(self, shapes: Mapping[str, str]) -> None:
        self._shapes = {code.encode(): shape.encode() for code, shape in shapes.items()}

    def extracts(self, data: bytes, ends: Sequence[Sequence[int]], _found: Sequence[Candidate]) -> Iterator[Extract]:
        numbers: list[tuple[int, int]] = []
        accounts: list[tuple[int, int]] = []
        yield from self._addresses(data, ends[0])
        hits = sorted(chain(*ends[1:]))
        for low, high in merged(_leet_signs(data, hit - 1) for hit in hits):
            if high - low > _FEWEST_LEET:
                numbers += [run.span() for run in _LEET_RUN.finditer(data, low, high) if _is_leet_number(run[0])]
        for low, high in around(data, hits, _LONGEST_NUMBER, _LONGEST_NUMBER):
            accounts += [
                (run.start(), run.start() + self._size(run[0]))
                for run in _ACCOUNT.finditer(data, low, high)
                if self._is_account(run[0])
            ]
        for spans, write in ((numbers, _leet), (accounts, self._by_shape)):
            for near in together(data, spans, 96):
                yield replaced(self.name, data, near, write)

    def _addresses(self, data: bytes, hits: Sequence[int]) -> Iterator[Extract]:
        """Yield addresses whose last label is no top-level domain, and is one with letters for its digits."""
        spans = []
        for hit in hits:
            at = data.rfind(b"@", max(0, hit - _LONGEST_DOMAIN), hit)
            if at < 0 or _GOES_ON.match(data, hit - 1) is not None:
                continue
            if _LEET_DOMAIN.fullmatch(data, at + 1, hit - 1) is not None:
                spans.append((at + 1, hit - 1))
        for near in together(data, spans, 96):
            yield replaced(self.name, data, near, _in_letters)

    def _is_account(self, signs: bytes) -> bool:
        if signs[:2] not in self._shapes:
            return False
        number = self._number(signs)
        if b" | " in signs and _BAR.search(signs, 0, self._size(signs)) is not None:
            return False
        return number[2:4].isdigit() and has_check_digits(number.decode())

    def _size(self, signs: bytes) -> int:
        """Return how many bytes an account number has: its country tells how many signs, whatever follows them."""
        left = len(self._shapes[signs[:2]])
        for at, sign in enumerate(signs[2:], 3):
            left -= sign in _ACCOUNT_SIGNS
            if not left:
                return at
        return len(signs)

    def _number(self, signs: bytes) -> bytes:
        return self._by_shape(signs).translate(None, NOT_SIGNS).upper()[: 2 + len(self._shapes[signs[:2]])]

    def _by_shape(self, account: bytes) -> bytes:
        """Return an account number with digits where its country has digits, and letters where it has letters."""
        shape = self._shapes[account[:2]]
        written = bytearray(account[:2])
        place = 0
        for sign in account[2:]:
            one = bytes((sign,))
            if place < len(shape) and (one.isalnum() or one == b"|"):
                one = one.translate(_LEET_LETTERS if shape[place] == _LETTER else _LEET)
                place += 1
            written += one
        return bytes(written)


def _leet_signs(data: bytes, at: int) -> tuple[int, int]:
    """Return the stretch around a place, and one sign more, that holds nothing but what stands in such a number."""
    low = max(0, at - _LONGEST_NUMBER)
    start = low + len(data[low:at].rstrip(_LEET_BYTES))
    after = data[at : at + _LONGEST_NUMBER]
    stretch = len(after) - len(after.lstrip(_LEET_BYTES))
    return start, at + stretch + 1


def _in_letters(signs: bytes) -> bytes:
    return signs.translate(_LETTERS)


def _leet(signs: bytes) -> bytes:
    return signs.translate(_LEET)


def _is_leet_number(signs: bytes) -> bool:
    """Tell whether a run of digits and letters, read as digits, could be a number of somebody's."""
    digits = signs.translate(_LEET, NOT_LEET)
    real = len(signs.translate(None, NOT_DIGITS))
    if b" | " in signs and _BAR.search(signs) is not None:
        return False
    if real == len(digits) or 2 * real < len(digits) - 4:
        return False
    if len(digits) == _NIR_DIGITS or (len(digits) == _NIR_DIGITS - 1 and _CORSICAN.search(signs) is not None):
        return True
    if signs.startswith(b"+") or digits.startswith(b"00"):
        return 9 <= len(digits) <= _LONGEST_DIALLED
    if 12 <= len(digits) <= 19:
        return passes_luhn(digits)
    return 9 <= len(digits) <= 12

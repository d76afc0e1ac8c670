"""Twenty-four ways to write a value so that a plain search misses it: for developing and for tests.

What is measured stands apart, sealed, with values, sentences and spellings of its own. A way that leaves a value as it
is (there is no `@` in a card's number) yields the plain value.
"""

from __future__ import annotations

import codecs
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from stdnum import iban as ibans
from stdnum import luhn
from stdnum.fr import nir as nirs

LOOK_ALIKES = str.maketrans("ABCEHKMOPTXYaceopxyi", "АВСЕНКМОРТХУасеорхуі")
WORDS = (
    ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)


def _joined(mark: str) -> Callable[[str], str]:
    return lambda value: mark.join(value.replace(" ", "") if mark in " ." else value)


def _in_the_middle(mark: str) -> Callable[[str], str]:
    return lambda value: value[: len(value) // 2] + mark + value[len(value) // 2 :]


def _each(write: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: "".join(map(write, value))


def _digits_from(zero: int) -> Callable[[str], str]:
    return _each(lambda char: chr(zero + int(char)) if char in "0123456789" else char)


def _in_fours(value: str) -> list[str]:
    bare = value.replace(" ", "")
    return [bare[at : at + 4] for at in range(0, len(bare), 4)]


def _base64(value: str) -> str:
    return b64encode(value.encode()).decode()


def _marked_down(value: str) -> str:
    third = max(1, len(value) // 3)
    return f"{value[:third]}**{value[third : 2 * third]}**{value[2 * third :]}"


def _in_words(value: str) -> str:
    words = WORDS[len(value) % 2]
    return " ".join("".join(f" {words[int(c)]} " if c in "0123456789" else c for c in value).split())


def _narrow(value: str) -> str:
    return value if "@" in value else value.replace(" ", "\u202f") if " " in value else "\u202f".join(_in_fours(value))


TRANSFORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "zero-width between characters": _joined("\u200b"),
    "one joiner in the middle": _in_the_middle("\u200d"),
    "soft hyphen": _in_the_middle("\u00ad"),
    "Cyrillic look-alikes": lambda value: value.translate(LOOK_ALIKES),
    "full width": _each(lambda char: chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char),
    "Arabic-Indic digits": _digits_from(0x660),
    "mathematical bold digits": _digits_from(0x1D7CE),
    "narrow no-break spaces": _narrow,
    "every character spaced": _joined(" "),
    "dots between characters": _joined("."),
    "newline every four": lambda value: "\n".join(_in_fours(value)),
    "markdown inside": _marked_down,
    "JSON escapes": _each(lambda char: f"\\u{ord(char):04x}"),
    "percent escapes": _each(lambda char: f"%{ord(char):02X}"),
    "HTML entities": _each(lambda char: f"&#{ord(char)};"),
    "base64": _base64,
    "base64 twice": lambda value: _base64(_base64(value)),
    "hex": lambda value: value.encode().hex(),
    "reversed": lambda value: value[::-1],
    "leet O and l": lambda value: value.replace("0", "O").replace("1", "l"),
    "digits in words": _in_words,
    "rot13": lambda value: codecs.encode(value, "rot13"),
    "[at] and [dot]": lambda value: value.replace("@", " [at] ").replace(".", " [dot] ") if "@" in value else value,
}

NAMES = ("anne", "m.durand", "bob_k", "team-nord")
LABELS = ("EMAIL", "IBAN", "NIR", "CARD", "PHONE")
NAMED = {
    "EMAIL": "Contact e-mail : {} merci",
    "IBAN": "Compte IBAN {} du fournisseur",
    "NIR": "Sécurité sociale n° {} de l'assuré",
    "CARD": "Payment card {} was declined",
    "PHONE": "Téléphone {} le matin",
}
BARE = ("Regarde {} et dis-moi", "We have {} in the file", "Il a écrit {} hier soir")


def values(chance: random.Random) -> dict[str, str]:
    """Return a value of each type, with valid check digits."""

    def digits(count: int) -> str:
        return "".join(chance.choice("0123456789") for _ in range(count))

    bank, desk, account = digits(5), digits(5), digits(11)
    key = 97 - (89 * int(bank) + 15 * int(desk) + 3 * int(account)) % 97
    bban = chance.choice([f"FR{bank}{desk}{account}{key:02d}", "DE" + digits(18), "LU" + digits(16)])
    iban = bban[:2] + ibans.calc_check_digits(bban[:2] + "00" + bban[2:]) + bban[2:]
    born = f"{chance.choice('12')}{chance.randint(50, 99)}{chance.randint(1, 12):02d}"
    nir = f"{born}{chance.choice(['75', '33', '2A', '62'])}{chance.randint(1, 300):03d}{chance.randint(1, 400):03d}"
    nir += nirs.calc_check_digits(nir)
    card = chance.choice(["4929", "5254", "4556", "5401"]) + digits(11)
    card += luhn.calc_check_digit(card)
    phone = f"0{chance.choice('1234567')}{chance.choice('2345678')}{digits(7)}"
    grouped = chance.random() < 0.5
    return {
        "EMAIL": f"{chance.choice(NAMES)}{chance.randint(1, 99)}@example.{chance.choice(['com', 'org', 'net'])}",
        "IBAN": " ".join(_in_fours(iban)) if grouped else iban,
        "NIR": f"{nir[0]} {nir[1:3]} {nir[3:5]} {nir[5:7]} {nir[7:10]} {nir[10:13]} {nir[13:]}" if grouped else nir,
        "CARD": " ".join(_in_fours(card)) if grouped else card,
        "PHONE": " ".join(phone[at : at + 2] for at in range(0, 10, 2)) if grouped else phone,
    }


def cells(per_cell: int = 60, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield disguised values in sentences, so many for each way and type; half of the sentences name the type."""
    chance = random.Random(seed)
    for name, change in TRANSFORMS.items():
        for label in LABELS:
            for number in range(per_cell):
                keyword = number % 2 == 0
                carrier = NAMED[label] if keyword else chance.choice(BARE)
                value = change(values(chance)[label])
                start = carrier.index("{}")
                text = carrier.replace("{}", value)
                yield {
                    "transform": name,
                    "label": label,
                    "text": text,
                    "start": start,
                    "end": start + len(value),
                    "keyword": keyword,
                }

"""The data rows that detectors work from, decoded once. Where the files lie is left to the shell.

Rows are part of the product: a row that does not decode is a fault of its author, named by file and row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from douane.core.digest import canonical, digest
from douane.detect.identifier_rows import IdentifierRow, WordRows, identifier_rows, word_rows
from douane.detect.people_rows import PeopleRows, people_rows
from douane.errors import ConfigurationError

MARK_REACH: Final = 48
_DIGITS: Final = 10

FILES: tuple[str, ...] = ("numbers", "secrets", "marks", "views", "identifiers", "people")


@dataclass(frozen=True, slots=True)
class CardRange:
    """First digits of an issuer, as a pattern, the lengths it uses, and those that count near a keyword only."""

    brand: str
    prefix: str
    lengths: tuple[int, ...]
    named: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A credential with a literal prefix. `then` is a pattern that must follow, `glued` lets a word precede, `drawn`
    rules out what is written in words, where words begin with the prefix as well.
    """

    detail: str
    prefixes: tuple[str, ...]
    body: str
    shortest: int
    longest: int
    then: str
    glued: bool
    drawn: bool


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """A credential by its shape: `pattern` begins `width` bytes, or at most `back` bytes, before the probe's end,
    and ends at most `reach` bytes after it. `alive`: placeholder rules out those, password and drawn ask for more.
    """

    detail: str
    probe: str
    pattern: str
    width: int
    back: int
    reach: int
    caseless: bool
    alive: str


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """Names of settings that hold credentials: `kind` is password, quoted (a password in quotes), secret or common
    (which also names harmless things).

    `shortest` is the least length of a value that must look drawn; `loose` names may do without a sign of assignment.
    """

    detail: str
    names: tuple[str, ...]
    kind: str
    shortest: int
    loose: bool


@dataclass(frozen=True, slots=True)
class VendorRow:
    """A vendor whose credentials have no telling prefix: they count beside its name. `body` may be "".

    Of `names`, those in `ordinary` are words as well: beside them, a word must say that something is a credential.
    """

    detail: str
    names: tuple[str, ...]
    body: str
    shortest: int
    longest: int
    ordinary: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A protection mark: `where` is phrase, strong, capitals or header; `reach` the bytes around the probe's end that
    it may lie in.
    """

    detail: str
    pattern: str
    probe: str
    where: str
    reach: int


@dataclass(frozen=True, slots=True)
class SpokenRow:
    """A language's number words: ten digits with their spellings, and what doubles or triples one, or says plus."""

    digits: tuple[tuple[str, ...], ...]
    double: tuple[str, ...]
    triple: tuple[str, ...]
    plus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All rows, and a short digest of the files they came from."""

    iban_lengths: Mapping[str, int]
    vat_structures: Mapping[str, str]
    cards: tuple[CardRange, ...]
    tokens: tuple[TokenRow, ...]
    shapes: tuple[ShapeRow, ...]
    keywords: tuple[KeywordRow, ...]
    harmless: tuple[str, ...]
    vendors: tuple[VendorRow, ...]
    marks: tuple[MarkRow, ...]
    reports: Mapping[str, Mapping[str, float]]
    identifiers: tuple[IdentifierRow, ...]
    words: WordRows
    people: PeopleRows
    alike: Mapping[str, str]
    spoken: tuple[SpokenRow, ...]
    digest: str


def decode(tables: Mapping[str, Mapping[str, Any]]) -> Rules:
    """Return the rules of the parsed files, by name; raise ConfigurationError where one does not decode."""
    for name in FILES:
        if name not in tables:
            raise _broken(name)
    rows = digest(canonical({name: tables[name] for name in FILES}))
    try:
        return _rules(tables, rows[:8])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(" or ".join(FILES)) from error


def _broken(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The detector rows of `{name}.toml` are missing or do not decode.",
        "Install Douane again, or mend the file: every row needs the fields that its comment names.",
        rule="Detectors run with all of their rows or not at all.",
        param=name,
    )


def _rules(tables: Mapping[str, Mapping[str, Any]], rows: str) -> Rules:
    numbers, secrets, marks, views, identifiers, people = (tables[name] for name in FILES)
    return Rules(
        iban_lengths=dict(numbers["iban"]["length"]),
        vat_structures=dict(numbers["vat"]["structure"]),
        cards=tuple(
            CardRange(row["brand"], row["prefix"], tuple(row["lengths"]), tuple(row.get("named", ())))
            for row in numbers["card"]
        ),
        tokens=tuple(_token(row, secrets["alphabet"]) for row in secrets["token"]),
        shapes=tuple(_shape(row) for row in secrets["shape"]),
        keywords=tuple(_keyword(row) for row in secrets["keyword"]),
        harmless=tuple(secrets["harmless"]["words"]),
        vendors=(*_vendors(secrets),),
        marks=tuple(map(_mark, marks["mark"])),
        reports={name: dict(row) for name, row in views["reports"].items()},
        identifiers=identifier_rows(identifiers),
        words=word_rows(identifiers),
        people=people_rows(people),
        alike=dict(views["alike"]),
        spoken=tuple(map(_spoken, views["spoken"].values())),
        digest=rows,
    )


def _token(row: Mapping[str, Any], alphabets: Mapping[str, str]) -> TokenRow:
    shortest, longest = row["length"]
    return TokenRow(
        row["detail"], tuple(row["prefixes"]), alphabets[row["body"]], shortest, longest, row.get("then", ""),
        row.get("glued", False), row.get("drawn", False),
    )  # fmt: skip


def _vendors(secrets: Mapping[str, Any]) -> Iterator[VendorRow]:
    """Yield the rows of vendors: those with a form of their own, and those with a name alone."""
    alphabets, ordinary = secrets["alphabet"], frozenset(secrets["ordinary"]["names"])
    for row in secrets["vendor"]:
        names, (shortest, longest) = tuple(row["names"]), row["length"]
        yield VendorRow(row["detail"], names, alphabets[row["body"]], shortest, longest, ordinary.intersection(names))
    for name in secrets["named"]["names"]:
        yield VendorRow(name.replace(" ", "-"), (name,), "", 0, 0, ordinary.intersection((name,)))


def _keyword(row: Mapping[str, Any]) -> KeywordRow:
    return KeywordRow(row["detail"], tuple(row["names"]), row["kind"], row["shortest"], row["loose"])


def _spoken(row: Mapping[str, Any]) -> SpokenRow:
    digits = tuple(tuple(spellings.split("|")) for spellings in row["digits"])
    if len(digits) != _DIGITS:
        raise ValueError(row["digits"])
    return SpokenRow(digits, tuple(row["double"]), tuple(row["triple"]), tuple(row["plus"]))


def _mark(row: Mapping[str, Any]) -> MarkRow:
    return MarkRow(row["detail"], row["pattern"], row["probe"], row["where"], row.get("reach", MARK_REACH))


def _shape(row: Mapping[str, Any]) -> ShapeRow:
    return ShapeRow(
        row["detail"], row["probe"], row["pattern"], row["width"], row.get("back", 0), row.get("reach", 256),
        row.get("caseless", False), row.get("alive", ""),
    )  # fmt: skip

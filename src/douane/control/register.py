"""Write what is a tenant's own into files of keyed hashes: names (dictionaries) and documents (fingerprints).

Rules enforced:
1. A file holds keyed hashes only, and is added to only with the key that it was written with.
2. A key is made once, in a file that its owner alone may read; what is there is never overwritten.
3. A line that can be no name is told by its number and passed over; a document that can't be read is refused, and with
   it all that were named beside it: nothing is ever registered in part without being told.

Which words count is decided in `douane.detect.registered`; in whose requests they are looked for, in the configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from douane.config.fields import REGISTERED
from douane.config.text import cause_of, read_regular
from douane.detect.registered.names import Unfit, dictionary, words_of
from douane.detect.registered.prints import RECOGNISED, fingerprint
from douane.detect.registered.seal import LONGEST_FILE_BYTES, MOST_HASHES, Kind, Seal, Sealed, read, written
from douane.detect.registered.words import tokens
from douane.errors import InvalidRequest

TEXT_ENDINGS: Final = (".txt", ".md")
KEY_FILE: Final = "hashing.key"
LONGEST_SOURCE_BYTES: Final = 64 * 1024 * 1024
LONGEST_KEY_BYTES: Final = 1024
MOST_NAMES: Final = MOST_HASHES // 2
_ENDING: Final = {"dictionary": ".dict", "fingerprint": ".prints"}
_SECTION: Final = {"dictionary": "dictionaries", "fingerprint": "fingerprints"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files go. `key_file` is made where it is missing; `replace` forgets what the file held before."""

    folder: Path
    key_file: Path | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What was written. `unfit` names the lines that can be no names: source, number, why."""

    kind: Kind
    name: str
    file: Path
    key_file: Path
    key_made: bool
    count: int
    unfit: tuple[tuple[str, int, str], ...] = ()

    @property
    def setting(self) -> str:
        """Return the table that puts it in force."""
        return (
            f"[{_SECTION[self.kind]}.{_key_of_table(self.name)}]\n"
            f'file = "{self.file.as_posix()}"\nkey = "file:{self.key_file.as_posix()}"\n'
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "file": str(self.file),
            "key_file": str(self.key_file),
            "key_made": self.key_made,
            "count": self.count,
            "unfit": [{"source": source, "line": line, "reason": why} for source, line, why in self.unfit],
            "setting": self.setting,
        }


def add_names(name: str, lists: Sequence[tuple[str, bytes]], place: Place, random: bytes) -> Added:
    """Add the names of some lists, one a line, given with what they are called; blank lines and `#` lines are none.

    `random` are 32 bytes for a key that may have to be made. Raises InvalidRequest, ConfigurationError.
    """
    file = _file_of("dictionary", name, place)
    names: list[list[bytes]] = []
    unfit: list[tuple[str, int, str]] = []
    for source, data in lists:
        for number, line in _lines(source, data):
            try:
                names.append(words_of(line))
            except Unfit as error:
                unfit.append((source, number, str(error)))
    if not names:
        raise InvalidRequest(
            f"The list has no name that can be looked for ({len(unfit)} lines were unfit).",
            "Write one name a line: one to eight words, at least four letters and digits.",
            rule="A dictionary has at least one name.",
        )
    if len(names) > MOST_NAMES:
        raise InvalidRequest(
            f"The list has {len(names)} names; at most {MOST_NAMES} are kept in one dictionary.",
            "Make several dictionaries of it.",
        )
    seal, key_file, made = _seal(place, random)
    content = dictionary(names, seal, _former(file, "dictionary", seal, place))
    _write(file, written(content))
    return Added("dictionary", name, file, key_file, made, content.count, tuple(unfit))


def add_documents(
    name: str, documents: Sequence[Path], boilerplate: Sequence[Path], place: Place, random: bytes
) -> Added:
    """Add fingerprints of some documents (.txt, .md), what `boilerplate` holds left out. Errors as in `add_names`."""
    file = _file_of("fingerprint", name, place)
    texts = [_document(path) for path in documents]
    for path, text in zip(documents, texts, strict=True):
        count = len(tokens(text))
        if count < RECOGNISED:
            raise InvalidRequest(
                f"`{path}` has {count} words; a page of {RECOGNISED} words is what can be recognised.",
                "Put short texts into a dictionary, as names: `douane dictionary add`.",
                rule="What is registered can be recognised.",
                param=str(path),
            )
    known = [_document(path) for path in boilerplate]
    seal, key_file, made = _seal(place, random)
    content = fingerprint(texts, seal, known, _former(file, "fingerprint", seal, place))
    if len(content.hashes) // 8 > MOST_HASHES:
        raise InvalidRequest(
            f"The documents have more than {MOST_HASHES} fingerprints, the most that one file holds.",
            "Register them under several names.",
        )
    _write(file, written(content))
    return Added("fingerprint", name, file, key_file, made, content.count)


def _file_of(kind: Kind, name: str, place: Place) -> Path:
    if re.fullmatch(REGISTERED, name) is None:
        raise InvalidRequest(
            f"The name of a {kind} is told in findings, and is 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`.",
            "Choose another name, such as `projects`.",
            param="NAME",
        )
    return place.folder / f"{name}{_ENDING[kind]}"


def _lines(source: str, data: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_text(source, data).splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _document(path: Path) -> bytes:
    if path.suffix.lower() not in TEXT_ENDINGS:
        raise InvalidRequest(
            f"`{path}` is neither .txt nor .md: only plain text is read.",
            "Save it as text first (a PDF, for example, with `pdftotext`), then add that.",
            rule="A document is registered as the text that people paste.",
            param=str(path),
        )
    try:
        data, _ = read_regular(path, LONGEST_SOURCE_BYTES)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"`{path}` {cause_of(error)}.", "Name a text that can be read.", param=str(path)
        ) from error
    return _text(str(path), data).encode()


def _text(source: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\0", " ")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"`{source}` is not UTF-8 text: see its byte {error.start}.", "Save it as UTF-8.", param=source
        ) from error


def _seal(place: Place, random: bytes) -> tuple[Seal, Path, bool]:
    """Return the key's seal, its file, and whether it was made now."""
    path = place.key_file or place.folder / KEY_FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _known_seal(path), path, False
    except OSError as error:
        raise _unwritable(path) from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{random.hex()}\n")
    return Seal(random.hex()), path, True


def _known_seal(path: Path) -> Seal:
    try:
        data, _ = read_regular(path, LONGEST_KEY_BYTES)
        return Seal(data.decode("ascii").strip())
    except (OSError, ValueError) as error:
        fact = f"The key `{path}` {cause_of(error)}."
        raise InvalidRequest(fact, "Name the key's file with `--key`, readable by you.", param="--key") from error


def _former(file: Path, kind: Kind, seal: Seal, place: Place) -> Sealed | None:
    if place.replace or not file.exists():
        return None
    try:
        data, _ = read_regular(file, LONGEST_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"`{file}` is there, and {cause_of(error)}.", "Mend it, or write it anew with `--replace`."
        ) from error
    return read(data, kind, seal)


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, for its owner alone."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        beside.replace(file)
    except OSError as error:
        raise _unwritable(file) from error


def _unwritable(path: Path) -> InvalidRequest:
    return InvalidRequest(
        f"`{path}` can't be written.", "Name a folder that exists and that you may write to: `--folder`."
    )


def _key_of_table(name: str) -> str:
    return f'"{name}"' if "." in name else name

"""Dictionaries and fingerprints: their files of keyed hashes, whose requests they count for, and their labels.

A file that is missing, damaged or of another key is a problem: a list that is not read would find nothing, in silence.
What is in a file, and how it is looked for, is decided in `douane.detect.registered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from douane.config import schema
from douane.config.labels import Labels
from douane.config.problems import Path, Problems, dotted, quoted
from douane.config.text import cause_of, read_regular
from douane.core.label import Label
from douane.detect.registered.seal import LONGEST_FILE_BYTES, Kind, Seal, read
from douane.detect.registered.watch import Registered
from douane.errors import ConfigurationError

SECTIONS: tuple[tuple[str, Kind, str], ...] = (
    ("dictionaries", "dictionary", "DICTIONARY"),
    ("fingerprints", "fingerprint", "FINGERPRINT"),
)
"""Section of the configuration, kind of its files, type of the findings."""

Tables = Mapping[str, Mapping[str, schema.Registered]]
"""The sections, by name."""


def tables_of(document: schema.Document) -> Tables:
    """Return the sections of what tenants register."""
    return {"dictionaries": document.dictionaries, "fingerprints": document.fingerprints}


def registered_labels(tables: Tables, labels: Labels) -> Mapping[str, Label]:
    """Return the labels that the sections themselves give, as rows of a policy map."""
    rows: dict[str, Label] = {}
    for section, _, finding in SECTIONS:
        for name, wanted in tables[section].items():
            if wanted.label is None:
                continue
            label = labels.label((section, name, "label"), wanted.label.level, wanted.label.compartments)
            if label is not None:
                rows[f"{finding}:{name}"] = label
    return rows


def compile_registered(tables: Tables, base_dir: FilePath, problems: Problems) -> tuple[Registered, ...]:
    """Return what tenants registered, read whole; a problem for each file that can't be."""
    found = (
        _registered(kind, name, wanted, (section, name), base_dir, problems)
        for section, kind, _ in SECTIONS
        for name, wanted in tables[section].items()
    )
    return tuple(one for one in found if one is not None)


def _registered(
    kind: Kind, name: str, wanted: schema.Registered, path: Path, base_dir: FilePath, problems: Problems
) -> Registered | None:
    if problems.doubtful(*path, "key") or problems.doubtful(*path, "file"):
        return None
    setting: Path = (*path, "key")
    try:
        seal = Seal(wanted.key)
        setting = (*path, "file")
        data, _ = read_regular(base_dir / wanted.file, LONGEST_FILE_BYTES)
        content = read(data, kind, seal)
    except ConfigurationError as error:
        where = f"`{dotted(setting)}`" + (f" names {quoted(wanted.file)}" if setting[-1] == "file" else "")
        problems.refuse(setting, error.rule, f"{where}: {_in_a_sentence(error.problem)}", error.fix)
    except (OSError, ValueError) as error:
        problems.refuse(
            setting,
            "Dictionaries and fingerprints are files that can be read.",
            f"`{dotted(setting)}` names the file {quoted(wanted.file)}, which {cause_of(error)}.",
            f"Write it: `douane {kind} add {name} FILE`.",
        )
    else:
        return Registered(name, tuple(wanted.owners or ()), wanted.key.lower(), content)
    return None


def _in_a_sentence(problem: str) -> str:
    return problem[:1].lower() + problem[1:]

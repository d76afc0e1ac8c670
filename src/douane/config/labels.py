"""Labels, clearances and the policy: from words to the lattice's values.

A compartment is one that Douane assigns itself or one that `policy.compartments` declares: a misspelt one would clear
or mark nothing, in silence. The shipped policy is data/detectors/policy.toml; a finding type that neither it nor the
configuration maps gets the label of `policy.unknown` (law 2).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from douane.config import schema
from douane.config.fields import MappedLabel
from douane.config.problems import Path, Problems, choose, dotted, quoted
from douane.config.version import version_of
from douane.core.finding import FINDING_TYPES
from douane.core.label import COMPARTMENTS, RESTRICTED, Clearance, Label, Level
from douane.core.traffic.snapshot import Policy, Snapshot
from douane.detect.names import LAYER as NAMES_LAYER
from douane.detect.settings import MEANING_LAYERS, MeaningSettings, NamesSettings

EVERY = "*"


def shipped_map() -> Mapping[str, Any]:
    """Return the shipped policy: finding type, or `TYPE:detail`, to `{"level", "compartments"}`."""
    text = files("douane").joinpath("data", "detectors", "policy.toml").read_text(encoding="utf-8")
    mapped: Mapping[str, Any] = tomllib.loads(text)["map"]
    return mapped


class Labels:
    """Reads labels with the compartments that one configuration knows."""

    def __init__(self, declared: Iterable[str], problems: Problems) -> None:
        self._known = COMPARTMENTS | frozenset(declared)
        self._knows_all = not problems.doubtful("policy", "compartments")
        self._problems = problems

    def label(self, path: Path, level: str, compartments: Iterable[str]) -> Label | None:
        """Return a label; None, and a problem for each, where it names compartments that are not known."""
        marks = tuple(compartments)
        fine = [self._is_known((*path, "compartments", place), mark) for place, mark in enumerate(marks)]
        return Label(_level(level), frozenset(marks)) if all(fine) else None

    def clearance(self, path: Path, level: str, compartments: Iterable[str]) -> Clearance | None:
        """Return what a zone may take; `*` stands for every compartment and stands alone."""
        marks = tuple(compartments)
        if marks == (EVERY,):
            return Clearance(_level(level), every_compartment=True)
        label = self.label(path, level, marks)
        return Clearance(label.level, label.compartments) if label is not None else None

    def _is_known(self, path: Path, mark: str) -> bool:
        if mark in self._known:
            return True
        if mark == EVERY:
            self._problems.refuse(
                path,
                "`*` stands for every compartment of a zone's clearance, alone.",
                f"`{dotted(path)}` is `*`, which stands alone, and for a zone only.",
                "Name the compartments one by one.",
            )
            return False
        if not self._knows_all:
            return False
        self._problems.refuse(
            path,
            "A compartment is one that Douane assigns, or one that you declare.",
            f"`{dotted(path)}` is {quoted(mark)}, which Douane does not assign and you do not declare.",
            f"{choose(mark, self._known, '')} Or add {quoted(mark)} to `policy.compartments`.",
        )
        return False


def _level(word: str) -> Level:
    level = Level.parse(word)
    if level is None:  # the shape was checked: a broken promise, not an outsider's doing
        raise ValueError("not a level")
    return level


_PATTERNS = "patterns"
_MEANING: Mapping[str, tuple[str, ...]] = {
    "off": (),
    "light": MEANING_LAYERS[:1],
    "full": MEANING_LAYERS,
}
"""Which layers, beside the patterns, must have read whatever leaves the premises, by `policy.meaning`."""


_NAMES: Mapping[str, frozenset[str]] = {"patterns": frozenset(), "ner": frozenset((NAMES_LAYER,))}


def compile_meaning(given: schema.Policy, snapshot: Snapshot, problems: Problems) -> MeaningSettings:
    """Return what reads for meaning: nothing does where no deployment is off the premises."""
    away = sorted({one.zone for one in snapshot.deployments.values() if not snapshot.zones[one.zone].premises})
    if away and given.meaning != "full":
        read = "is read by patterns alone" if given.meaning == "off" else "is read by patterns and a sieve"
        problems.warn(
            "meaning_unread",
            "What leaves the premises is read for its meaning.",
            f"`policy.meaning` is `{given.meaning}`: what goes to zone {quoted(away[0])} {read}.",
            "Leave `policy.meaning` at `full`, unless labels that clients declare suffice you.",
        )
    layers = _MEANING[given.meaning] if away else ()
    return MeaningSettings(layers, float(given.meaning_deadline_s), given.meaning_processes, given.meaning_windows)


def compile_names(given: schema.Policy, snapshot: Snapshot, problems: Problems) -> NamesSettings:
    """Return whether names are found in running text: where policy says so, and some deployment's zone masks them."""
    asked = given.names == "ner"
    wanted = asked and any(snapshot.zones[one.zone].masks_names for one in snapshot.deployments.values())
    if asked and not wanted:
        problems.warn(
            "names_unused",
            "Names in running text are found for masking alone.",
            "`policy.names` is `ner`, and no zone with a deployment masks `PERSON`: nothing is read for names.",
            "Add `PERSON` to the `mask` of a zone, or leave `policy.names` at `patterns`.",
        )
    return NamesSettings(wanted, float(given.names_deadline_s))


def compile_policy(
    given: schema.Policy,
    owners: Mapping[str, schema.Owner],
    labels: Labels,
    problems: Problems,
    shipped: Mapping[str, Any],
    registered: Mapping[str, Label],
) -> Policy:
    """Return the policy: the shipped map, the labels of what is `registered`, the configuration's map, each owner's.

    What comes later overrides; every finding type is mapped.
    """
    path: Path = ("policy",)
    unknown = labels.label((*path, "unknown"), given.unknown.level, given.unknown.compartments) or RESTRICTED
    mapped: dict[str, Label] = dict.fromkeys(FINDING_TYPES, unknown)
    for name, row in shipped.items():
        mapped[name] = _mapped(row["level"], row.get("compartments", ()), unknown)
    mapped |= registered
    mapped |= _overrides(given.map, (*path, "map"), unknown, labels, problems)
    of_owners = {
        name: mapped | _overrides(owner.map, ("owners", name, "map"), unknown, labels, problems)
        for name, owner in owners.items()
        if owner.map
    }
    if given.allow_unchecked:
        problems.warn(
            "unchecked_allowed",
            "Unverified weights are not routable.",
            "`policy.allow_unchecked` is true: deployments with unchecked weights may serve.",
            "Verify their models and set it to false; it is meant for trials.",
        )
    policy = Policy(
        unknown,
        given.allow_unchecked,
        mapped,
        owners=of_owners,
        layers=frozenset((_PATTERNS, *_MEANING[given.meaning])),
        vault_s=int(given.vault_s),
        name_layers=_NAMES[given.names],
    )
    return replace(policy, version=version_of(policy))


def _overrides(
    given: Mapping[str, MappedLabel], path: Path, unknown: Label, labels: Labels, problems: Problems
) -> dict[str, Label]:
    """Return what a configured map says, a problem for each row that says nothing."""
    mapped: dict[str, Label] = {}
    for name, wanted in given.items():
        here: Path = (*path, name)
        kind = name.partition(":")[0]
        if kind not in FINDING_TYPES:
            problems.refuse(
                here,
                "A policy maps finding types.",
                f"`{dotted(here)}` names the finding type {quoted(kind)}, which does not exist.",
                choose(kind, FINDING_TYPES, ""),
            )
            continue
        word = unknown.level.word if wanted.level == "unknown" else wanted.level
        label = labels.label(here, word, wanted.compartments)
        if label is not None:
            mapped[name] = label | unknown if wanted.level == "unknown" else label
    return mapped


def _mapped(level: str, compartments: Iterable[str], unknown: Label) -> Label:
    if level == "unknown":
        return unknown | Label(unknown.level, frozenset(compartments))
    return Label(_level(level), frozenset(compartments))

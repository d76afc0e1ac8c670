"""Findings, declarations and floors make a label (laws 2 and 3).

Rules enforced:
1. The label is the join of the declaration, the key's floor and what each finding is mapped to: it only rises.
2. A layer that failed, or findings that were cut, count as unread: at least `policy.unknown`.
3. A finding whose type the policy does not map counts as unknown, not as nothing.
4. Reasons name types, counts and places told in words of the API; never a value, never a key of the caller's own.

Which findings there are is decided in `douane.detect`; where the label may go, in `clearance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from douane.core.api_words import public_place
from douane.core.finding import Failure, Finding, Inspection
from douane.core.label import PUBLIC, Label, Level
from douane.core.reason import Reason
from douane.core.traffic.snapshot import Policy

MOST_REASONS: Final = 32

_FIX_FINDING = "Remove it from the request, or send it to a deployment in a zone cleared for the label."
_FIX_UNREAD = "Send the request to a deployment on the premises, or send content that can be read as text."
_MAP_RULE = "policy.map gives each finding a label."


@dataclass(frozen=True, slots=True)
class Classified:
    """What a request is, and why. `reasons` are sorted: the highest cause first."""

    label: Label
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()


_NOTHING: Final = Classified(PUBLIC)


def classify(
    inspection: Inspection | Failure, policy: Policy, *, declared: Label = PUBLIC, floor: Label = PUBLIC
) -> Classified:
    """Return the label of a request with its reasons."""
    if type(inspection) is Inspection and not inspection.findings and not inspection.cut:
        if declared is PUBLIC and floor is PUBLIC:
            return _NOTHING
        return Classified(declared | floor, _stated(declared, floor))
    causes = [_Cause(label, reason) for label, reason in _stated_causes(declared, floor)]
    findings: tuple[Finding, ...] = ()
    if isinstance(inspection, Failure):
        causes.append(_Cause(policy.unknown, _failed(inspection, policy.unknown)))
    else:
        findings = inspection.findings
        causes += _found(findings, policy)
        if inspection.cut:
            causes.append(_Cause(policy.unknown, _cut(policy.unknown)))
    label = PUBLIC
    for cause in causes:
        label = label | cause.label
    return Classified(label, _bounded(causes), findings)


def label_of(finding: Finding, policy: Policy) -> Label:
    """Return what one finding makes of a request: its detail's row, else its type's, else `policy.unknown`."""
    return _label(finding.type, finding.detail, policy.map, policy.unknown)


class _Cause(NamedTuple):
    label: Label
    reason: Reason

    def rank(self) -> tuple[int, int, str, str]:
        return -self.label.level, -len(self.label.compartments), self.reason.code, self.reason.fact


def _label(kind: str, detail: str, rows: Mapping[str, Label], unknown: Label) -> Label:
    if detail:
        specific = rows.get(f"{kind}:{detail}")
        if specific is not None:
            return specific
    return rows.get(kind, unknown)


def _stated_causes(declared: Label, floor: Label) -> list[tuple[Label, Reason]]:
    causes = []
    if declared != PUBLIC:
        causes.append((declared, _declared(declared)))
    if floor != PUBLIC:
        causes.append((floor, _floor(floor)))
    return causes


def _stated(declared: Label, floor: Label) -> tuple[Reason, ...]:
    return tuple([reason for _, reason in _stated_causes(declared, floor)])


def _declared(label: Label) -> Reason:
    return _PLAIN_DECLARED[label.level] if not label.compartments else _new_declared(label)


def _floor(label: Label) -> Reason:
    return _PLAIN_FLOOR[label.level] if not label.compartments else _new_floor(label)


def _new_declared(label: Label) -> Reason:
    return Reason(
        "declared",
        "A declaration only raises the label.",
        f"The caller declared `{label}`.",
        "Declare less, if the content allows it.",
    )


def _new_floor(label: Label) -> Reason:
    return Reason(
        "floor",
        "Nothing that a key sends lies below the key's floor.",
        f"The key's floor is `{label}`.",
        "Use a key with a lower floor.",
    )


_PLAIN_DECLARED: Final = {level: _new_declared(Label(level)) for level in Level}
_PLAIN_FLOOR: Final = {level: _new_floor(Label(level)) for level in Level}


def _found(findings: tuple[Finding, ...], policy: Policy) -> list[_Cause]:
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], tuple[str, int]] = {}
    for finding in findings:
        cause = (finding.type, finding.detail)
        place = (finding.pointer, finding.start)
        counts[cause] = counts.get(cause, 0) + 1
        if cause not in first or place < first[cause]:
            first[cause] = place
    return [
        _Cause(label := _label(*cause, policy.map, policy.unknown), _finding(cause, count, first[cause][0], label))
        for cause, count in counts.items()
    ]


def _finding(cause: tuple[str, str], count: int, pointer: str, label: Label) -> Reason:
    name = f"{cause[0]} ({cause[1]})" if cause[1] else cause[0]
    times = f"{count} findings" if count > 1 else "1 finding"
    return Reason(
        "finding",
        _MAP_RULE,
        f"{times} of {name}, the first in {public_place(pointer)}: `{label}`.",
        _FIX_UNREAD if cause[0] in ("UNREADABLE", "BLOB") else _FIX_FINDING,
    )


def _failed(failure: Failure, unknown: Label) -> Reason:
    return Reason(
        "unread",
        "What a layer did not read counts as policy.unknown.",
        f"Layer {failure.layer} did not finish ({failure.cause}): `{unknown}`.",
        "Try again; if it goes on, look at the gateway's load, or send less at once.",
    )


def _cut(unknown: Label) -> Reason:
    return Reason(
        "cut",
        "What was not read to its end counts as policy.unknown.",
        f"There are more findings than are listed: `{unknown}`.",
        "Send less at once, or send it to a deployment in a zone cleared for the label.",
    )


def _bounded(causes: list[_Cause]) -> tuple[Reason, ...]:
    ranked = sorted(causes, key=_Cause.rank)
    reasons = [cause.reason for cause in ranked[:MOST_REASONS]]
    if len(ranked) > MOST_REASONS:
        left = len(ranked) - MOST_REASONS + 1
        reasons[-1] = Reason(
            "more", _MAP_RULE, f"{left} further causes are not listed; none is higher than these.", _FIX_FINDING
        )
    return tuple(reasons)

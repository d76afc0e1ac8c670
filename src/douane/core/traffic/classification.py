"""Findings, declarations, floors and what a conversation held make a label (laws 2 and 3).

Rules enforced:
1. The label is the join of the declaration, the key's floor and what each finding is mapped to: it only rises.
2. A layer that failed, or findings that were cut, count as unread: at least `policy.unknown`.
3. A finding whose type the policy does not map counts as unknown, not as nothing.
4. What a conversation was before counts where it raises; turns that a required layer did not read are unread.
5. Reasons name types, counts and places told in words of the API; never a value, never a key of the caller's own.

Which findings there are is decided in `douane.detect`; where the label may go, in `clearance`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from douane.core.api_words import public_place
from douane.core.finding import Failure, Finding, Inspection
from douane.core.label import PUBLIC, Clearance, Label, Level
from douane.core.reason import Reason
from douane.core.traffic.snapshot import Policy

MOST_REASONS: Final = 32

_FIX_FINDING = "Remove it from the request, or send it to a deployment in a zone cleared for the label."
_FIX_UNREAD = "Send the request to a deployment on the premises, or send content that can be read as text."
_MAP_RULE = "policy.map gives each finding a label."


class Classified:
    """What a request is, and why.

    Most requests need the label and the codes only: the reasons are put into words when somebody asks for them.
    """

    __slots__ = ("_causes", "_findings", "_reasons", "label")

    def __init__(self, label: Label, causes: Sequence[_Cause] = (), findings: Sequence[Finding] = ()) -> None:
        self.label = label
        self._causes = causes
        self._findings = findings
        self._reasons: tuple[Reason, ...] | None = None

    def raised(self, causes: Sequence[_Cause]) -> Classified:
        """Return this with further causes."""
        label = self.label
        for cause in causes:
            label = label | cause.label
        return Classified(label, [*self._causes, *causes], self._findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the reasons, each once: that of the highest cause first."""
        causes = self._causes
        if not causes:
            return ()
        if len(causes) == 1:
            return (causes[0].code,)
        if len(causes) > MOST_REASONS:
            return tuple(dict.fromkeys([reason.code for reason in self.reasons]))
        highest: dict[str, tuple[int, int]] = {}
        for cause in causes:
            rank, code = cause.rank(), cause.code
            if code not in highest or rank < highest[code]:
                highest[code] = rank
        return tuple(sorted(highest, key=lambda code: (highest[code], code)))

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return at most `MOST_REASONS`, sorted: the highest cause first."""
        if self._reasons is None:
            self._reasons = _told(self._causes, self._findings)
        return self._reasons


_NOTHING: Final = Classified(PUBLIC)


def classify(
    inspection: Inspection | Failure,
    policy: Policy,
    *,
    declared: Label = PUBLIC,
    floor: Label = PUBLIC,
    owner: str = "",
) -> Classified:
    """Return the label of a request with its reasons, by the map of the key's owner."""
    if isinstance(inspection, Failure):
        return _joined([*_stated(declared, floor), _failed(inspection, policy.unknown)])
    findings = inspection.findings
    if not findings and not inspection.cut and not inspection.failed:
        causes = _stated(declared, floor)
        return Classified(declared | floor, causes) if causes else _NOTHING
    causes = _stated(declared, floor)
    rows, unknown = policy.map_of(owner), policy.unknown
    for cause, count in inspection.causes.items():
        causes.append(_Cause(_label(*cause, rows, unknown), "finding", None, cause, count))
    if inspection.cut:
        causes.append(_cut(unknown))
    causes += [_failed(failure, unknown) for failure in inspection.failed]
    return _joined(causes, findings)


def going_on(now: Classified, earlier: Label, unread: Collection[str], unknown: Label) -> Classified:
    """Add what the conversation was before, where that raises the label.

    `earlier` is the label of its other turns, `unread` names the layers that did not read all of them.
    """
    causes = []
    if not earlier <= now.label:
        causes.append(_earlier(earlier))
    if unread and not unknown <= now.label | earlier:
        causes.append(_earlier_unread(unread, unknown))
    return now.raised(causes) if causes else now


def _joined(causes: list[_Cause], findings: Sequence[Finding] = ()) -> Classified:
    label = PUBLIC
    for cause in causes:
        label = label | cause.label
    return Classified(label, causes, findings)


def label_of(finding: Finding, policy: Policy) -> Label:
    """Return what one finding makes of a request: its detail's row, else its type's, else `policy.unknown`."""
    return _label(finding.type, finding.detail, policy.map, policy.unknown)


def types_above(clearance: Clearance, inspection: Inspection, policy: Policy, owner: str) -> list[str]:
    """Return the types of findings, each once, whose label a clearance does not permit."""
    rows, unknown = policy.map_of(owner), policy.unknown
    above = [kind for kind, detail in inspection.causes if not clearance.permits(_label(kind, detail, rows, unknown))]
    return list(dict.fromkeys(above))


class _Cause(NamedTuple):
    """What raises a label. That of findings, of one type and detail, has no reason before one is asked for."""

    label: Label
    code: str
    reason: Reason | None
    found: tuple[str, str] = ("", "")
    times: int = 0

    def rank(self) -> tuple[int, int]:
        return -self.label.level, -len(self.label.compartments)


def _label(kind: str, detail: str, rows: Mapping[str, Label], unknown: Label) -> Label:
    if detail:
        specific = rows.get(f"{kind}:{detail}")
        if specific is not None:
            return specific
    return rows.get(kind, unknown)


def _stated(declared: Label, floor: Label) -> list[_Cause]:
    causes = []
    if declared.level or declared.compartments:
        causes.append(_Cause(declared, "declared", _declared(declared)))
    if floor.level or floor.compartments:
        causes.append(_Cause(floor, "floor", _floor(floor)))
    return causes


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


def _told(causes: Sequence[_Cause], findings: Sequence[Finding]) -> tuple[Reason, ...]:
    """Put causes into words, the highest first; those beyond the bound in one reason."""
    firsts = _first_places(findings)
    told = [(cause, cause.reason or _finding(cause, firsts[cause.found][0])) for cause in causes]
    told.sort(key=lambda item: (item[0].rank(), item[1].code, item[1].fact))
    reasons = [reason for _, reason in told[:MOST_REASONS]]
    if len(told) > MOST_REASONS:
        left = len(told) - MOST_REASONS + 1
        reasons[-1] = Reason(
            "more", _MAP_RULE, f"{left} further causes are not listed; none is higher than these.", _FIX_FINDING
        )
    return tuple(reasons)


def _first_places(findings: Sequence[Finding]) -> dict[tuple[str, str], tuple[str, int]]:
    first: dict[tuple[str, str], tuple[str, int]] = {}
    for finding in findings:
        cause = (finding.type, finding.detail)
        place = (finding.pointer, finding.start)
        if cause not in first or place < first[cause]:
            first[cause] = place
    return first


def _finding(cause: _Cause, pointer: str) -> Reason:
    kind, detail = cause.found
    name = f"{kind} ({detail})" if detail else kind
    times = f"{cause.times} findings" if cause.times > 1 else "1 finding"
    return Reason(
        "finding",
        _MAP_RULE,
        f"{times} of {name}, the first in {public_place(pointer)}: `{cause.label}`.",
        _FIX_UNREAD if kind in ("UNREADABLE", "BLOB") else _FIX_FINDING,
    )


def _failed(failure: Failure, unknown: Label) -> _Cause:
    reason = Reason(
        "unread",
        "What a layer did not read counts as policy.unknown.",
        f"Layer {failure.layer} did not finish ({failure.cause}): `{unknown}`.",
        "Try again; if it goes on, look at the gateway's load, or send less at once.",
    )
    return _Cause(unknown, reason.code, reason)


def _earlier(label: Label) -> _Cause:
    reason = Reason(
        "conversation",
        "A conversation keeps the highest label that it has had.",
        f"Earlier turns of this conversation were `{label}`.",
        "Begin a new conversation: without this one's id, and without its answers.",
    )
    return _Cause(label, reason.code, reason)


def _earlier_unread(layers: Collection[str], unknown: Label) -> _Cause:
    missing = ", ".join(f"`{layer}`" for layer in sorted(layers))
    reason = Reason(
        "conversation",
        "What a layer did not read counts as policy.unknown.",
        f"Earlier turns of this conversation stayed on the premises, and {missing} did not read them: `{unknown}`.",
        "Begin a new conversation: without this one's id, and without its answers.",
    )
    return _Cause(unknown, reason.code, reason)


def _cut(unknown: Label) -> _Cause:
    reason = Reason(
        "cut",
        "What was not read to its end counts as policy.unknown.",
        f"There are more findings than are listed: `{unknown}`.",
        "Send less at once, or send it to a deployment in a zone cleared for the label.",
    )
    return _Cause(unknown, reason.code, reason)

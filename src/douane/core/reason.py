"""The one shape in which Douane gives a reason, in logs, receipts, console, command line and HTTP bodies (law 10)."""

from __future__ import annotations

from dataclasses import dataclass

from douane.errors import DouaneError


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` of a closed vocabulary, the `rule` applied, the `fact` found (never content), the `fix` that helps."""

    code: str
    rule: str
    fact: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "rule": self.rule, "fact": self.fact, "fix": self.fix}


def reason_of(error: DouaneError) -> Reason:
    """Return the reason that an error carries."""
    return Reason(error.code, error.rule, error.problem, error.fix)

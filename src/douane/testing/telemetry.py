"""Counts nothing, and inspectors that a test decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from douane.core.finding import Failure, Finding, Inspection
from douane.core.receipt import Outcome, Refusal


class SilentTelemetry:
    """The `Telemetry` port: keeps what it was told, for a test to look at."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.refusals: list[Refusal] = []
        self.not_recorded: list[Refusal] = []

    def settled(self, outcome: Outcome, endpoint: str) -> None:
        self.outcomes.append(outcome)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def unrecorded(self, refusal: Refusal) -> None:
        self.not_recorded.append(refusal)

    def classified(self, level: int, inspection: Inspection | Failure, seconds: float) -> None:
        return


class GivenInspector:
    """The `Inspector` port: says what it was told to say."""

    def __init__(
        self,
        inspection: Inspection | Failure,
        meaning: Inspection | None = None,
        names: Sequence[Finding] | Failure = (),
    ) -> None:
        self.inspection = inspection
        self.meaning = meaning
        self.names = names
        self.inspected: list[str] = []
        """The owners whose requests were inspected."""
        self.understood: list[str] = []
        """The owners whose requests were read for their meaning."""

    async def inspect(self, value: Mapping[str, Any], size_bytes: int, owner: str = "") -> Inspection | Failure:
        self.inspected.append(owner)
        return self.inspection

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:
        self.understood.append(owner)
        return self.meaning or inspection

    async def find_names(self, value: Mapping[str, Any], owner: str) -> Sequence[Finding] | Failure:
        return self.names

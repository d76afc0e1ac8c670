"""What the data plane has learned of each deployment while it runs: pace, failures, readiness."""

from __future__ import annotations

from collections.abc import Mapping

from douane.core.traffic.latency import CLOSED, UNKNOWN_CONDITION, Condition
from douane.ports import Clock

_SLOW_MS = 16.0
"""Twice what the ledger waits for company at most."""


class ConditionBook:
    """One condition for each deployment, by name. Names outlive reloads: what was learned stays."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._conditions: dict[str, Condition] = {}

    def all(self) -> Mapping[str, Condition]:
        """Return the conditions as they stand; a deployment that is not in it was never tried."""
        return self._conditions

    def is_slow(self, name: str) -> bool:
        """Tell whether a deployment's first byte is known to take so long that a commit hides behind it."""
        known = self._conditions.get(name)
        return known is not None and known.pace.ttft_ms is not None and known.pace.ttft_ms >= _SLOW_MS

    def tried(self, name: str) -> None:
        """Say that an attempt begins: one that probes an open circuit keeps the others away meanwhile."""
        known = self._conditions.get(name)
        if known is not None and known.circuit.failures:
            self._conditions[name] = known._replace(circuit=known.circuit.probing(self._clock.monotonic_s()))

    def succeeded(self, name: str, ttft_ms: float | None, tpot_ms: float | None) -> None:
        """Say that an attempt was answered; None where a figure could not be measured."""
        known = self._conditions.get(name, UNKNOWN_CONDITION)
        self._conditions[name] = Condition(known.pace.after(ttft_ms, tpot_ms), CLOSED, known.ready)

    def failed(self, name: str, retry_after_s: float | None = None) -> None:
        """Say that an attempt failed for a reason that lies with the deployment."""
        known = self._conditions.get(name, UNKNOWN_CONDITION)
        circuit = known.circuit.failed(self._clock.monotonic_s(), retry_after_s)
        self._conditions[name] = known._replace(circuit=circuit)

    def set_ready(self, name: str, *, ready: bool) -> None:
        """Say whether a deployment's engine answers."""
        known = self._conditions.get(name, UNKNOWN_CONDITION)
        self._conditions[name] = known._replace(ready=ready, circuit=CLOSED if ready else known.circuit)

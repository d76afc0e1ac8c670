"""How fast and how healthy each deployment has been: running estimates and a circuit.

Estimates are exponentially weighted means: the newest sample weighs a fifth, so that ten requests replace the past.
A circuit opens after three failures in a row, for a time that doubles from two seconds to a minute; after that one
request at a time may probe it, and one success closes it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_NEWEST: Final = 0.2
_FAILURES_TO_OPEN: Final = 3
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0


class Pace(NamedTuple):
    """Running estimates: milliseconds to the first byte, and per output token after it. None: never measured."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None

    def after(self, ttft_ms: float | None, tpot_ms: float | None) -> Pace:
        """Return the estimates with one more answer in them; None where it did not show a figure."""
        return Pace(_blend(self.ttft_ms, ttft_ms), _blend(self.tpot_ms, tpot_ms))

    def expected_ms(self, output_tokens: int) -> float | None:
        """Return the expected time for an answer of that many tokens; None where nothing was ever measured."""
        if self.ttft_ms is None and self.tpot_ms is None:
            return None
        return (self.ttft_ms or 0.0) + (self.tpot_ms or 0.0) * output_tokens


def _blend(old: float | None, new: float | None) -> float | None:
    if old is None or new is None:
        return old if new is None else new
    return old + _NEWEST * (new - old)


class Circuit(NamedTuple):
    """Failures in a row, and until when (monotonic seconds) the deployment is left alone."""

    failures: int = 0
    open_until_s: float = 0.0

    def is_open(self, now_s: float) -> bool:
        return self.failures >= _FAILURES_TO_OPEN and now_s < self.open_until_s

    def failed(self, now_s: float, retry_after_s: float | None = None) -> Circuit:
        """Return the circuit after one more failure; a pause that the upstream asked for is kept, up to the longest."""
        failures = self.failures + 1
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** max(0, failures - _FAILURES_TO_OPEN), _LONGEST_PAUSE_S)
        if retry_after_s is not None:
            pause_s = min(max(pause_s, retry_after_s), _LONGEST_PAUSE_S)
        return Circuit(failures, now_s + pause_s)

    def probing(self, now_s: float) -> Circuit:
        """Return the circuit while one request probes it: the others still find it open."""
        return self._replace(open_until_s=now_s + _FIRST_PAUSE_S)


CLOSED: Final = Circuit()


class Condition(NamedTuple):
    """What the data plane knows of a deployment at run time. `ready` is False while its engine is down."""

    pace: Pace = Pace()
    circuit: Circuit = CLOSED
    ready: bool = True


UNKNOWN_CONDITION: Final = Condition()

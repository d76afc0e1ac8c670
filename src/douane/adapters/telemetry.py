"""Counts for `/metrics` and one line a request for the log, at a few microseconds each; never content (law 9).

Counters are plain dictionaries, turned into Prometheus' text format (version 0.0.4) when somebody asks: a request pays
for an addition, not for a label look-up. Label values come from configuration and closed vocabularies only, so that
nobody outside can multiply the series. Log lines are JSON, gathered and written by `flush` in one call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import orjson

from douane.core.finding import Failure, Inspection
from douane.core.label import Level
from douane.core.receipt import Outcome, Refusal
from douane.ports import Clock

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_MOST_WAITING_LINES = 10_000

Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Cumulative counts over fixed bounds, in seconds."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(_BUCKETS_S) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str, labels: Labels) -> Iterable[str]:
        total = 0
        for bound, count in zip((*map(str, _BUCKETS_S), "+Inf"), self._counts, strict=True):
            total += count
            yield f"{name}_bucket{_braces((*labels, ('le', bound)))} {total}"
        yield f"{name}_sum{_braces(labels)} {self._sum:.6f}"
        yield f"{name}_count{_braces(labels)} {total}"


class Counts:
    """The `Telemetry` port."""

    def __init__(self, clock: Clock, write: Callable[[bytes], None] | None) -> None:
        """`write` takes whole log lines; None writes no log."""
        self._clock = clock
        self._write = write
        self._lines: list[bytes] = []
        self._dropped = 0
        self._attempts: defaultdict[tuple[str, str, str, str, str], int] = defaultdict(int)
        self._tokens: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._cost: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._durations: dict[tuple[str, str], Histogram] = {}
        self._first_bytes: dict[tuple[str, str], Histogram] = {}
        self._refusals: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._unrecorded: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._levels: defaultdict[int, int] = defaultdict(int)
        self._findings: defaultdict[str, int] = defaultdict(int)
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._inspections = Histogram()

    # --- the port ------------------------------------------------------------------------------------------------

    def settled(self, outcome: Outcome, endpoint: str) -> None:
        route, deployment, zone = outcome.route, outcome.deployment, outcome.zone
        self._attempts[route, deployment, zone, outcome.state, outcome.error_code] += 1
        if outcome.input_tokens is not None and outcome.output_tokens is not None:
            self._tokens[route, deployment, zone, "input"] += outcome.input_tokens
            self._tokens[route, deployment, zone, "output"] += outcome.output_tokens
        if outcome.cost_micro is not None and outcome.currency is not None:
            self._cost[route, deployment, outcome.currency] += outcome.cost_micro
        _histogram(self._durations, (route, deployment)).observe(outcome.duration_us / 1e6)
        if outcome.first_byte_us is not None:
            _histogram(self._first_bytes, (route, deployment)).observe(outcome.first_byte_us / 1e6)
        if self._write is not None:
            self._line(
                {
                    "event": "attempt",
                    "at_us": outcome.at_us,
                    "request": outcome.request_id,
                    "attempt": outcome.attempt,
                    "key": outcome.key,
                    "endpoint": endpoint,
                    "route": route,
                    "deployment": deployment,
                    "zone": zone,
                    "state": outcome.state,
                    "status": outcome.status,
                    "code": outcome.error_code,
                    "input_tokens": outcome.input_tokens,
                    "output_tokens": outcome.output_tokens,
                    "answer_bytes": outcome.answer_bytes,
                    "duration_us": outcome.duration_us,
                }
            )

    def refused(self, refusal: Refusal) -> None:
        self._refusals[refusal.code, refusal.route] += 1
        if self._write is not None:
            self._line(
                {
                    "event": "refusal",
                    "at_us": refusal.at_us,
                    "request": refusal.request_id,
                    "key": refusal.key,
                    "endpoint": refusal.endpoint,
                    "route": refusal.route,
                    "code": refusal.code,
                    "status": refusal.status,
                    "level": Level(refusal.level).word,
                    "reasons": refusal.reasons,
                    "body_bytes": refusal.body_bytes,
                }
            )

    def unrecorded(self, refusal: Refusal) -> None:
        self._unrecorded[refusal.code, refusal.route] += 1

    def classified(self, level: int, inspection: Inspection | Failure, seconds: float) -> None:
        self._levels[level] += 1
        self._inspections.observe(seconds)
        if isinstance(inspection, Failure):
            self._failures[inspection.layer] += 1
        elif inspection.findings:
            for (kind, _), count in inspection.causes.items():
                self._findings[kind] += count

    # --- the log -------------------------------------------------------------------------------------------------

    def note(self, event: str, **fields: str | int | float | bool | None) -> None:
        """Write a line about the gateway itself. Fields hold no content and no secret."""
        if self._write is not None:
            self._line({"event": event, "at_us": self._clock.now_us(), **fields})

    def flush(self) -> None:
        """Write the lines gathered since the last call."""
        if self._dropped:
            self._lines.append(orjson.dumps({"event": "log_lines_dropped", "count": self._dropped}))
            self._dropped = 0
        if self._lines and self._write is not None:
            lines, self._lines = self._lines, []
            self._write(b"\n".join(lines) + b"\n")

    def _line(self, fields: Mapping[str, object]) -> None:
        if len(self._lines) < _MOST_WAITING_LINES:
            self._lines.append(orjson.dumps(fields))
        else:
            self._dropped += 1

    # --- metrics -------------------------------------------------------------------------------------------------

    def render(self, gauges: Mapping[str, float]) -> bytes:
        """Return everything in Prometheus' text format; `gauges` are further figures, by full name."""
        out: list[str] = []
        _family(
            out, "douane_attempts_total", "Attempts that ended.", self._attempts,
            ("route", "deployment", "zone", "state", "code"),
        )  # fmt: skip
        _family(
            out,
            "douane_tokens_total",
            "Tokens, where known.",
            self._tokens,
            ("route", "deployment", "zone", "direction"),
        )
        _family(
            out, "douane_cost_micro_total", "Cost in micro-units, where known.", self._cost,
            ("route", "deployment", "currency"),
        )  # fmt: skip
        _family(out, "douane_refusals_total", "Requests without an attempt.", self._refusals, ("code", "route"))
        _family(
            out,
            "douane_refusals_unrecorded_total",
            "Of those, the ones that left no receipt: too many of one key within a minute.",
            self._unrecorded,
            ("code", "route"),
        )
        levels = {(Level(level).word,): count for level, count in self._levels.items()}
        _family(out, "douane_classified_total", "Requests by level.", levels, ("level",))
        findings = {(name,): count for name, count in self._findings.items()}
        _family(out, "douane_findings_total", "Findings by type.", findings, ("type",))
        failures = {(name,): count for name, count in self._failures.items()}
        _family(out, "douane_detector_failures_total", "Layers that erred or were late.", failures, ("layer",))
        for name, text, series in (
            ("douane_attempt_seconds", "Duration of attempts.", self._durations),
            ("douane_first_byte_seconds", "Time to the first byte of streams.", self._first_bytes),
        ):
            out += (f"# HELP {name} {text}", f"# TYPE {name} histogram")
            for (route, deployment), histogram in series.items():
                out += histogram.lines(name, (("route", route), ("deployment", deployment)))
        out += (
            "# HELP douane_inspection_seconds Duration of inspections.",
            "# TYPE douane_inspection_seconds histogram",
        )
        out += self._inspections.lines("douane_inspection_seconds", ())
        for name, value in gauges.items():
            out += (f"# TYPE {name} gauge", f"{name} {value:g}")
        return ("\n".join(out) + "\n").encode()


_Names = TypeVar("_Names", bound=Sequence[str])


def _histogram(series: dict[tuple[str, str], Histogram], key: tuple[str, str]) -> Histogram:
    histogram = series.get(key)
    if histogram is None:
        histogram = series[key] = Histogram()
    return histogram


def _family(out: list[str], name: str, text: str, series: Mapping[_Names, int], labels: tuple[str, ...]) -> None:
    out += (f"# HELP {name} {text}", f"# TYPE {name} counter")
    out += (f"{name}{_braces(tuple(zip(labels, key, strict=True)))} {count}" for key, count in series.items())


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

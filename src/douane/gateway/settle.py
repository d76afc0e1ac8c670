"""Last stage: what an attempt used and cost, once, in the ledger, the limits and the metrics (laws 4, 7, 8)."""

from __future__ import annotations

from douane.core.receipt import Outcome, Refusal
from douane.core.traffic.limits import Window
from douane.errors import DouaneError
from douane.gateway.admit import cost_for_budget
from douane.gateway.ending import Ending
from douane.gateway.exchange import Exchange
from douane.ports import Clock, Ledger, Telemetry

_RECORDED_REFUSALS = frozenset(
    {"label_not_cleared", "no_cleared_deployment", "forbidden_route", "budget_exhausted", "unsupported"}
)
"""Refusals that policy caused leave a receipt; a malformed or a throttled request is counted only."""
MOST_RECORDED = 600
"""How many requests of a key that cost it nothing leave a receipt within a minute: it could fill the disk else."""


class Settler:
    """Writes outcomes and refusals. The reservation is settled with the last attempt: once."""

    def __init__(self, ledger: Ledger, telemetry: Telemetry, clock: Clock) -> None:
        self._ledger = ledger
        self._telemetry = telemetry
        self._clock = clock
        self._recorded: dict[str, Window] = {}

    def attempt(self, exchange: Exchange, ending: Ending, *, last: bool) -> None:
        """Record an attempt's outcome; with `last`, settle the request."""
        deployment, usage = ending.deployment, ending.usage
        cost_micro = None
        if usage is not None and deployment.price is not None:
            cost_micro = deployment.price.cost_micro(usage.input_tokens, usage.output_tokens)
        outcome = Outcome(
            exchange.request_id,
            ending.number,
            self._clock.now_us(),
            exchange.key.name,
            exchange.key.owner,
            exchange.route.name,
            deployment.name,
            deployment.zone,
            ending.state,
            ending.status,
            ending.error_code,
            usage.input_tokens if usage is not None else None,
            usage.output_tokens if usage is not None else None,
            ending.token_source if usage is not None else "unknown",
            cost_micro,
            deployment.price.currency if deployment.price is not None else None,
            ending.answer_bytes,
            ending.upstream,
            ending.first_byte_us,
            int((ending.ended_s - ending.started_s) * 1_000_000),
            last,
        )
        self._ledger.conclude(outcome)
        self._telemetry.settled(outcome, exchange.endpoint)
        if exchange.reservation is not None and (usage is not None or last):
            self._charge(exchange, ending, last=last)

    def _charge(self, exchange: Exchange, ending: Ending, *, last: bool) -> None:
        usage = ending.usage
        if usage is None:
            exchange.used_tokens += ending.held_tokens
        else:
            exchange.used_tokens += usage.input_tokens + usage.output_tokens
            # The deployment as it was when it was asked: a reload may have taken it, or its currency's rate, away.
            cost = cost_for_budget(exchange, ending.deployment.price, usage.input_tokens, usage.output_tokens)
            if cost is None and exchange.key.budget is not None:
                cost = exchange.key.budget.amount_micro
            exchange.used_micro += cost or 0
        if last and exchange.reservation is not None:
            exchange.reservation.settle(exchange.used_tokens, exchange.used_micro)

    def refusal(self, exchange: Exchange, error: DouaneError) -> None:
        """Give back what was held for a request that caused no attempt; record it where policy refused it."""
        self._without_attempt(exchange, error.code, error.status, recorded=error.code in _RECORDED_REFUSALS)

    def replayed(self, exchange: Exchange) -> None:
        """Record a request that was answered with the answer of an equal one: it costs nothing again."""
        self._without_attempt(exchange, "replayed", 200, recorded=True)

    def _without_attempt(self, exchange: Exchange, code: str, status: int, *, recorded: bool) -> None:
        if exchange.reservation is not None:
            exchange.reservation.release()
        inspection = exchange.inspection
        refusal = Refusal(
            exchange.request_id,
            self._clock.now_us(),
            exchange.key.name,
            exchange.key.owner,
            exchange.route_name,
            exchange.endpoint,
            int(exchange.label.level),
            ",".join(sorted(exchange.label.compartments)),
            exchange.reason_line(),
            exchange.snapshot.policy.version,
            exchange.snapshot.version,
            inspection.detectors if inspection is not None else "",
            exchange.layer_line(),
            exchange.body_bytes,
            code,
            status,
            exchange.declaration.client_retry,
        )
        self._telemetry.refused(refusal)
        if not recorded:
            return
        if self._may_record(exchange.key.name):
            self._ledger.refuse(refusal)
        else:
            self._telemetry.unrecorded(refusal)

    def _may_record(self, key: str) -> bool:
        window = self._recorded.get(key, Window()).at(int(self._clock.monotonic_s()))
        if window.used >= MOST_RECORDED:
            return False
        self._recorded[key] = window.take(1)
        return True

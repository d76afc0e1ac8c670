"""Third stage: may this key use this route now? Holds what the request may use, before it uses anything (law 7)."""

from __future__ import annotations

from douane.core.money import Price
from douane.errors import BudgetExhausted, DouaneError, RateLimited
from douane.gateway.exchange import Exchange
from douane.ports import LimitBook
from douane.wire.need import bounded


def reserve(exchange: Exchange, limits: LimitBook) -> None:
    """Hold the request's tokens and the highest cost that its route may cause; RateLimited, BudgetExhausted else."""
    key = exchange.key
    need = exchange.need
    if key.budget is not None or key.limits.tokens_per_minute is not None:
        exchange.ask = bounded(exchange.ask)
    cost_micro = highest_cost_micro(exchange) if key.budget is not None else 0
    held = limits.reserve(key, need.input_tokens + need.output_tokens, cost_micro)
    if isinstance(held, RateLimited | BudgetExhausted):
        raise held
    exchange.reservation = held


def reserve_again(exchange: Exchange, limits: LimitBook) -> None:
    """Hold the request at the prices and limits of a configuration that changed; RateLimited, BudgetExhausted else.

    What was held is given back first, so that a request never stands in its own way. Nothing else runs in between.
    """
    held = exchange.reservation
    if held is not None:
        held.release()
        exchange.reservation = None
        reserve(exchange, limits)


def highest_cost_micro(exchange: Exchange) -> int:
    """Return the highest cost of the request over its route's deployments, in the currency of the key's budget."""
    highest, deployments, need, budget = 0, exchange.snapshot.deployments, exchange.need, exchange.key.budget
    for name in exchange.route.deployments:
        price = deployments[name].price
        if price is not None and budget is not None:
            cost = cost_for_budget(exchange, price, need.input_tokens, need.output_tokens)
            if cost is None:
                raise _no_rate(price.currency, budget.currency)
            highest = max(highest, cost)
    return highest


def cost_for_budget(exchange: Exchange, price: Price | None, input_tokens: int, output_tokens: int) -> int | None:
    """Return what tokens cost at a price, in the currency of the key's budget; 0 on own hardware; None without a rate.

    A rate that is missing is refused by `check`; where it is missing all the same, the budget is treated as exhausted.
    """
    budget = exchange.key.budget
    if price is None or budget is None:
        return 0
    return exchange.snapshot.rates.convert_micro(
        price.cost_micro(input_tokens, output_tokens), price.currency, budget.currency
    )


def _no_rate(currency: str, into: str) -> DouaneError:
    return BudgetExhausted(
        f"No exchange rate from {currency} to {into} is configured, so the budget can't be kept.",
        f"Add `rates.{currency}.{into}` to the configuration.",
        rule="An unknown price is never zero.",
    )

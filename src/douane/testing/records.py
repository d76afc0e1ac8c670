"""Records of the ledger with everything filled in, for tests that care about some of their fields."""

from __future__ import annotations

from typing import Any, Final

from douane.core.receipt import Intent, Outcome, Refusal

AT_US: Final = 1_700_000_000_000_000


def an_intent(request_id: str, attempt: int = 1, **fields: Any) -> Intent:
    """Return an intent off the premises that reserves 250 + 500 tokens and 270 micro-USD."""
    intent = Intent(
        request_id, attempt, AT_US, "support-team", "support", "chat", "chat", "llama-together", "eu-managed", False,
        "llama-3.1-8b-instruct", "a" * 64, "provider-asserted", 1, "pci", "cheapest", "3f9a1c2b7d5e", "8c1d2e3f4a5b",
        "patterns-3 views-2", "patterns,views", "d" * 64, 1024, 250, 500, 270, "USD", 0,
    )  # fmt: skip
    return intent._replace(**fields)


def an_outcome(request_id: str, attempt: int = 1, **fields: Any) -> Outcome:
    """Return the complete outcome of `an_intent`: 250 + 100 tokens, 63 micro-USD; it settles the request."""
    outcome = Outcome(
        request_id, attempt, AT_US + 500_000, "support-team", "support", "chat", "llama-together", "eu-managed",
        "complete", 200, "", 250, 100, "upstream", 63, "USD", 961, "192.0.2.4:443 " + "e" * 64, 20_000, 500_000, True,
    )  # fmt: skip
    return outcome._replace(**fields)


def a_refusal(request_id: str, **fields: Any) -> Refusal:
    """Return a refusal for want of a cleared deployment."""
    refusal = Refusal(
        request_id, AT_US, "support-team", "support", "chat", "chat", 3, "pci", "label_not_cleared", "3f9a1c2b7d5e",
        "8c1d2e3f4a5b", "patterns-3 views-2", "patterns,views", 512, "label_not_cleared", 403, 0,
    )  # fmt: skip
    return refusal._replace(**fields)

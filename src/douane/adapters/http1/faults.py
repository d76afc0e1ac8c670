"""What can go wrong with an upstream, in words that name the deployment and the setting, never a byte that it sent."""

from __future__ import annotations

from douane.errors import UpstreamFailed, UpstreamTimeout

_REPEATED = "If it repeats, look at the upstream's own log."

_LATE = {
    "connect": ("did not accept a connection", "connect"),
    "send": ("did not take the request", "first byte"),
    "head": ("did not begin to answer", "first byte"),
    "body": ("stopped sending its answer", "gap between two bytes"),
}


def failed(deployment: str, stage: str, fact: str, fix: str = _REPEATED) -> UpstreamFailed:
    """Build the error for an upstream that broke the connection, the protocol or a bound."""
    return UpstreamFailed(f"Deployment `{deployment}` {fact}.", fix, stage=stage)


def late(deployment: str, stage: str, *, whole: bool) -> UpstreamTimeout:
    """Build the error for a deadline that passed at `stage`; `whole` where it was the one for the whole exchange."""
    what, deadline = _LATE[stage]
    if whole:
        what, deadline = ("did not finish" if stage == "body" else what), "whole exchange"
    return UpstreamTimeout(
        f"Deployment `{deployment}` {what} within the deadline for the {deadline}.",
        f"Find why it is slow, or raise the deadlines of deployment `{deployment}`.",
        stage=stage,
    )

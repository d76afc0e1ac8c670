"""The one family of errors. Every error says what broke which rule, and what would allow it.

Rules kept here:
1. An error cannot be built without `problem` (the rule and the fact) and `fix` (an action).
2. The family is flat: a class per `code`; `code` and `status` are the outside contract (docs/reference/errors.md).
3. A problem never quotes content of a request. Values are quoted only from configuration or a closed vocabulary.

How an error looks in a protocol is left to `douane.wire.error_body`; which errors are retried, to `douane.gateway`.
"""

from __future__ import annotations

from typing import ClassVar


class DouaneError(Exception):
    """Base of the family; never raised itself.

    `rule` names the law or check in a few words, `param` the field at fault (a JSON pointer or a setting's name).
    `retry_is_useless` is as the class has it, unless this very error is otherwise.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    retry_is_useless: bool = False

    def __init__(
        self,
        problem: str,
        fix: str,
        *,
        rule: str = "",
        param: str | None = None,
        retry_after_s: float | None = None,
        retry_is_useless: bool | None = None,
    ) -> None:
        super().__init__(f"{problem} {fix}")
        if retry_is_useless is not None:
            self.retry_is_useless = retry_is_useless
        self.problem = problem
        self.fix = fix
        self.rule = rule or self.code
        self.param = param
        self.retry_after_s = retry_after_s


# --- the caller's side -------------------------------------------------------------------------------------------


class Unauthenticated(DouaneError):
    """No key, an unknown one, or one that expired or was revoked."""

    code, status, type, retry_is_useless = "unauthenticated", 401, "authentication_error", True


class ForbiddenRoute(DouaneError):
    """The key may not use this model name; an unknown one looks the same."""

    code, status, type, retry_is_useless = "forbidden_route", 403, "permission_error", True


class LabelNotCleared(DouaneError):
    """No deployment of the route may ever take content with this label."""

    code, status, type, retry_is_useless = "label_not_cleared", 403, "permission_error", True


class InvalidRequest(DouaneError):
    """The request breaks its protocol, or a value is not one of those allowed."""

    code, status, type, retry_is_useless = "invalid_request", 400, "invalid_request_error", True


class Unsupported(DouaneError):
    """A field or content that is the gateway's to decide, or that it does not serve."""

    code, status, type, retry_is_useless = "unsupported", 400, "invalid_request_error", True


class NotFound(DouaneError):
    """There is nothing at this path."""

    code, status, type, retry_is_useless = "not_found", 404, "invalid_request_error", True


class MethodNotAllowed(DouaneError):
    """The path exists, but not with this method; `allowed` names those it has."""

    code, status, type, retry_is_useless = "method_not_allowed", 405, "invalid_request_error", True

    def __init__(self, problem: str, fix: str, *, rule: str = "", allowed: tuple[str, ...] = ()) -> None:
        super().__init__(problem, fix, rule=rule)
        self.allowed = allowed


class RequestTimeout(DouaneError):
    """The request did not arrive in time."""

    code, status, type = "request_timeout", 408, "invalid_request_error"


class IdempotencyConflict(DouaneError):
    """The idempotency key was used for another request, or for one that still runs."""

    code, status, type, retry_is_useless = "idempotency_conflict", 409, "invalid_request_error", True


class TooLarge(DouaneError):
    """The body is longer than `server.max_body_bytes`."""

    code, status, type, retry_is_useless = "too_large", 413, "invalid_request_error", True


class HeadersTooLarge(DouaneError):
    """The request line or the headers are too long or too many."""

    code, status, type, retry_is_useless = "headers_too_large", 431, "invalid_request_error", True


class RateLimited(DouaneError):
    """A limit of the key is used up for now; `retry-after` says when to come again."""

    code, status, type = "rate_limited", 429, "rate_limit_error"


class BudgetExhausted(DouaneError):
    """The key's budget for the day or month is spent."""

    code, status, type, retry_is_useless = "budget_exhausted", 429, "insufficient_quota", True


# --- our side ----------------------------------------------------------------------------------------------------


class Internal(DouaneError):
    """A fault of the gateway. Report it with the request id."""

    code, status, type = "internal", 500, "api_error"


class NoClearedDeployment(DouaneError):
    """Deployments that may take this label exist, but none is available now."""

    code, status, type = "no_cleared_deployment", 503, "api_error"


class Overloaded(DouaneError):
    """Too much at once, here or at the upstream. Nothing was sent."""

    code, status, type = "overloaded", 503, "api_error"


class ConfigurationError(DouaneError):
    """One problem of the configuration. `param` is the dotted setting."""

    code, status, type = "configuration", 500, "configuration_error"


class PortTaken(ConfigurationError):
    """Another process listens where the gateway should."""


class ConfigurationErrors(DouaneError):
    """Every problem of a configuration at once; `problems` is never empty."""

    code, status, type = "configuration", 500, "configuration_error"

    def __init__(self, problems: tuple[ConfigurationError, ...]) -> None:
        count = len(problems)
        super().__init__(
            f"The configuration has {count} problem{'s' if count > 1 else ''}.",
            "Mend each of them; `douane check` shows them all.",
            rule="configuration",
        )
        self.problems = problems


class StoreFailed(DouaneError):
    """The ledger or the key store cannot promise durability; nothing more is acknowledged."""

    code, status, type = "overloaded", 503, "api_error"


class EngineFailed(DouaneError):
    """The embedded engine does not run, or its weights are not the expected ones."""

    code, status, type = "overloaded", 503, "api_error"


# --- the upstream's side -----------------------------------------------------------------------------------------


class UpstreamFailed(DouaneError):
    """An upstream did not answer, or not in its protocol.

    `stage` says how far the attempt came: connect, send, head, body.
    """

    code, status, type = "upstream_failed", 502, "api_error"

    def __init__(
        self, problem: str, fix: str, *, stage: str, rule: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(problem, fix, rule=rule or "upstream", retry_after_s=retry_after_s)
        self.stage = stage


class UpstreamTimeout(UpstreamFailed):
    """An upstream was too slow."""

    code, status = "upstream_timeout", 504


class AddressNotAllowed(UpstreamFailed):
    """A resolved address lies outside the zone's networks: the connection is not made."""


class ClearanceBroken(DouaneError):
    """A hop was asked to send what is not, or no longer, cleared. Nothing was sent."""

    code, status, type = "no_cleared_deployment", 503, "api_error"

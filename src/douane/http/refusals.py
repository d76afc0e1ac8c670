"""Why the edge refuses, in words: the rule, the fact, and what would be answered (law 10)."""

from __future__ import annotations

from douane.errors import HeadersTooLarge, Internal, InvalidRequest, Overloaded, RequestTimeout


def head_too_large(what: str, bound: str) -> HeadersTooLarge:
    return HeadersTooLarge(
        f"The request's {what} more than is read.", f"Send at most {bound}.", rule="A head is bounded."
    )


def too_slow(problem: str) -> RequestTimeout:
    return RequestTimeout(problem, "Send the request at once, over a faster line.", rule="Requests have deadlines.")


def bad_body(problem: str, fix: str) -> InvalidRequest:
    return InvalidRequest(problem, fix, rule="A body has one framing.")


def too_many_bytes() -> Overloaded:
    return Overloaded(
        "The bodies of the requests under way have reached their common bound.",
        "Try again in a moment, or send smaller bodies.",
        rule="Bodies under way are bounded together.",
        retry_after_s=1.0,
    )


def too_many_connections() -> Overloaded:
    return Overloaded(
        "The server has as many connections as it takes.",
        "Try again in a moment, or raise `server.max_connections`.",
        rule="Connections are bounded.",
        retry_after_s=1.0,
    )


def stopping() -> Overloaded:
    return Overloaded(
        "The server is stopping and did not finish the request.",
        "Send it again.",
        rule="A stopping server ends what it can in time.",
        retry_after_s=1.0,
    )


def no_answer() -> Internal:
    return Internal(
        "The request was not answered, by a fault of the server.",
        "Report it with the request's id; the log says where it happened.",
        rule="Every request is answered.",
    )


def not_http() -> InvalidRequest:
    return InvalidRequest(
        "The request is not well-formed HTTP/1.1.",
        "Send a request as RFC 9112 has it; for HTTPS put a proxy that ends TLS in front.",
        rule="Requests are parsed strictly.",
    )

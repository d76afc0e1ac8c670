"""What an operator is told of the address that was bound."""

from __future__ import annotations

import pytest

from douane.http.serving import host_warnings

LOCAL = ("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("bound", "hosts", "words"),
    [
        ("127.0.0.1", LOCAL, None),
        ("::1", LOCAL, None),
        ("0.0.0.0", LOCAL, "names this machine alone"),
        ("::", LOCAL, "names this machine alone"),
        ("0.0.0.0", (*LOCAL, "llm.test"), None),
        ("10.0.0.5", ("10.0.0.5",), None),
        ("10.0.0.5", LOCAL, "names nothing that leads to 10.0.0.5"),
        ("::", ("127.0.0.1",), "names nothing that leads to ::"),
    ],
)
def test_hosts_that_would_have_requests_refused_are_warned_of(
    bound: str, hosts: tuple[str, ...], words: str | None
) -> None:
    warnings = host_warnings(bound, hosts)
    assert len(warnings) == (words is not None)
    if words is not None:
        assert words in warnings[0]
        assert "`server.hosts`" in warnings[0]

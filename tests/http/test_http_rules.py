"""Rules that the parser keeps too: here they are asked without it, since one of the two may change."""

from __future__ import annotations

import pytest

from douane.errors import DouaneError, InvalidRequest
from douane.http.hosts import KnownHosts
from douane.http.rules import Framing, check_headers, check_line, split_target

HOST = (b"host", b"a.test")


def check(*fields: tuple[bytes, bytes], version: str = "1.1", upgrade: bool = False) -> Framing:
    return check_headers(
        [HOST, *fields], version=version, upgrade=upgrade, hosts=KnownHosts(("a.test",)), max_body_bytes=1000
    )


@pytest.mark.parametrize(
    "fields",
    [
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"content-length", b"5, 5")],
        [(b"content-length", b"+5")],
        [(b"content-length", b"")],
        [(b"content-length", b"5" * 16)],
        [(b"content-length", "\u0665".encode())],
        [(b"content-length", b"5\n")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"")],
        [(b"content-length", b"1001")],
        [HOST],
    ],
)
def test_an_unsure_framing_is_refused_whatever_the_parser_thinks_of_it(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(DouaneError):
        check(*fields)


def test_a_sure_framing_is_told() -> None:
    assert check() == Framing(0, waits=False)
    assert check((b"content-length", b"1000")) == Framing(1000, waits=False)
    assert check((b"transfer-encoding", b"Chunked")) == Framing(None, waits=False)
    assert check((b"expect", b"100-Continue")) == Framing(0, waits=True)
    assert check((b"expect", b"100-continue"), version="1.0") == Framing(0, waits=False)


@pytest.mark.parametrize(("method", "version"), [(b"GET", "2.0"), (b"GET", "0.9"), (b"CONNECT", "1.1")])
def test_other_versions_and_tunnels_are_refused(method: bytes, version: str) -> None:
    with pytest.raises(DouaneError):
        check_line(method, version)


@pytest.mark.parametrize(
    "target",
    [b"", b"*", b"a", b"http://a/b", b"/a b", b"/a#b", b"/%", b"/%0", b"/%2F", b"/%5c", b"/%00", b"/%7f",
     b"/?\x7f", b"/?#", b"/?\n", b"/\n", b"/a\n", b"/?a\n",
     b"/v1/chat%2Fcompletions", b"/v1/models%2Fa", b"/v1/models/a/b%2fc", b"/v1/models/a%2Fb%5c", b"/v1/models/a%2F%00"],
)  # fmt: skip
def test_a_target_that_is_no_plain_path_is_refused(target: bytes) -> None:
    with pytest.raises(InvalidRequest):
        split_target(target)


def test_a_models_name_may_have_a_slash_as_sdks_escape_it() -> None:
    assert split_target(b"/v1/models/llama%2F3.1") == ("/v1/models/llama/3.1", b"")


def test_a_target_is_decoded_once() -> None:
    assert split_target(b"/v1/%2561?x=%25&y") == ("/v1/%61", b"x=%25&y")

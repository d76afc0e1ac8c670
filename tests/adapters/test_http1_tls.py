"""TLS towards upstreams: verified or not made at all."""

import asyncio
import os
import ssl
from hashlib import sha256

import pytest
import trustme
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from douane.adapters.http1 import Http1Upstream
from douane.adapters.http1.tls import client_context, spki_sha256
from douane.core.models.catalogue import Deadlines, Endpoint
from douane.errors import UpstreamFailed, UpstreamTimeout
from douane.testing import hostile_server as hostile
from douane.testing.hostile_server import HostileServer
from douane.testing.permits import permit, still_cleared
from douane.wire.call import Call

PATH = "/v1/chat/completions"
BODY = b'{"model":"llama"}'
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(params=LOOPS)
def run(request):
    def runs(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main(), 15))

    return runs


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def key_digest(certificate):
    loaded = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    return sha256(loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


async def names_loopback(host, port):
    return ["127.0.0.1"]


async def ask(upstream, server, host, **permitted):
    cleared = permit(BODY, endpoint=server.endpoint("/v1", host=host), **permitted)
    answer = await upstream.send(
        cleared, Call("POST", "/chat/completions", (), BODY), total_s=60, confirm=still_cleared
    )
    return answer, await answer.body(1 << 20)


def test_a_verified_peer_is_named_by_address_and_key_and_its_connection_is_kept(run, authority, ca_file):
    async def main():
        certificate = authority.issue_cert("engine.example.org")
        async with HostileServer(tls=server_context(certificate)) as server:
            server.behave(PATH, hostile.ok_json(b"{}"))
            upstream = Http1Upstream(resolve=names_loopback)
            for _ in range(2):
                answer, body = await ask(upstream, server, "engine.example.org", ca_file=ca_file)
                assert (answer.status, body) == (200, b"{}")
                assert answer.peer == f"127.0.0.1:{server.port};spki-sha256={key_digest(certificate)}"
            assert len(server.connections) == 1
            await upstream.aclose()

    run(main)


@pytest.mark.parametrize("host", ["other.example.org", "127.0.0.1", "localhost"])
def test_a_certificate_for_another_name_is_refused_and_nothing_is_sent(run, authority, ca_file, host):
    async def main():
        async with HostileServer(tls=server_context(authority.issue_cert("engine.example.org"))) as server:
            with pytest.raises(UpstreamFailed) as caught:
                await ask(Http1Upstream(resolve=names_loopback), server, host, ca_file=ca_file)
            assert caught.value.stage == "connect"
            assert "certificate" in caught.value.problem
            assert server.received == []

    run(main)


def test_a_certificate_for_an_address_serves_that_address(run, authority, ca_file):
    async def main():
        async with HostileServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
            server.behave(PATH, hostile.ok_json(b"{}"))
            upstream = Http1Upstream()
            assert (await ask(upstream, server, "127.0.0.1", ca_file=ca_file))[1] == b"{}"
            await upstream.aclose()

    run(main)


@pytest.mark.parametrize("trusted", ["the system's", "another one's"])
def test_a_certificate_of_an_unknown_authority_is_refused(run, authority, tmp_path, trusted):
    async def main():
        own = None
        if trusted == "another one's":
            own = str(tmp_path / "other.pem")
            trustme.CA().cert_pem.write_to_path(own)
        async with HostileServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
            with pytest.raises(UpstreamFailed) as caught:
                await ask(Http1Upstream(), server, "127.0.0.1", ca_file=own)
            assert "ca_file" in caught.value.fix
            assert server.received == []

    run(main)


def test_an_own_authority_replaces_the_systems(ca_file):
    assert len(client_context(ca_file).get_ca_certs()) == 1


def test_an_authority_that_was_exchanged_counts_for_the_next_connection(run, authority, tmp_path):
    async def main():
        path = tmp_path / "ca.pem"
        trustme.CA().cert_pem.write_to_path(str(path))
        certificate = authority.issue_cert("engine.example.org")
        async with HostileServer(tls=server_context(certificate)) as server:
            server.behave(PATH, hostile.ok_json(b"{}"))
            upstream = Http1Upstream(resolve=names_loopback)
            with pytest.raises(UpstreamFailed):
                await ask(upstream, server, "engine.example.org", ca_file=str(path))
            fresh = tmp_path / "fresh.pem"
            authority.cert_pem.write_to_path(str(fresh))
            fresh.replace(path)
            assert (await ask(upstream, server, "engine.example.org", ca_file=str(path)))[1] == b"{}"
            await upstream.aclose()

    run(main)


def test_a_connection_under_one_authority_does_not_serve_a_deployment_with_another(run, authority, ca_file):
    async def main():
        async with HostileServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
            server.behave(PATH, hostile.ok_json(b"{}"))
            upstream = Http1Upstream()
            await ask(upstream, server, "127.0.0.1", ca_file=ca_file)
            with pytest.raises(UpstreamFailed):
                await ask(upstream, server, "127.0.0.1")
            await upstream.aclose()

    run(main)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_a_ca_file_that_holds_no_certificate_is_a_fault_that_names_the_setting(run, tmp_path, content):
    async def main():
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_bytes(content)
        async with HostileServer() as server:
            server._tls = True  # the endpoint says https; nobody will be dialled
            with pytest.raises(UpstreamFailed) as caught:
                await ask(Http1Upstream(), server, "127.0.0.1", ca_file=str(path))
            assert "ca_file" in caught.value.problem
            assert server.connections == []
            server._tls = None

    run(main)


def test_a_port_without_tls_is_refused(run, ca_file):
    async def main():
        async with HostileServer() as server:
            cleared = permit(BODY, endpoint=Endpoint("https", "127.0.0.1", server.port, ""), ca_file=ca_file)
            server.otherwise(hostile.ok_json(b"{}"))
            with pytest.raises(UpstreamFailed) as caught:
                await Http1Upstream().send(
                    cleared, Call("POST", PATH, (), BODY), total_s=0.3, confirm=still_cleared
                )  # the server waits for a request that never comes
            assert caught.value.stage == "connect"
            await server.connections[0].closed.wait()

    run(main)


def test_old_protocol_versions_are_refused(run, authority, ca_file):
    async def main():
        context = server_context(authority.issue_cert("127.0.0.1"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        async with HostileServer(tls=context) as server:
            with pytest.raises(UpstreamFailed) as caught:
                await ask(Http1Upstream(), server, "127.0.0.1", ca_file=ca_file)
            assert caught.value.stage == "connect"

    run(main)


def test_a_handshake_that_never_ends_times_out_and_closes(run, ca_file):
    async def main():
        gone = asyncio.Event()

        class Silent(asyncio.Protocol):
            def connection_lost(self, error):
                gone.set()

        server = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
        endpoint = Endpoint("https", "127.0.0.1", server.sockets[0].getsockname()[1], "")
        cleared = permit(BODY, endpoint=endpoint, ca_file=ca_file, deadlines=Deadlines(connect_s=0.05))
        with pytest.raises(UpstreamTimeout) as caught:
            await Http1Upstream().send(cleared, Call("POST", PATH, (), BODY), total_s=60, confirm=still_cleared)
        assert caught.value.stage == "connect"
        await gone.wait()
        server.close()

    run(main)


def test_a_flood_over_tls_stops_at_a_bound_and_a_cut_is_a_fault(run, authority, ca_file):
    async def main():
        async with HostileServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
            server.behave(PATH, hostile.floods(100 * 1024 * 1024))
            upstream = Http1Upstream()
            cleared = permit(BODY, endpoint=server.endpoint("/v1"), ca_file=ca_file)
            answer = await upstream.send(
                cleared, Call("POST", "/chat/completions", (), BODY), total_s=20, confirm=still_cleared
            )
            log = server.connections[0]
            await server.until(lambda: log.blocked)
            assert len(await answer.chunk()) < 1024 * 1024
            assert log.bytes_written < 32 * 1024 * 1024
            server.drop_all()
            with pytest.raises(UpstreamFailed):  # noqa: PT012
                while await answer.chunk():
                    pass
            await upstream.aclose()

    run(main)


def test_session_keys_are_not_written_though_the_environment_asks(monkeypatch, tmp_path, ca_file):
    monkeypatch.setitem(os.environ, "SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert client_context(ca_file).keylog_filename is None


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_the_digest_is_that_of_the_certificates_public_key(authority, kind):
    certificate = authority.issue_cert("a.example.org", "127.0.0.1", key_type=kind)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    assert spki_sha256(der) == key_digest(certificate)


@given(st.binary(max_size=200), st.data())
def test_bytes_that_are_no_certificate_raise_value_errors_alone(rubbish, data):
    for der in (rubbish, b"\x30\x82" + rubbish):
        try:
            spki_sha256(der)
        except ValueError:
            continue

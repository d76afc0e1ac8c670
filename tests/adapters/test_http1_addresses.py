"""Resolve once, check each address, dial what was checked (law 1: "on the premises" is checked, not claimed)."""

import asyncio
import socket
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.adapters.http1 import Http1Upstream
from douane.adapters.http1.resolve import MAX_ADDRESSES, admitted
from douane.core.models.catalogue import Deadlines, Endpoint
from douane.core.zone import Zone
from douane.errors import AddressNotAllowed, UpstreamFailed, UpstreamTimeout
from douane.testing import hostile_server as hostile
from douane.testing.hostile_server import HostileServer
from douane.testing.permits import LOOPBACK_ZONE, PUBLIC_ZONE, deployment, permit, still_cleared
from douane.wire.call import Call

BODY = b"{}"


class Names:
    """A resolver of its own: answers in turn, the last one stays; counts how often it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host, port):
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def send(server, host, zone=LOOPBACK_ZONE, resolve=None, **permitted):
    upstream = Http1Upstream(**({} if resolve is None else {"resolve": resolve}))
    permitted.setdefault("endpoint", server.endpoint("/v1", host=host))
    try:
        answer = await upstream.send(
            permit(BODY, zone=zone, **permitted),
            Call("POST", "/chat/completions", (), BODY),
            total_s=60,
            confirm=still_cleared,
        )
        return answer.status, answer.peer
    finally:
        await upstream.aclose()


def refused(host, zone, resolve=None):
    async def main():
        async with HostileServer() as server:
            with pytest.raises(AddressNotAllowed) as caught:
                await send(server, host, zone, resolve)
            await asyncio.sleep(0)
            assert server.connections == []
            return caught.value

    return asyncio.run(main())


LOOPBACK_BY_OTHER_NAMES = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
    "localhost", "LOCALHOST.", "[::1]", "::1", "[::ffff:127.0.0.1]", "::ffff:7f00:1", "::127.0.0.1", "0:0:0:0:0:0:0:1",
    "0.0.0.0", "0", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK_BY_OTHER_NAMES)
def test_a_zone_held_to_public_addresses_never_dials_this_machine_however_it_is_written(host):
    refused(host, PUBLIC_ZONE)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fe80::1", "fec0::1",
     "fe80::1%1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
     "224.0.0.1", "255.255.255.255", "not an address", ""],
)  # fmt: skip
def test_a_name_that_resolves_to_an_inner_address_is_not_dialled_by_a_public_zone(address):
    refused("api.example.org", PUBLIC_ZONE, Names([address]))


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1]", "::ffff:8.8.8.8", "10.0.0.1"])
def test_a_zone_that_names_networks_dials_nothing_outside_of_them(host):
    fault = refused(host, LOOPBACK_ZONE)
    assert fault.stage == "connect"
    assert "premises" in fault.problem
    assert "premises" in fault.fix


def test_a_premises_zone_without_networks_dials_nothing_at_all():
    refused("8.8.8.8", replace(LOOPBACK_ZONE, networks=()))
    refused("127.0.0.1", replace(LOOPBACK_ZONE, networks=()))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"])
def test_the_same_address_is_dialled_where_the_zone_admits_it_however_it_is_written(host):
    async def main():
        async with HostileServer() as server:
            status, peer = await send(server, host)
            assert status == 404
            assert "127.0.0.1" in peer

    asyncio.run(main())


def test_ipv6_is_dialled_and_named_with_brackets():
    async def main():
        async with HostileServer(host="::1") as server:
            assert (await send(server, "::1"))[1] == f"[::1]:{server.port}"
            assert (await send(server, "[::1]"))[1] == f"[::1]:{server.port}"
            assert server.received[0].headers["host"] == f"[::1]:{server.port}"

    asyncio.run(main())


def test_a_name_is_resolved_once_per_connection_and_what_it_says_later_changes_nothing():
    async def main():
        async with HostileServer() as server:
            server.otherwise(hostile.ok_json(b"{}"))
            names = Names(["127.0.0.1"], ["8.8.8.8"])
            upstream = Http1Upstream(resolve=names)
            cleared = permit(BODY, endpoint=server.endpoint("/v1", host="rebound.example.org"))
            for _ in range(2):
                answer = await upstream.send(cleared, Call("POST", "/x", (), BODY), total_s=60, confirm=still_cleared)
                assert await answer.body(10) == b"{}"
            assert names.asked == 1
            server.drop_all()
            await server.connections[0].closed.wait()
            with pytest.raises(AddressNotAllowed):
                await upstream.send(cleared, Call("POST", "/x", (), BODY), total_s=60, confirm=still_cleared)
            assert names.asked == 2
            await upstream.aclose()

    asyncio.run(main())


def test_of_several_addresses_only_admitted_ones_are_tried():
    async def main():
        async with HostileServer() as server:
            names = Names(["8.8.8.8", "10.0.0.1", "127.0.0.1", "::ffff:8.8.8.8"])
            assert (await send(server, "many.example.org", resolve=names))[1] == f"127.0.0.1:{server.port}"

    asyncio.run(main())


def test_no_more_addresses_are_tried_than_the_bound():
    many = [f"127.0.0.{n}" for n in range(1, 30)]
    target = deployment(Endpoint("http", "name.example.org", 80, ""))
    found = asyncio.run(admitted(Names(many), target, "name.example.org", LOOPBACK_ZONE))
    assert [str(address) for address in found] == many[:MAX_ADDRESSES]


class Fickle(Zone):
    """A zone that admits an address once."""

    seen: ClassVar[set] = set()

    def admits(self, address):
        first = address not in self.seen
        self.seen.add(address)
        return first


def test_the_peer_of_a_new_connection_is_looked_at_once_more_before_anything_is_sent():
    async def main():
        Fickle.seen.clear()
        async with HostileServer() as server:
            server.otherwise(hostile.ok_json(b"{}"))
            with pytest.raises(AddressNotAllowed):
                await send(server, "127.0.0.1", Fickle("premises", True, LOOPBACK_ZONE.clearance))
            await server.until(lambda: bool(server.connections))
            await server.connections[0].closed.wait()
            assert server.received == []

    asyncio.run(main())


def test_an_address_that_does_not_answer_leaves_its_share_of_the_deadline_to_the_next():
    async def main():
        async with HostileServer() as server:
            full = socket.socket()
            full.bind(("127.0.0.2", server.port))
            full.listen(0)
            others = [socket.socket() for _ in range(4)]
            for other in others:
                other.setblocking(False)
                other.connect_ex(("127.0.0.2", server.port))
            names = Names(["127.0.0.2", "127.0.0.3", "127.0.0.1"])  # silent, refusing, answering
            status, peer = await send(server, "slow.example.org", resolve=names, deadlines=Deadlines(connect_s=0.3))
            assert (status, peer) == (404, f"127.0.0.1:{server.port}")
            for each in (full, *others):
                each.close()

    asyncio.run(main())


def test_a_resolver_that_never_answers_times_out_while_connecting():
    async def never(host, port):
        await asyncio.Event().wait()

    async def main():
        async with HostileServer() as server:
            with pytest.raises(UpstreamTimeout) as caught:
                await send(server, "slow.example.org", resolve=never, deadlines=Deadlines(connect_s=0.03))
            assert caught.value.stage == "connect"

    asyncio.run(main())


@pytest.mark.parametrize("failure", [OSError("no such host"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_a_fault_of_connecting(failure):
    async def broken(host, port):
        raise failure

    async def nothing(host, port):
        return []

    async def main():
        async with HostileServer() as server:
            for resolve in (broken, nothing):
                with pytest.raises(UpstreamFailed) as caught:
                    await send(server, "gone.example.org", resolve=resolve)
                assert caught.value.stage == "connect"

    asyncio.run(main())


@pytest.mark.parametrize(
    "host", ["", "a b", "evil\r\nx: y", "a/b", "a@b", "é.example", "[::1", "::g", "a:80", "x" * 300, "[127.0.0.1]:1"]
)
def test_a_host_that_is_none_is_never_resolved(host):
    names = Names(["127.0.0.1"])

    async def main():
        async with HostileServer() as server:
            with pytest.raises(UpstreamFailed):
                await send(server, host, resolve=names, endpoint=Endpoint("http", host, server.port, ""))
            assert server.connections == []

    asyncio.run(main())
    assert names.asked == 0


def test_another_scheme_than_http_and_https_is_never_dialled():
    async def main():
        async with HostileServer() as server:
            for scheme in ("file", "ftp", "unix", "HTTP", ""):
                with pytest.raises(UpstreamFailed):
                    await send(server, "127.0.0.1", endpoint=Endpoint(scheme, "127.0.0.1", server.port, ""))
            assert server.connections == []

    asyncio.run(main())


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
NETWORKS = st.sampled_from(["127.0.0.0/8", "10.0.0.0/8", "::1/128", "fd00::/8", "0.0.0.0/1", "::/1"]).map(ip_network)


@given(st.lists(ADDRESSES.map(str), max_size=12), st.lists(NETWORKS, max_size=3), st.booleans())
def test_whatever_a_name_resolves_to_only_admitted_addresses_come_out_and_not_too_many(found, networks, premises):
    zone = replace(LOOPBACK_ZONE, networks=tuple(networks), premises=premises)
    target = deployment(Endpoint("http", "name.example.org", 80, ""))

    async def main():
        return await admitted(Names(found), target, "name.example.org", zone)

    wanted = list(dict.fromkeys(ip_address(text) for text in found if zone.admits(ip_address(text))))
    if wanted:
        assert list(asyncio.run(main())) == wanted[:MAX_ADDRESSES]
    else:
        with pytest.raises(UpstreamFailed):
            asyncio.run(main())

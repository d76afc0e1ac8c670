"""Where a zone may connect to: its networks, or public addresses only."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from douane.core.label import Clearance, Level
from douane.core.zone import Zone

HOSTILE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "ff02::1",
    "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b:1::a00:1", "4000::1", "fec0::1", "168.63.129.16",
]  # fmt: skip


def zone(*networks: str, premises: bool = False) -> Zone:
    return Zone("z", premises, Clearance(Level.PUBLIC), tuple(ip_network(n) for n in networks))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_zone_off_the_premises_without_networks_never_dials_inwards(text: str) -> None:
    assert not zone().admits(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "51.15.0.1", "2a01:4f8::1", "::ffff:8.8.8.8"])
def test_a_zone_off_the_premises_without_networks_dials_public_addresses(text: str) -> None:
    assert zone().admits(ip_address(text))


def test_a_zone_is_held_to_the_networks_that_it_names() -> None:
    held = zone("10.0.0.0/8", "fd00::/8")
    assert held.admits(ip_address("10.9.9.9"))
    assert zone("10.0.0.0/8", premises=True).admits(ip_address("10.9.9.9"))
    assert not zone("10.0.0.0/8", premises=True).admits(ip_address("11.9.9.9"))
    assert held.admits(ip_address("::ffff:10.9.9.9"))
    assert held.admits(ip_address("fd00::1"))
    assert not held.admits(ip_address("11.0.0.1"))
    assert not held.admits(ip_address("8.8.8.8"))


def test_a_premises_zone_without_networks_dials_nothing() -> None:
    assert not zone(premises=True).admits(ip_address("8.8.8.8"))
    assert not zone(premises=True).admits(ip_address("10.0.0.1"))

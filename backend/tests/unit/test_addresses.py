"""Whose budget a request counts against."""

from ipaddress import ip_network

import pytest

from duly.utils.addresses import client_address, is_trusted

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.4", "198.51.100.4"),
        ("10.0.0.1", "198.51.100.4, 10.0.0.2", "198.51.100.4"),
        ("::ffff:10.0.0.1", "198.51.100.4", "198.51.100.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        # With a port, as some proxies write it.
        ("10.0.0.1", "198.51.100.4:5678", "198.51.100.4"),
        ("10.0.0.1", "[2001:db8::1]:5678", "2001:db8::/64"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::/64"),
    ],
)
def test_address_is_read_through_trusted_proxies_only(
    peer: str, forwarded_for: str, expected: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        # Sent by the client itself, and no proxy of ours in between.
        ("203.0.113.7", "198.51.100.4", "203.0.113.7"),
        # Written by the client before our proxy added the address that it saw.
        ("10.0.0.1", "192.0.2.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "10.9.9.9, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "<script>, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, ", "10.0.0.1"),
    ],
)
def test_a_client_can_not_choose_its_address(peer: str, forwarded_for: str, expected: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == expected


def test_the_addresses_of_one_ipv6_network_are_the_same() -> None:
    first = client_address("2001:db8:1:2::1", "", ())

    assert first == client_address("2001:db8:1:2:ffff::9", "", ())
    assert first != client_address("2001:db8:1:3::1", "", ())


def test_invalid_address_is_kept_and_not_trusted() -> None:
    assert client_address("unknown", "198.51.100.4", PROXIES) == "unknown"
    assert not is_trusted("unknown", (ip_network("0.0.0.0/0"), ip_network("::/0")))

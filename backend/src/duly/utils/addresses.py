"""Addresses of clients."""

import re
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

# The network of one subscriber: a limit for each of its addresses would have no effect.
_IPV6_PREFIX = 64

_WITH_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


@lru_cache(maxsize=1024)
def client_address(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """Return the client's address as rate limits count it: a /64 network for IPv6."""
    address = source_address(peer, forwarded_for, trusted)
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return address


@lru_cache(maxsize=1024)
def source_address(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """Return the client's full address.

    `X-Forwarded-For` is read from its end, where the nearest proxy writes, and only as far as
    proxies in `trusted` vouch for it. The result is a trusted address if no client is named.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",")]
    address = peer
    while hops and is_trusted(address, trusted):
        hop = _without_port(hops.pop())
        if _parse(hop) is None:
            break
        address = hop
    parsed = _parse(address)
    return address if parsed is None else str(parsed)


@lru_cache(maxsize=1024)
def is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    """Whether an address belongs to a trusted proxy."""
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _without_port(hop: str) -> str:
    """`192.0.2.1:5678` and `[2001:db8::1]:5678`, as some proxies write it."""
    match = _WITH_PORT.fullmatch(hop)
    return (match[1] or match[2]) if match else hop

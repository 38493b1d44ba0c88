"""Whose request it is: the address behind the proxies that the operator trusts, and nobody else's word for it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from allmende.errors import ConfigError, Problem

Network = IPv4Network | IPv6Network
LOCAL = "local"
"""The client on this very machine: a developer, a benchmark, a health check. Its rate is not limited."""


class Visitors:
    """Knows the trusted proxies, from the setting: addresses and networks, with commas."""

    def __init__(self, proxies: str) -> None:
        self.proxies = tuple(_network(part.strip()) for part in proxies.split(",") if part.strip())
        self._direct = lru_cache(maxsize=10_000)(self._look_up)

    def client(self, peer: str, forwarded: str | None) -> str:
        """The key of the client; `forwarded` is the header X-Forwarded-For, believed as far as proxies are trusted."""
        key, trusted = self._direct(peer)
        if not trusted:
            return key
        hops = [] if forwarded is None else forwarded[-2_000:].split(",")
        for hop in reversed(hops):
            key, trusted = self._direct(hop.strip())
            if not trusted:
                break
        return key

    def is_local(self, peer: str) -> bool:
        return self._direct(peer)[0] == LOCAL

    def _look_up(self, text: str) -> tuple[str, bool]:
        """The key, and whether it is a trusted proxy."""
        address = _address(text)
        if address is None:
            return "unknown", False
        trusted = any(address in network for network in self.proxies)
        if address.is_loopback:
            return LOCAL, trusted
        if isinstance(address, IPv6Address):
            return str(IPv6Network((int(address) >> 64 << 64, 64))), trusted
        return str(address), trusted


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, without brackets and port; an IPv4 address written as IPv6 is the former."""
    text = text[1:].partition("]")[0] if text.startswith("[") else text
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        expected = "addresses and networks with commas, such as 10.0.0.0/8, ::1"
        raise ConfigError(
            [Problem(file="environment", key="ALLMENDE_PROXIES", message=f"{error}", expected=expected)]
        ) from error

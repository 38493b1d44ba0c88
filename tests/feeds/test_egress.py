"""What a city may write as url, and what it cannot reach with it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest
from allmende import FeedError
from allmende.egress import is_public, parse_allowed
from allmende.feeds.fetch import Fetcher, Limits
from hypothesis import given
from hypothesis import strategies as st

from .server import answer, serving
from .village import make

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "193.99.144.80", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_address_that_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_in_ipv6_never_makes_it_public(address: ipaddress.IPv4Address) -> None:
    for wrapped in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(wrapped) == is_public(str(address))


async def refusal(url: str) -> str:
    city, source = make(url=url)
    limits = Limits(connect=1, read=1, total=2, attempts=1)
    with pytest.raises(FeedError) as error:
        await Fetcher(limits=limits).fetch(city, source)
    return error.value.message


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_own_machine_is_not_reached_however_it_is_spelt(host: str) -> None:
    with serving(answer()) as server:
        message = await refusal(f"http://{host}:{server.port}/")
    assert "is not on the public internet" in message or "cannot be" in message
    assert server.requests == []


async def test_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is resolved once only: what was checked is what is connected to."""
    asked = []

    async def resolve(self: Any, host: Any, port: Any, **options: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", resolve)
    assert "feeds.example is not on the public internet" in await refusal("http://feeds.example/")
    assert asked == ["feeds.example"]


async def test_connection_goes_to_the_checked_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time gains nothing, since there is no second time."""
    asked = []
    with serving(answer(body=b"[1]")) as server:

        async def resolve(self: Any, host: Any, port: Any, **options: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", resolve)
        city, source = make(url=f"http://feeds.example:{server.port}/")
        fetched = await Fetcher(allowed=parse_allowed(f"feeds.example:{server.port}")).fetch(city, source)
    assert fetched.payload is not None
    assert (fetched.payload.content, asked) == (b"[1]", ["feeds.example"])
    assert server.requests[0]["host"] == f"feeds.example:{server.port}"


async def test_name_that_does_not_exist_is_named() -> None:
    assert "the name nowhere.invalid cannot be resolved" in await refusal("http://nowhere.invalid/")


def test_exceptions_of_the_operator_are_host_and_port() -> None:
    assert parse_allowed("Intern.example:8080, [::1]:80,") == {("intern.example", 8080), ("::1", 80)}


def test_exception_without_port_is_an_error_of_the_operator() -> None:
    with pytest.raises(ValueError, match="ALLMENDE_EGRESS_ALLOW: 'intern' is not host:port"):
        parse_allowed("intern")

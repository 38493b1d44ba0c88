"""Where this instance may connect to: public addresses only, checked on the very address that is then connected to.

The host's addresses are resolved once, all of them are checked, and the connection goes to one of them, so that a
name server which answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from ssl import SSLContext

import httpcore2
import httpx2

from allmende.errors import FeedError

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether the address is one of the public internet, also behind the wrappings that IPv6 knows for IPv4."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def _inner(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def parse_allowed(text: str) -> frozenset[tuple[str, int]]:
    """`host:port, [::1]:port` → pairs; what does not look like that is an error of the operator."""
    allowed = set()
    for item in filter(None, (part.strip() for part in text.split(","))):
        host, colon, port = item.rpartition(":")
        if not colon or not port.isdigit():
            raise ValueError(f"ALLMENDE_EGRESS_ALLOW: {item!r} is not host:port")
        allowed.add((host.strip("[]").lower(), int(port)))
    return frozenset(allowed)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to checked addresses only; `allowed` are the operator's exceptions."""

    def __init__(self, allowed: frozenset[tuple[str, int]]) -> None:
        self._allowed = allowed
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self.addresses(host, port, timeout):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise FeedError("feeds are not read from sockets")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        """Those that may be connected to; FeedError where one of them may not."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the name {host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if (host.lower(), port) not in self._allowed:
            for address in addresses:
                if not is_public(address):
                    raise FeedError(
                        f"{host} is not on the public internet; the operator may allow it with "
                        f"ALLMENDE_EGRESS_ALLOW={host}:{port}"
                    )
        return addresses


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport on a GuardedBackend, without proxies from the environment."""

    def __init__(self, allowed: frozenset[tuple[str, int]], *, http2: bool = False, connections: int = 4) -> None:
        super().__init__(verify=_ssl_context(), trust_env=False)
        # httpx2 has no argument for the network backend; its pool takes one.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=connections,
            http1=True,
            http2=http2,
            network_backend=GuardedBackend(allowed),
        )


async def guarded_socket(allowed: frozenset[tuple[str, int]], host: str, port: int) -> socket.socket:
    """A connection to a server that does not speak HTTP (a mail server), under the same rule."""
    failure: Exception | None = None
    for address in await GuardedBackend(allowed).addresses(host, port, 10.0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(10.0):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except (OSError, TimeoutError) as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure or OSError(f"{host} has no address")


@cache
def _ssl_context() -> SSLContext:
    return httpx2.create_ssl_context(trust_env=False)

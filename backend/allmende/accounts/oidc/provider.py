"""OpenID providers as they describe themselves: discovery and signing keys, kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from allmende.city.model import Provider
from allmende.egress import GuardedTransport
from allmende.errors import AllmendeError, FeedError

KEPT = 3600.0
"""Seconds for which what a provider says of itself is believed."""
AGAIN = 60.0
"""Seconds before keys are fetched anew because a token names one that is not among them."""
LARGEST = 1_000_000
TIMEOUT = httpx2.Timeout(10.0, connect=5.0)


class ProviderFault(AllmendeError):
    """The provider cannot be reached, or says what does not fit together. Nothing that a citizen could mend."""

    code = "SIGN_IN_UNAVAILABLE"


class Endpoints(Struct, frozen=True):
    """The part of a provider's metadata that is needed (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Providers:
    """What is known of the providers of all cities. `allowed` are private addresses (`host:port`) that may be asked."""

    def __init__(
        self,
        allowed: frozenset[tuple[str, int]] = frozenset(),
        secret: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.allowed, self.secret, self.clock = allowed, secret, clock
        self._endpoints: dict[str, tuple[float, Endpoints]] = {}
        self._keys: dict[str, tuple[float, KeySet]] = {}

    async def endpoints(self, issuer: str) -> Endpoints:
        """Where to send people and codes. ProviderFault where the provider is not what the city's file says."""
        known = self._endpoints.get(issuer)
        if known is not None and known[0] > self.clock() - KEPT:
            return known[1]
        content = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            found = msgspec.json.decode(content, type=Endpoints)
        except msgspec.MsgspecError as error:
            raise ProviderFault(f"{issuer}: its metadata cannot be read ({error})") from error
        if found.issuer != issuer:
            raise ProviderFault(f"{issuer}: it calls itself {found.issuer[:200]!r}; write exactly that as issuer")
        safe = urlsplit(issuer).scheme
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if urlsplit(address).scheme not in ("https", safe):
                raise ProviderFault(f"{issuer}: {address[:200]!r} is not safe")
        self._endpoints[issuer] = (self.clock(), found)
        return found

    async def keys(self, issuer: str, *, again: bool = False) -> KeySet:
        """The provider's signing keys; `again` where those that are known do not fit, at most once a minute."""
        known = self._keys.get(issuer)
        if known is not None and known[0] > self.clock() - (AGAIN if again else KEPT):
            return known[1]
        content = await self._ask("GET", (await self.endpoints(issuer)).jwks_uri)
        try:
            keys = KeySet.import_key_set(msgspec.json.decode(content))
        except (msgspec.MsgspecError, JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderFault(f"{issuer}: its keys cannot be read") from error
        self._keys[issuer] = (self.clock(), keys)
        return keys

    async def redeem(self, provider: Provider, code: str, verifier: str, redirect: str) -> str:
        """The ID token for an authorization code. ProviderFault where there is none for it."""
        endpoints = await self.endpoints(provider.issuer)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        auth: Any = None
        if provider.client_secret:
            if self.secret is None:
                raise ProviderFault(f"{provider.issuer}: there are no secrets here")
            value = self.secret(provider.client_secret)
            if "client_secret_basic" in endpoints.token_endpoint_auth_methods_supported:
                auth = (_quoted(provider.client_id), _quoted(value))
            else:
                form |= {"client_id": provider.client_id, "client_secret": value}
        else:
            form["client_id"] = provider.client_id
        content = await self._ask("POST", endpoints.token_endpoint, data=form, auth=auth)
        try:
            token = msgspec.json.decode(content, type=dict[str, Any]).get("id_token")
        except msgspec.MsgspecError as error:
            raise ProviderFault(f"{provider.issuer}: its answer cannot be read") from error
        if not isinstance(token, str):
            raise ProviderFault(f"{provider.issuer}: it gave no ID token; are the scopes right?")
        return token

    async def _ask(self, method: str, url: str, data: Mapping[str, str] | None = None, auth: Any = None) -> bytes:
        """One request. What goes wrong is told without what was sent: that holds secrets."""
        where = urlsplit(url)
        place = f"{where.scheme}://{where.netloc}{where.path}"
        try:
            async with (
                httpx2.AsyncClient(
                    transport=GuardedTransport(self.allowed), timeout=TIMEOUT, trust_env=False, follow_redirects=False
                ) as client,
                client.stream(method, url, data=data, auth=auth, headers={"Accept": "application/json"}) as response,
            ):
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > LARGEST:
                        raise ProviderFault(f"{place}: the answer is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderFault(f"{place}: {type(error).__name__}") from error
        except FeedError as error:
            raise ProviderFault(f"{place}: {error.message}") from error
        if response.status_code != 200:
            raise ProviderFault(f"{place}: answered {response.status_code}")
        return bytes(body)


def _quoted(text: str) -> str:
    """Names and secrets go into Basic form-encoded (RFC 6749 § 2.3.1)."""
    return str(httpx2.QueryParams({"x": text}))[2:]

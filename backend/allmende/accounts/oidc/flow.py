"""To the provider and back: what the browser carries meanwhile is sealed, and fits one sign-in in one browser only."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from allmende.accounts.oidc.claims import claims_of
from allmende.accounts.oidc.provider import Providers
from allmende.accounts.service import Accounts
from allmende.city.model import City, Provider
from allmende.errors import Denied, InputError, NotFound
from allmende.sealing import SealBroken

LIVES = timedelta(minutes=10)
"""So long may somebody take at the provider."""
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"[\x20-\x7e]{0,500}")


class Flow(Struct, frozen=True, kw_only=True):
    """One sign-in that has begun."""

    who: Literal["citizens", "staff"]
    state: str
    nonce: str
    verifier: str
    redirect: str
    """Our address at which the provider sends the browser back."""
    until: float
    app: str = ""
    """Of citizens: the app's address, with the S256 challenge and the state that it gave."""
    challenge: str = ""
    app_state: str = ""


class Departure(Struct, frozen=True):
    """Where to send the browser, and the header Set-Cookie that goes with it."""

    url: str
    cookie: str


def cookie_name(city: str, *, secure: bool) -> str:
    return f"__Host-login-{city}" if secure else f"login-{city}"


def cookie(city: str, value: str, *, secure: bool) -> str:
    """The header Set-Cookie; an empty value takes it back."""
    age = int(LIVES.total_seconds()) if value else 0
    end = "; Secure" if secure else ""
    return f"{cookie_name(city, secure=secure)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{end}"


def provider_of(city: City, who: str) -> Provider:
    """The city's provider for citizens or staff; NotFound where it has none."""
    found = city.login.citizens if who == "citizens" else city.login.staff
    if found is None:
        raise NotFound(f"{city.name} has no sign-in of this kind")
    return found


async def begin(
    accounts: Accounts,
    providers: Providers,
    city: City,
    who: Literal["citizens", "staff"],
    redirect: str,
    *,
    app: str = "",
    challenge: str = "",
    app_state: str = "",
    language: str = "",
    secure: bool,
) -> Departure:
    """Begin. Citizens come from an app: with its address, which the city's file must name, and a S256 challenge."""
    provider = provider_of(city, who)
    if who == "citizens":
        if city.login.citizens is None or app not in city.login.citizens.apps:
            raise InputError("app: this address is not among those of the city's file ([login.citizens] apps)")
        if not CHALLENGE.fullmatch(challenge):
            raise InputError("challenge: the S256 challenge of a verifier is needed (RFC 7636)")
        if not _STATE.fullmatch(app_state):
            raise InputError("state: at most 500 ASCII characters")
    endpoints = await providers.endpoints(provider.issuer)
    flow = Flow(
        who=who,
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        redirect=redirect,
        until=(accounts.clock() + LIVES).timestamp(),
        app=app,
        challenge=challenge,
        app_state=app_state,
    )
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect,
        "scope": " ".join(dict.fromkeys(("openid", *provider.scopes))),
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": challenge_of(flow.verifier),
        "code_challenge_method": "S256",
    }
    if language:
        query["ui_locales"] = language
    sealed = urlsafe_b64encode(accounts.sealer.seal(msgspec.json.encode(flow), _purpose(city.slug))).decode()
    joint = "&" if "?" in endpoints.authorization_endpoint else "?"
    url = f"{endpoints.authorization_endpoint}{joint}{urlencode(query)}"
    return Departure(url, cookie(city.slug, sealed, secure=secure))


def found_flow(accounts: Accounts, city: str, cookies: str, state: str, *, secure: bool) -> Flow:
    """The sign-in that this browser began and the provider answers; Denied (SIGN_IN_FAILED) for any other."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(cookies[:8000])
        sealed = urlsafe_b64decode(jar[cookie_name(city, secure=secure)].value)
        flow = msgspec.json.decode(accounts.sealer.open(sealed, _purpose(city)), type=Flow)
    except (CookieError, KeyError, ValueError, SealBroken, msgspec.MsgspecError):
        raise Denied("this browser has begun no sign-in here; begin again", code="SIGN_IN_FAILED") from None
    if flow.until <= accounts.clock().timestamp():
        raise Denied("it took too long; begin again", code="SIGN_IN_FAILED")
    if not hmac.compare_digest(flow.state.encode(), state.encode()):
        raise Denied("the answer belongs to another sign-in; begin again", code="SIGN_IN_FAILED")
    return flow


async def finish(
    accounts: Accounts, providers: Providers, city: City, flow: Flow, answer: Mapping[str, str]
) -> Mapping[str, Any]:
    """The claims of whoever signed in; Denied where the provider says no, or its answer is not for this sign-in."""
    provider = provider_of(city, flow.who)
    if answer.get("iss", provider.issuer) != provider.issuer:  # RFC 9207: a mix-up of two providers
        raise Denied("the answer is another provider's", code="SIGN_IN_FAILED")
    if "code" not in answer:
        raise Denied("the provider has not signed you in", code="SIGN_IN_REFUSED")
    token = await providers.redeem(provider, answer["code"][:2000], flow.verifier, flow.redirect)
    return await claims_of(providers, provider, token, flow.nonce, accounts.clock())


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _purpose(city: str) -> str:
    return f"login {city}"

"""What an ID token must be before anybody believes it (OpenID Connect Core 1.0, § 3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from allmende.accounts.oidc.provider import Providers
from allmende.city.model import Provider
from allmende.errors import Denied

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key that only the provider has: neither `none` nor an HMAC with what both know."""
LEEWAY = 60
"""Seconds that the two clocks may differ."""


async def claims_of(
    providers: Providers, provider: Provider, token: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of a token that this provider gave to this city for this very sign-in; Denied for any other."""
    try:
        claims = _decoded(token, await providers.keys(provider.issuer))
    except (JoseError, ValueError, TypeError):  # perhaps the provider has taken new keys
        try:
            claims = _decoded(token, await providers.keys(provider.issuer, again=True))
        except (JoseError, ValueError, TypeError) as error:
            raise _refused("its signature") from error
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise _refused(f"its {getattr(error, 'claim', '') or 'claims'}") from error
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != provider.client_id:
        raise _refused("its azp")
    if "azp" in claims and claims["azp"] != provider.client_id:
        raise _refused("its azp")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise _refused("its nonce")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise _refused("its sub")
    return claims


def _decoded(token: str, keys: KeySet) -> Mapping[str, Any]:
    if len(token) > 50_000:
        raise ValueError("too long")
    return jwt.decode(token, keys, algorithms=ALGORITHMS).claims


def _refused(what: str) -> Denied:
    """Says which part was wrong, never its value."""
    return Denied(f"the provider's token is not for this sign-in: {what}", code="SIGN_IN_FAILED")

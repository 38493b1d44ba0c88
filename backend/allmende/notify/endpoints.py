"""What clients give as the place where they can be reached: checked before anything is sent there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.headerregistry import Address
from hashlib import blake2b
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from allmende.errors import InputError
from allmende.notify.channels.webpush import from_base64url

PUSHED = ("webpush", "fcm", "apns")
"""Channels whose addresses a push service gives to one device, and now and then anew."""
_FCM = re.compile(r"[A-Za-z0-9_:.-]{20,4096}")
_APNS = re.compile(r"[0-9a-f]{64,200}")


class Place(Struct, frozen=True, kw_only=True):
    """Where somebody can be reached, checked."""

    channel: str
    address: str
    keys: dict[str, str] = {}

    def digest(self, owner: str) -> str:
        """A push address belongs to one device, whoever is signed in there; others to whoever has given them."""
        shared = self.channel in PUSHED
        text = "\x1f".join(("" if shared else owner, self.channel, self.address))
        return blake2b(text.encode(), digest_size=16).hexdigest()


def check_place(channel: str, address: str, keys: Mapping[str, str]) -> Place:
    """The place, in its normal form; InputError says what is wrong. Private addresses are refused on connecting."""
    address = address.strip()
    if channel in ("webpush", "webhook"):
        _check_url(address)
    if channel == "webpush":
        return Place(channel=channel, address=address, keys=_check_keys(keys))
    if channel == "fcm" and not _FCM.fullmatch(address):
        raise InputError("address: is no registration token of FCM")
    if channel == "apns":
        address = address.lower()
        if not _APNS.fullmatch(address):
            raise InputError("address: is no device token of APNs (hexadecimal)")
    if channel == "email":
        address = _mail_address(address)
    return Place(channel=channel, address=address)


def _check_url(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise InputError("address: is no web address") from error
    if parts.scheme != "https" or not host or parts.username or len(address) > 2000 or not address.isascii():
        raise InputError("address: must be an https address, without a name or password in it")
    try:
        ip_address(host)
    except ValueError:
        if "." in host and not host.endswith((".local", ".internal", ".localhost", ".lan")):
            return
    raise InputError("address: must name a host of the public internet")


def _check_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """`p256dh` and `auth`, as the browser's PushSubscription has them."""
    try:
        public, secret = from_base64url(keys.get("p256dh", "")), from_base64url(keys.get("auth", ""))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError as error:
        raise InputError("p256dh: must be the browser's public key (P-256, base64url)") from error
    if len(secret) != 16:
        raise InputError("auth: must be 16 bytes in base64url, as the browser gives them")
    return {"p256dh": keys["p256dh"], "auth": keys["auth"]}


def _mail_address(text: str) -> str:
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError) as error:
        raise InputError("address: is no e-mail address") from error
    if not address.username or "." not in address.domain or len(text) > 254 or not text.isascii():
        raise InputError("address: is no e-mail address")
    return f"{address.username}@{address.domain.lower()}"

"""Seals what the database must not show (second factors) and signs what browsers carry, by the instance's own key."""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from allmende.errors import AllmendeError, ConfigError, Problem
from allmende.settings import Settings

LEAST = 32
"""Characters of a key."""
_NONCE = 12


class SealBroken(AllmendeError):
    """What was to be opened was sealed for another purpose, by another key, or changed since."""

    code = "INTERNAL"


class Sealer:
    """AES-256-GCM and HMAC-SHA-256, with keys derived (HKDF) from the secrets; the first one seals and signs."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._ciphers = [AESGCM(_derived(key, b"seal")) for key in keys]
        self._signing = [_derived(key, b"sign") for key in keys]

    def seal(self, content: bytes, purpose: str) -> bytes:
        """Encrypted and authenticated; opens only for the same purpose, which names what it is and whose."""
        nonce = os.urandom(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, content, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """The content; SealBroken where it is not exactly what was sealed for this purpose."""
        for cipher in self._ciphers:
            with suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        raise SealBroken(f"{purpose}: cannot be opened with this instance's key")

    def sign(self, content: str, purpose: str) -> str:
        """43 characters that nobody without the key can compute from the content."""
        return _mac(self._signing[0], content, purpose)

    def is_signed(self, signature: str, content: str, purpose: str) -> bool:
        """Whether one of the keys has signed this content for this purpose."""
        given = signature.encode()
        return any(hmac.compare_digest(_mac(key, content, purpose).encode(), given) for key in self._signing)


def load_sealer(settings: Settings) -> Sealer:
    """The sealer of this instance. ConfigError where production has no key, or a key is too short to be one."""
    given = settings.key or _read(settings.secrets / "ALLMENDE_KEY")
    if not given and not settings.production:
        given = _made(settings.key_file)
    keys = [key.strip() for key in given.split(",") if key.strip()]
    if not keys or any(len(key) < LEAST for key in keys):
        message = "is missing" if not keys else f"is shorter than {LEAST} characters"
        expected = "a random secret, as `openssl rand -base64 32` writes one"
        raise ConfigError([Problem(file="environment", key="ALLMENDE_KEY", message=message, expected=expected)])
    return Sealer(keys)


def passing_sealer() -> Sealer:
    """With a key that ends with the process: for tests, and for commands that seal nothing that stays."""
    return Sealer([secrets.token_urlsafe(32)])


def _derived(key: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"allmende " + use).derive(key.encode())


def _mac(key: bytes, content: str, purpose: str) -> str:
    made = hmac.digest(key, f"{purpose}\x00{content}".encode(), "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""


def _made(path: Path) -> str:
    """The key of this file, which is made if it is missing; of several processes that make it, one wins."""
    if found := _read(path):
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    own.chmod(0o600)
    with suppress(FileExistsError):
        os.link(own, path)
    own.unlink()
    return _read(path)

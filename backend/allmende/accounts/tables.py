"""Who has an identity in a city, the tokens they hold, what staff may do, and what staff did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class Account(CityTable):
    """A device, a citizen, one of the staff, or a service. Of citizens nothing is kept but that they exist."""

    __tablename__ = "account_account"
    __table_args__ = (
        Index("uq_account_account_email", "city", "email", unique=True),
        Index("uq_account_account_subject", "city", "subject", unique=True),
        Index("ix_account_account_kind", "city", "kind", "name", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    """device, citizen, staff or service."""
    name: Mapped[str] = mapped_column(String(120), default="")
    """Of staff and services: what colleagues see."""
    email: Mapped[str | None] = mapped_column(String(254), default=None)
    """Of staff: what they sign in with, in small letters."""
    subject: Mapped[str | None] = mapped_column(String(64), default=None)
    """Fingerprint of kind, issuer and subject at the OpenID provider; the subject itself is not kept."""
    language: Mapped[str] = mapped_column(String(16), default="")
    password: Mapped[str] = mapped_column(String(200), default="")
    """Argon2id hash; empty where there is no password."""
    totp: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """The sealed secret of the second factor."""
    totp_next: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """The one that is being set up, until a code of it has been given."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The newest time step that was used: a code works once."""
    recovery: Mapped[list[str]] = mapped_column(default=list)
    """Hashes of the recovery codes that are left."""
    created: Mapped[datetime] = mapped_column()
    seen: Mapped[datetime | None] = mapped_column(default=None)
    """To the day, so that what nobody uses can be removed."""
    disabled: Mapped[datetime | None] = mapped_column(default=None)


class Token(CityTable):
    """Something secret that somebody holds: of the token itself there is only a hash."""

    __tablename__ = "account_token"
    __table_args__ = (
        Index("ix_account_token_account", "city", "account", "family"),
        Index("ix_account_token_expires", "city", "expires"),
    )

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the whole token, the city's slug included."""
    account: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(12))
    """device, access, refresh, session, service, link or code; see tokens.py."""
    family: Mapped[str] = mapped_column(String(32))
    """All tokens that came from one sign-in; it is what people see as a device or session, and revoke."""
    name: Mapped[str] = mapped_column(String(120), default="")
    """What a service token is for."""
    permissions: Mapped[list[str]] = mapped_column(default=list)
    """Of a service token: all that it may do."""
    challenge: Mapped[str] = mapped_column(String(64), default="")
    """Of a code: the S256 challenge whose verifier has to come with it (RFC 7636)."""
    created: Mapped[datetime] = mapped_column()
    seen: Mapped[datetime | None] = mapped_column(default=None)
    expires: Mapped[datetime | None] = mapped_column(default=None)
    """None means that it lives until it is revoked."""
    ends: Mapped[datetime | None] = mapped_column(default=None)
    """When the sign-in of a citizen ends, however often its tokens are renewed."""
    used: Mapped[datetime | None] = mapped_column(default=None)
    """Of what can be used once (refresh, link, code)."""


class Grant(CityTable):
    """A role of one of the staff, for one plugin (or room of the core), or for all (`*`)."""

    __tablename__ = "account_grant"

    account: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(8), default="desk")
    """desk, or oidc: what the provider's groups gave and may take away again."""
    created: Mapped[datetime] = mapped_column()


class Attempt(CityTable):
    """Failed attempts to sign in, by account and by client; both under keyed hashes."""

    __tablename__ = "account_attempt"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column()
    last: Mapped[datetime] = mapped_column()
    until: Mapped[datetime] = mapped_column()
    """Nobody is let try again before."""


class Audit(CityTable):
    """What staff did: written once. Each entry is chained to the one before, so that none can be changed or lost."""

    __tablename__ = "account_audit"
    __table_args__ = (Index("ix_account_audit_actor", "city", "actor", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3 … in each city."""
    at: Mapped[datetime] = mapped_column()
    actor: Mapped[str] = mapped_column(String(32))
    """The account; empty for the operator at the command line and for the instance itself."""
    name: Mapped[str] = mapped_column(String(120))
    """What the actor was called then."""
    action: Mapped[str] = mapped_column(String(64))
    """`room.verb`: user.disable, case.assign, feed.approve."""
    subject: Mapped[str] = mapped_column(String(200))
    """What it was done to: an id or a name, never a citizen's data."""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hash: Mapped[str] = mapped_column(String(64))


class Chain(CityTable):
    """Where a city's audit log ends. Its row is locked until the commit, so that entries are numbered without gaps."""

    __tablename__ = "account_chain"

    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))

"""From the operator's `sqlite:///path` or `postgresql://…` to the drivers that serve and that migrate."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from allmende.errors import ConfigError, Problem

_SERVE = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_MIGRATE = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def serving_url(url: str) -> URL:
    """The address for the server: aiosqlite or asyncpg."""
    given = _parse(url)
    found = given.set(drivername=_SERVE[given.get_backend_name()])
    if sslmode := found.query.get("sslmode"):  # libpq's word; asyncpg says ssl
        found = found.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})
    return found


def migrating_url(url: str) -> URL:
    """The address for migrations, which are synchronous: sqlite3 or psycopg."""
    given = _parse(url)
    return given.set(drivername=_MIGRATE[given.get_backend_name()])


def _parse(url: str) -> URL:
    try:
        given = make_url(url)
    except ArgumentError as error:
        raise _wrong(url) from error
    backend = given.get_backend_name()
    if backend not in _SERVE or given.database in (None, "", ":memory:"):
        raise _wrong(url)
    if backend == "sqlite":
        Path(str(given.database)).parent.mkdir(parents=True, exist_ok=True)
    return given


def _wrong(url: str) -> ConfigError:
    shown = url.partition("://")[0] + "://…"  # the rest may hold a password
    return ConfigError(
        [
            Problem(
                file="environment",
                key="ALLMENDE_DATABASE",
                message=f"{shown} names no database that can be used",
                expected="sqlite:///path/to/file or postgresql://role@host:port/name",
            )
        ]
    )

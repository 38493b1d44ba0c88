"""What the operator of an instance decides, read once from environment variables named ALLMENDE_*."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from allmende.errors import ConfigError, Problem


class Settings(Struct, frozen=True, kw_only=True, rename=lambda name: f"ALLMENDE_{name.upper()}"):
    """One instance of Allmende. Every field is the environment variable ALLMENDE_<FIELD>."""

    database: str = "sqlite:///var/allmende.sqlite"
    """`sqlite:///path` (embedded) or `postgresql://user@host:port/name` (production)."""
    database_owner: str = ""
    """The role that migrates, where it differs from the role that serves (PostgreSQL). Same form as `database`."""
    cities: Path = Path("cities")
    plugins: Path = Path("plugins")
    clients: Path = Path("clients")
    """The operations of registered apps: `<app>/<version>/*.graphql`."""
    documents: Literal["open", "registered"] = "open"
    """Whether anybody may send any operation, or only those of registered apps."""
    response_cache: Annotated[int, Meta(ge=0, le=4096)] = 32
    """Megabytes of answers that each worker keeps; 0 keeps none."""
    row_cache: Annotated[int, Meta(ge=0, le=4096)] = 16
    """Megabytes of rows' JSON that each worker keeps; with 0, all rows are read and encoded for each new answer."""
    worker_memory: Annotated[int, Meta(ge=0)] = 0
    """Megabytes beyond which a worker of the server is replaced by a fresh one; 0 lets it grow."""
    schema: Path = Path("backend/schema.graphql")
    """The published schema; fields of plugins that cannot be loaded stay in the API as they are there."""
    files: str = "var/files"
    """Where uploads are kept: a folder, or `s3://bucket/prefix` (with the usual AWS_ variables)."""
    cache: Path = Path("var/cache")
    """Folder for what can be made again, and makes starting faster with very many cities. May be lost at any time."""
    secrets: Path = Path("/run/secrets")
    """Folder with one file per secret; a variable of the secret's name wins."""
    key: str = ""
    """Secret of at least 32 characters that seals what the database must not show and signs what browsers carry; or a
    file of this name in the folder of secrets. Several with commas: the first seals, all open."""
    key_file: Path = Path("var/development.key")
    """Where a key is made and kept if none is given; in production, none given is an error."""
    production: bool = False
    hosts: str = ""
    """Comma-separated host names under which this instance is asked, besides those of its cities."""
    proxies: str = ""
    """Comma-separated addresses and networks of the reverse proxies in front; their X-Forwarded-For is believed."""
    run: str = ""
    """Folder that the workers of one server share while they run; `allmende serve` makes one."""
    egress_allow: str = ""
    """Comma-separated `host:port` that feeds may reach although the address is private (tests, internal servers)."""

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. An unknown ALLMENDE_ variable or a wrong value is an error that names it."""
    environ = os.environ if environ is None else environ
    prefix = "ALLMENDE_"
    given = {k: v for k, v in environ.items() if k.startswith(prefix) and "__" not in k}
    known = {f.encode_name for f in msgspec.structs.fields(Settings)}
    problems = [
        Problem(
            file="environment",
            key=key,
            message="unknown setting",
            expected="one of " + ", ".join(sorted(known)),
        )
        for key in sorted(given.keys() - known)
    ]
    if problems:
        raise ConfigError(problems)
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError([Problem(file="environment", message=str(error))]) from error


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)


__all__ = ["Settings", "load_settings"]

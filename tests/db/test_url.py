"""The operator's address of the database, turned into the drivers' ones."""

from __future__ import annotations

import pytest
from allmende.db.url import migrating_url, serving_url
from allmende.errors import ConfigError


def test_postgresql_is_served_by_asyncpg_and_migrated_by_psycopg() -> None:
    url = "postgresql://role:secret@db:5432/allmende?sslmode=require"
    assert serving_url(url).render_as_string(False) == "postgresql+asyncpg://role:secret@db:5432/allmende?ssl=require"
    assert migrating_url(url).render_as_string(False) == (
        "postgresql+psycopg://role:secret@db:5432/allmende?sslmode=require"
    )


def test_sqlite_folder_is_made(tmp_path: object) -> None:
    assert serving_url(f"sqlite:///{tmp_path}/new/a.sqlite").drivername == "sqlite+aiosqlite"
    assert migrating_url(f"sqlite:///{tmp_path}/new/a.sqlite").database == f"{tmp_path}/new/a.sqlite"


@pytest.mark.parametrize("url", ["", "hello", "mysql://a/b", "sqlite://", "sqlite:///:memory:", "postgresql://host"])
def test_address_that_cannot_be_used_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigError, match="ALLMENDE_DATABASE"):
        serving_url(url)
    with pytest.raises(ConfigError) as caught:
        serving_url("oracle://me:geheim@host/x")
    assert "geheim" not in str(caught.value)

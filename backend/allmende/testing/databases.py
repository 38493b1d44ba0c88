"""The databases that tests run on: a fresh one for each test, copied from a template with all imported tables."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine

from allmende.db.rls import secure
from allmende.db.table import Base, city_tables
from allmende.db.url import migrating_url

ROLE = "allmende"


def create_tables(url: str) -> None:
    """All tables that are imported by now, as the migrations would make them."""
    engine = create_engine(migrating_url(url))
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        secure(connection, city_tables())
    engine.dispose()


class SQLite:
    """Files with all tables, one template for each set of tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.templates: dict[frozenset[str], Path] = {}

    def template(self) -> Path:
        tables = frozenset(Base.metadata.tables)
        if tables not in self.templates:
            path = self.folder / f"template-{len(self.templates)}.sqlite"
            create_tables(f"sqlite:///{path}")
            self.templates[tables] = path
        return self.templates[tables]


class PostgreSQL:
    """A server of its own for this test run, shared by its xdist workers, with an ordinary role for the application."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.templates: dict[frozenset[str], str] = {}
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                for statement in (
                    "ALTER SYSTEM SET fsync = off",
                    "ALTER SYSTEM SET synchronous_commit = off",
                    "ALTER SYSTEM SET full_page_writes = off",
                    "SELECT pg_reload_conf()",
                    f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS",
                ):
                    connection.execute(statement)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, name: str) -> str:
        return self.admin.replace("postgres:@", f"{ROLE}:@").replace("/postgres?", f"/{name}?")

    def create(self, template: str = "template0") -> str:
        """A new database with this content; its name."""
        name = f"{self.worker}_{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def template(self) -> str:
        tables = frozenset(Base.metadata.tables)
        if tables not in self.templates:
            name = self.create()
            create_tables(self.url(name))
            self.templates[tables] = name
        return self.templates[tables]

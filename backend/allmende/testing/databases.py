"""The databases that tests run on: one with all imported tables for each test, with nothing in it of those before."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import create_engine

from allmende.db.rls import secure
from allmende.db.table import Base, city_tables
from allmende.db.url import migrating_url

ROLE = "allmende"
_END_ALL = """SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES = """SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"""
_SHAPE = """
    SELECT 'relation', count(*), sum(hashtext(concat_ws('|', oid, relname, relowner, relnamespace, relacl,
        relrowsecurity, relforcerowsecurity))) FROM pg_class
    UNION ALL SELECT 'column', count(*), sum(hashtext(concat_ws('|', attrelid, attname, atttypid, atttypmod,
        attnotnull, attacl))) FROM pg_attribute
    UNION ALL SELECT 'default', count(*), sum(oid::bigint) FROM pg_attrdef
    UNION ALL SELECT 'constraint', count(*), sum(oid::bigint) FROM pg_constraint
    UNION ALL SELECT 'trigger', count(*), sum(hashtext(concat_ws('|', oid, tgenabled))) FROM pg_trigger
    UNION ALL SELECT 'policy', count(*), sum(hashtext(concat_ws('|', oid, polqual, polwithcheck))) FROM pg_policy
    UNION ALL SELECT 'function', count(*), sum(oid::bigint) FROM pg_proc
    UNION ALL SELECT 'setting', count(*), sum(hashtext(concat_ws('|', setdatabase, setrole, setconfig)))
        FROM pg_db_role_setting
    ORDER BY 1"""
"""What a database consists of but for its rows, so that one which a test has altered is not given to the next."""


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


class Free:
    """A database that one test after the other uses, and the owner's connection to it."""

    def __init__(self, name: str, tables: frozenset[str], connection: psycopg.Connection) -> None:
        self.name, self.tables, self.connection = name, tables, connection
        self.names = [str(row[0]) for row in connection.execute(_TABLES)]
        self.shape = connection.execute(_SHAPE).fetchall()

    def emptied(self) -> bool:
        """Take away all rows; whether it is as it was made then."""
        connection = self.connection
        connection.execute(_END_ALL)
        if connection.execute(_SHAPE).fetchall() != self.shape:
            return False
        one = SQL("(SELECT {} FROM {} LIMIT 1)")
        filled = SQL(" UNION ALL ").join(one.format(name, Identifier(name)) for name in self.names)
        names = [Identifier(str(row[0])) for row in connection.execute(filled)]
        if names:
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")  # some tables refuse to be emptied
                connection.execute(SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(SQL(", ").join(names)))
        return True


class PostgreSQL:
    """A server of its own for this test run, shared by its xdist workers, with an ordinary role for the application."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.templates: dict[frozenset[str], str] = {}
        self.free: Free | None = None
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                for statement in (
                    "ALTER SYSTEM SET fsync = off",
                    "ALTER SYSTEM SET synchronous_commit = off",
                    "ALTER SYSTEM SET full_page_writes = off",
                    "ALTER SYSTEM SET autovacuum = off",
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

    def lend(self) -> str:
        """A database with all imported tables, and nothing in them: the one of the last test, if it is still that.

        Files are what a copy of a template costs, hundreds of them; emptying the few tables of a test is quick.
        """
        tables = frozenset(Base.metadata.tables)
        if self.free is not None and self.free.tables != tables:
            self.discard()
        if self.free is None:
            name = self.create(self.template())
            self.free = Free(name, tables, psycopg.connect(self.own(name), autocommit=True))
        return self.free.name

    def take_back(self) -> None:
        """Of the database that was lent: end what is still connected to it, and empty it for the next test."""
        assert self.free is not None
        if not self.free.emptied():
            self.discard()

    def discard(self) -> None:
        assert self.free is not None
        self.free.connection.close()
        self.drop(self.free.name)
        self.free = None

    def own(self, name: str) -> str:
        """The address of a database for the server's owner."""
        return self.admin.replace("/postgres?", f"/{name}?")

    def template(self) -> str:
        tables = frozenset(Base.metadata.tables)
        if tables not in self.templates:
            name = self.create()
            create_tables(self.url(name))
            self.templates[tables] = name
        return self.templates[tables]

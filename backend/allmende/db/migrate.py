"""Bringing a database to the newest revision, and taking a plugin's tables out again.

Synchronous, for the command line; from a running event loop, call these in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from allmende.db.branches import (
    CORE,
    CORE_BRANCH,
    Branch,
    downgrade_all,
    migrating,
    remembered,
    secured_tables,
    upgrade_to,
    version,
)
from allmende.db.rls import secure
from allmende.errors import InputError


class Upgraded(Struct, frozen=True):
    """What became of each branch."""

    versions: Mapping[str, str]
    """Branch → the revision that it is at now."""
    failed: Mapping[str, str]
    """Plugin → why its migrations did not run; its tables are as they were before."""


def branches(plugins: Mapping[str, Path]) -> list[Branch]:
    """The core first. `plugins` maps names to migrations folders; those that are not there are left out."""
    return [CORE_BRANCH, *(Branch(name, folder) for name, folder in sorted(plugins.items()) if folder.is_dir())]


def upgrade(database_url: str, plugins: Mapping[str, Path], *, serving_role: str = "") -> Upgraded:
    """Bring the core and each plugin to their newest revisions, each in one transaction.

    Where another role serves than the one that migrates (PostgreSQL), `serving_role` is given the rights it needs.
    A failure of the core is raised; a plugin that fails is named in the result and holds up nobody.
    """
    versions: dict[str, str] = {}
    failed: dict[str, str] = {}
    for branch in branches(plugins):
        try:
            newest = branch.newest()
            if newest is None:
                continue
            with migrating(database_url) as connection:
                if version(connection, branch) != (newest,):
                    upgrade_to(connection, branch, newest)
                secure(connection, secured_tables(connection))
                _grant(connection, serving_role)
            versions[branch.name] = newest
        except Exception as error:
            if branch.name == CORE:
                raise
            failed[branch.name] = f"{type(error).__name__}: {error}"
    return Upgraded(versions=versions, failed=failed)


def downgrade(database_url: str, name: str, folder: Path) -> list[str]:
    """Take a plugin's tables out, and what the core remembers of it. The names of the tables that were dropped."""
    if name == CORE:
        raise InputError("the core cannot be taken out; drop the database instead")
    branch = Branch(name, folder)
    with migrating(database_url) as connection:
        before = _tables(connection, branch)
        if version(connection, branch):
            downgrade_all(connection, branch)
        if left := _tables(connection, branch):
            raise InputError(f"the migrations in {folder} leave tables behind: {', '.join(left)}; nothing was changed")
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {branch.version_table}")
        there = sa.inspect(connection).get_table_names()
        for table, mine in remembered(name):
            if table.name in there:
                connection.execute(sa.delete(table).where(mine))
    return before


def rows_of(database_url: str, name: str, folder: Path) -> dict[str, int]:
    """What `downgrade` would take out: its tables, also those that are empty, and the rows that the core has of it."""
    with migrating(database_url) as connection:
        there = sa.inspect(connection).get_table_names()
        tables = [(sa.table(table), sa.true()) for table in _tables(connection, Branch(name, folder))]
        kept = [(table, mine) for table, mine in remembered(name) if table.name in there]
        counts = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table).where(mine)) or 0
            for table, mine in (*tables, *kept)
        }
    own = {table.name for table, _ in tables}
    return {table: count for table, count in counts.items() if count or table in own}


def status(database_url: str, plugins: Mapping[str, Path]) -> list[tuple[str, str, str]]:
    """Branch, the revision that the database is at, and the newest one (or what is wrong with the folder)."""
    with migrating(database_url) as connection:
        return [(branch.name, ", ".join(version(connection, branch)), _newest(branch)) for branch in branches(plugins)]


def _newest(branch: Branch) -> str:
    try:
        return branch.newest() or ""
    except Exception as error:
        return f"broken: {error}"


def _tables(connection: Connection, branch: Branch) -> list[str]:
    return sorted(name for name in sa.inspect(connection).get_table_names() if branch.owns(name))


def _grant(connection: Connection, role: str) -> None:
    if role and connection.dialect.name == "postgresql":
        quoted = connection.dialect.identifier_preparer.quote_identifier(role)
        for what in ("TABLES", "SEQUENCES"):
            rights = "SELECT, INSERT, UPDATE, DELETE" if what == "TABLES" else "USAGE, SELECT"
            connection.exec_driver_sql(f"GRANT {rights} ON ALL {what} IN SCHEMA public TO {quoted}")

"""Whether a database is what the models say: no drift, no missing policy, no role that row-level security ignores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from allmende.db.branches import Branch, migrating, secured_tables, version
from allmende.db.migrate import branches
from allmende.db.rls import unsecured
from allmende.db.table import Base


def check(database_url: str, plugins: Mapping[str, Path], *, serving_url: str = "") -> list[str]:
    """Everything that is wrong, one line each; empty where all is well. The tables must have been imported."""
    problems: list[str] = []
    with migrating(database_url) as connection:
        for branch in branches(plugins):
            try:
                problems += [f"{branch.name}: {line}" for line in _branch(connection, branch)]
            except Exception as error:
                problems.append(f"{branch.name}: {type(error).__name__}: {error}")
        if connection.dialect.name == "postgresql":
            bare = unsecured(connection, secured_tables(connection))
            reason = "not guarded by row-level security as it should be; run: allmende db upgrade"
            problems += [f"{table}: {reason}" for table in bare]
    with migrating(serving_url or database_url) as connection:
        problems += _role(connection)
    return problems


def compare(connection: Connection, branch: Branch) -> MigrationContext:
    """A context that compares the tables of this branch only, on the models' and on the database's side."""

    def include(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return kind != "table" or branch.owns(str(name))

    return MigrationContext.configure(
        connection,
        opts={
            "target_metadata": Base.metadata,
            "version_table": branch.version_table,
            "include_object": include,
            "compare_type": True,
            "render_as_batch": True,
            "render_item": render_item,
            "sqlalchemy_module_prefix": "sa.",
            "alembic_module_prefix": "op.",
            "user_module_prefix": None,
        },
    )


def render_item(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Write our own column types as what they are in the database, so that migrations need no import of ours."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def _branch(connection: Connection, branch: Branch) -> list[str]:
    at, newest = ", ".join(version(connection, branch)), branch.newest() or ""
    if at != newest:
        return [
            f"the database is at {at or 'nothing'}, the newest revision is {newest or 'none'}; run: allmende db upgrade"
        ]
    diffs = compare_metadata(compare(connection, branch), Base.metadata)
    command = f"allmende db revision {branch.name} -m …"
    return [f"{line}; run: {command}" for diff in diffs for line in _readable(diff)]


def _readable(diff: Any) -> list[str]:
    if isinstance(diff, list):  # several changes of one column
        return [line for part in diff for line in _readable(part)]
    what, *rest = diff
    if what in ("add_table", "remove_table"):
        where = str(rest[0].name)
    elif what in ("add_column", "remove_column"):
        where = f"{rest[1]}.{rest[2].name}"
    elif what.startswith("modify_"):
        return [f"{rest[1]}.{rest[2]}: {what.removeprefix('modify_')} is {rest[4]!r} in the database, {rest[5]!r} here"]
    else:
        where = f"{rest[0].table.name} ({rest[0].name})"
    verb, _, kind = what.partition("_")
    return [f"{where}: this {kind} is {'missing in the database' if verb == 'add' else 'in the database only'}"]


def _role(connection: Connection) -> list[str]:
    if connection.dialect.name != "postgresql":
        return []
    row = connection.execute(
        sa.text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    ).one()
    if not (row.rolsuper or row.rolbypassrls):
        return []
    kind = "a superuser" if row.rolsuper else "allowed to bypass row-level security"
    return [f"the role {row.rolname!r} that serves is {kind}: cities are not kept apart; use an ordinary role"]

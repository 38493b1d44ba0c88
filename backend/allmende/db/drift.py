"""Whether a database is what the models say: no drift, no missing policy, no role that row-level security ignores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from allmende.db.branches import Branch, migrating, secured_tables, version
from allmende.db.migrate import branches
from allmende.db.rls import unsecured
from allmende.db.table import Base, city_tables

_KINDS = {"r": "table", "p": "table", "f": "table", "v": "view", "m": "view", "s": "function"}
_RELATIONS = {
    "sqlite": "SELECT name, CASE type WHEN 'view' THEN 'v' ELSE 'r' END FROM sqlite_master"
    " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
    "postgresql": """SELECT c.relname, c.relkind::text FROM pg_class c WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND c.relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL SELECT p.proname, 's' FROM pg_proc p WHERE p.prosecdef
      AND p.pronamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')""",
}
"""Tables and views, and functions with the rights of who made them; but for those of PostgreSQL's extensions."""


def check(
    database_url: str, plugins: Mapping[str, Path], *, serving_url: str = "", unknown: Collection[str] = ()
) -> list[str]:
    """Everything that is wrong, one line each; empty where all is well. The plugins must have been imported.

    `unknown` are plugins that cannot be loaded: of their tables nothing can be said.
    """
    with migrating(database_url) as connection:
        problems = drifted(connection, plugins, unknown)
    with migrating(serving_url or database_url) as connection:
        problems += _role(connection)
    return problems


def drifted(connection: Connection, plugins: Mapping[str, Path], unknown: Collection[str] = ()) -> list[str]:
    """What is wrong with the tables and their policies."""
    problems: list[str] = []
    known = branches(plugins)
    for branch in known:
        try:
            problems += [f"{branch.name}: {line}" for line in _branch(connection, branch)]
        except Exception as error:
            problems.append(f"{branch.name}: {type(error).__name__}: {error}")
    problems += _strangers(connection, [*known, *(Branch(name, Path()) for name in unknown)])
    if connection.dialect.name == "postgresql":
        there = {*city_tables()} & {*sa.inspect(connection).get_table_names()}
        bare = unsecured(connection, there.union(secured_tables(connection)))
        reason = "not guarded by row-level security as it should be; run: allmende db upgrade"
        problems += [f"{table}: {reason}" for table in bare]
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
    return [*(f"{line}; run: {command}" for diff in diffs for line in _readable(diff)), *_keys(connection, branch)]


def _keys(connection: Connection, branch: Branch) -> list[str]:
    """Primary keys that are not those of the models, which Alembic does not compare."""
    found = {table: key for (_, table), key in sa.inspect(connection).get_multi_pk_constraint().items()}
    lines = []
    for name, table in Base.metadata.tables.items():
        here = [column.name for column in table.primary_key.columns]
        if branch.owns(name) and name in found:
            there = found[name]["constrained_columns"] if found[name] else []
            if there != here:
                lines.append(
                    f"{name}: the primary key is ({', '.join(there)}) in the database, ({', '.join(here)}) here"
                )
    return lines


def _strangers(connection: Connection, known: Sequence[Branch]) -> list[str]:
    """What is in the database and of no branch: left behind by a plugin that is gone, or made by hand."""
    lines = []
    for name, kind in sorted(connection.execute(sa.text(_RELATIONS[connection.dialect.name]))):
        where = f"{name}: this {_KINDS[kind]} is in the database only"
        if kind in "vms":
            lines.append(f"{where}, and may show one city the rows of another; drop it")
        elif not name.startswith("procrastinate_") and not any(_belongs(name, branch) for branch in known):
            lines.append(f"{where}, of no plugin that is installed; run: allmende db downgrade, or drop it")
    return lines


def _belongs(table: str, branch: Branch) -> bool:
    return branch.owns(table) or table == branch.version_table


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

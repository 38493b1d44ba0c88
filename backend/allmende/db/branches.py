"""Alembic without an alembic.ini: one branch of migrations for the core, and one for each plugin.

Every branch keeps its version in a table of its own, so a plugin whose migrations are broken or gone does not concern
the others, and a plugin can be taken out without a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, event, inspect

from allmende.db.rls import EVERY, SETTING
from allmende.db.table import Base, is_city_table
from allmende.db.url import migrating_url
from allmende.later import lazily

if TYPE_CHECKING:
    from alembic import config, migration, script
    from alembic.runtime import environment
else:
    names = ("alembic.config", "alembic.migration", "alembic.script", "alembic.runtime.environment")
    config, migration, script, environment = map(lazily, names)

CORE = "core"
HERE = Path(__file__).parent / "migrations"
CORE_TABLES = tuple(
    f"allmende.{path.parent.name}.tables" for path in sorted(Path(__file__).parents[1].glob("*/tables.py"))
)
"""The modules in which the rooms of the core declare their tables."""
_LOCK = 0x616C6C6D656E6465  # "allmende": the advisory lock that serialises migrations


class Branch(Struct, frozen=True):
    """The core (`name` = "core"), or a plugin."""

    name: str
    folder: Path

    @property
    def version_table(self) -> str:
        return f"alembic_{self.name}"

    def scripts(self) -> script.ScriptDirectory:
        """The migrations of this branch, and those of the core, on which it depends."""
        folders = list(dict.fromkeys((HERE / "versions", self.folder)))
        return script.ScriptDirectory(
            HERE, version_locations=folders, file_template="%(rev)s_%(slug)s", messaging_opts={"quiet": True}
        )

    def newest(self) -> str | None:
        """The newest revision; None where there is none."""
        heads = [r.revision for r in self.scripts().get_revisions("heads") if self.name in r.branch_labels]
        if len(heads) > 1:
            raise ValueError(f"{self.folder} has several newest revisions: {', '.join(sorted(heads))}")
        return heads[0] if heads else None

    def owns(self, table: str) -> bool:
        """Whether the table is one of this branch, by its prefix; of the core, by the module that declares it."""
        if self.name == CORE:
            return table in core_tables()
        return table == self.name or table.startswith(f"{self.name}_")


CORE_BRANCH = Branch(CORE, HERE / "versions")


def core_tables() -> list[str]:
    """The tables that the core declares."""
    for module in CORE_TABLES:
        import_module(module)
    mappers = [m for m in Base.registry.mappers if m.class_.__module__.startswith("allmende.")]
    return sorted(str(m.class_.__tablename__) for m in mappers)


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """One transaction on the schema, alone among all processes, that sees the rows of every city."""
    engine = sa.create_engine(migrating_url(url), poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(sa.select(sa.func.set_config(SETTING, EVERY, True)))
        yield connection


def version(connection: Connection, branch: Branch) -> tuple[str, ...]:
    """The revision that the branch is at in this database; empty where it was never upgraded."""
    context = migration.MigrationContext.configure(connection, opts={"version_table": branch.version_table})
    return tuple(context.get_current_heads())


def upgrade_to(connection: Connection, branch: Branch, revision: str) -> None:
    _run(connection, branch, lambda scripts, heads: scripts._upgrade_revs(revision, heads))


def downgrade_all(connection: Connection, branch: Branch) -> None:
    _run(connection, branch, lambda scripts, heads: scripts._downgrade_revs(f"{branch.name}@base", heads))


def _run(connection: Connection, branch: Branch, steps: Callable[[script.ScriptDirectory, Any], Any]) -> None:
    """Run the steps that are computed from the scripts and the revisions that the database is at."""
    scripts = branch.scripts()
    core = () if branch.name == CORE else version(connection, CORE_BRANCH)
    with environment.EnvironmentContext(
        config.Config(), scripts, fn=lambda heads, _: steps(scripts, (*heads, *core))
    ) as running:
        running.configure(
            connection=connection, version_table=branch.version_table, transactional_ddl=True, render_as_batch=True
        )
        running.run_migrations()


def secured_tables(connection: Connection) -> list[str]:
    """The tables of the database that hold a city's rows, imported or not: `city` comes first in the primary key."""
    keys = inspect(connection).get_multi_pk_constraint()
    return sorted(table for (_, table), key in keys.items() if key and key["constrained_columns"][:1] == ["city"])


def remembered(plugin: str) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """What the core remembers of a plugin: table and condition, parts before what they are parts of.

    Cases are not among it: they are the town hall's register, which shows them without their plugin, too.
    """
    tables = [table for name in core_tables() if is_city_table(table := Base.metadata.tables[name])]
    item, subscription = Base.metadata.tables["content_item"], Base.metadata.tables["notify_subscription"]
    mine = [(table, table.c.plugin == plugin) for table in tables if "plugin" in table.c]
    parts = [
        (table, sa.exists().where(item.c.city == table.c.city, item.c.id == table.c.item, item.c.plugin == plugin))
        for table in tables
        if table.name.startswith("content_") and "item" in table.c and "plugin" not in table.c
    ]
    return [*parts, (subscription, subscription.c.topic.startswith(f"{plugin}.", autoescape=True)), *mine]

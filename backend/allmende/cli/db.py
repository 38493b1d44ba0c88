"""`allmende db`: the tables of the core and of each plugin."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

from allmende.city.walk import unknown
from allmende.db import authoring, drift, migrate
from allmende.db.branches import CORE, CORE_BRANCH, CORE_TABLES, Branch
from allmende.db.contract import check_tables
from allmende.db.url import migrating_url
from allmende.registry import Registry, load_registry
from allmende.settings import Settings, load_settings


@click.group()
def db() -> None:
    """The database: its tables, and whether they are what the code says."""


@db.command()
def upgrade() -> None:
    """Bring the core and every plugin to the newest revision."""
    done = upgrade_all(*_load())
    for name, version in done.versions.items():
        click.echo(f"{name}: {version}")
    for name, reason in done.failed.items():
        click.echo(f"{name}: not upgraded: {reason}", err=True)
    if done.failed:
        sys.exit(1)


def upgrade_all(settings: Settings, registry: Registry) -> migrate.Upgraded:
    """The core's branch and that of each plugin; one that fails is named, the others are upgraded."""
    role = (migrating_url(settings.database).username or "") if settings.database_owner else ""
    return migrate.upgrade(_owner(settings), folders(registry), serving_role=role)


@db.command()
@click.argument("plugin")
@click.option("--yes", is_flag=True, help="Do not ask; where nobody can be asked, nothing is done without it.")
def downgrade(plugin: str, yes: bool) -> None:
    """Take the tables of PLUGIN out of the database, with all that is in them, in all cities.

    Says how many rows will be gone, and asks.
    """
    settings, registry = _load()
    url, folder = _owner(settings), _folder(settings, registry, plugin)
    if plugin != CORE and (rows := migrate.rows_of(url, plugin, folder)):
        click.echo(f"{plugin}: rows of all cities that will be gone for good: {sum(rows.values())}")
        for table, count in rows.items():
            click.echo(f"  {table}: {count}")
        if not yes:
            _consent()
    dropped = migrate.downgrade(url, plugin, folder)
    click.echo(f"{plugin}: dropped {', '.join(dropped) or 'nothing: it had no tables'}")


def _consent() -> None:
    """Go on only if a person says so."""
    if not sys.stdin.isatty():
        raise click.ClickException("nothing was changed: there is nobody to ask here; say so with --yes")
    click.confirm("Delete them?", abort=True)


@db.command()
def check() -> None:
    """Compare the database with the code; every difference is printed, and is an error."""
    settings, registry = _load()
    problems = drift.check(_owner(settings), folders(registry), serving_url=settings.database, unknown=registry.broken)
    for name, installed in registry.plugins.items():
        problems += [f"{name}: {line}" for line in check_tables(installed.plugin.tables, name)]
    problems += [f"{name}: not compared, since it cannot be loaded: {b.reason}" for name, b in registry.broken.items()]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo("The database is what the code says.")


@db.command()
@click.argument("name")
@click.option("-m", "--message", required=True, help="What changes, in a few words.")
def revision(name: str, message: str) -> None:
    """Write the next migration of the plugin NAME (or of `core`) from its tables."""
    settings, registry = _load()
    branch = CORE_BRANCH if name == CORE else Branch(name, _folder(settings, registry, name))
    path = authoring.revision(branch, message)
    click.echo(str(path) if path else f"{name}: nothing has changed since the newest revision")


@db.command()
def status() -> None:
    """Show the revision of each branch, in the database and the newest."""
    settings, registry = _load()
    for name, at, newest in migrate.status(_owner(settings), folders(registry)):
        click.echo(f"{name}: {at or 'not there'}" + ("" if at == newest else f" (newest: {newest or 'none'})"))


def folders(registry: Registry) -> Mapping[str, Path]:
    """Each plugin's migrations, of those plugins that have tables."""
    return {name: p.folder / "migrations" for name, p in registry.plugins.items() if p.plugin.tables}


def _load() -> tuple[Settings, Registry]:
    for module in CORE_TABLES:
        import_module(module)
    settings = load_settings()
    return settings, load_registry(settings)


def _owner(settings: Settings) -> str:
    return settings.database_owner or settings.database


def _folder(settings: Settings, registry: Registry, name: str) -> Path:
    """The migrations of a plugin, also of one that cannot be loaded any more."""
    if name in registry.plugins:
        return registry.plugins[name].folder / "migrations"
    folder = settings.plugins / name / "migrations"
    if not folder.is_dir():
        said = "; expected ".join(unknown("plugin", name, registry.plugins))
        raise click.ClickException(f"{said} (of one that was deleted, {folder} is needed once more)")
    return folder

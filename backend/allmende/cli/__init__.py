"""The `allmende` command. Each command's module is imported only when it is used, so that the others start fast."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from allmende.errors import AllmendeError

COMMANDS = {
    "audit": ("allmende.cli.user:audit", "The log of what staff did: verify that it is whole."),
    "cases": ("allmende.cli.cases:cases", "The register of cases: verify that no history was rewritten."),
    "city": ("allmende.cli.city:city", "City folders: list, new, check, explain, diff, export, import, schema."),
    "db": ("allmende.cli.db:db", "The database: upgrade, downgrade, check, revision, status."),
    "dev": ("allmende.cli.dev:dev", "Migrate, import and serve everything on this machine, with reload."),
    "doctor": ("allmende.cli.doctor:doctor", "What needs a person, whose it is, and what to do."),
    "feeds": ("allmende.cli.feeds:feeds", "The state of every source; approve or reject a held import."),
    "import": ("allmende.cli.feeds:import_", "Import the sources of all cities, of one, or one source, now."),
    "impact": ("allmende.cli.impact:impact", "What the change at hand does to every city, plugin and released app."),
    "notify": ("allmende.cli.notify:notify", "Notifications: make keys for web push."),
    "owners": ("allmende.cli.owners:owners", "CODEOWNERS of all plugins and cities: print, write, check."),
    "plugin": ("allmende.cli.plugin:plugin", "Plugins: list, new, demo, test, check."),
    "privacy": ("allmende.cli.privacy:privacy", "Personal data: the record of processing activities."),
    "schema": ("allmende.cli.schema:schema", "The public GraphQL schema: print, write, check."),
    "serve": ("allmende.cli.serve:serve", "Serve in production, with several workers."),
    "user": ("allmende.cli.user:user", "The staff of a city: add, list, link, role, disable."),
    "work": ("allmende.cli.work:work", "Run the jobs: imports and the plugins' own (PostgreSQL)."),
}
"""Command → where it is, and what the list of commands says of it."""


class Commands(click.Group):
    """Knows its commands by name; loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=Commands, name="allmende", help="Allmende: one backend for the citizen apps of many cities.")
@click.version_option(package_name="allmende")
def root() -> None:
    """The root of all commands."""


def main() -> None:
    """The entry point: errors that are meant for people are printed as one text, without a traceback."""
    try:
        root(standalone_mode=True)
    except AllmendeError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except Exception as error:
        if not (trouble := _of_database(error)):
            raise
        click.echo(trouble, err=True)
        sys.exit(1)


def _of_database(error: Exception) -> str:
    """What is wrong with the database that the command works on, in one line; "" where something else is wrong."""
    import sqlite3

    import psycopg
    from sqlalchemy.exc import DBAPIError

    from allmende.db.outage import is_outage

    cause = (error.orig or error) if isinstance(error, DBAPIError) else error
    said = " ".join(str(cause).splitlines()[:1]).rpartition(">: ")[2]  # without the class that asyncpg puts before it
    if isinstance(error, DBAPIError) and ("no such table" in said or "does not exist" in said):
        return f"the database is not as the code says: {said}; run: allmende db upgrade"
    if is_outage(error) or isinstance(cause, psycopg.OperationalError | sqlite3.OperationalError):
        return f"the database cannot be used: {said}; is it running, and ALLMENDE_DATABASE its address?"
    return ""

"""`allmende city export` and `allmende city import`: a city leaves with all that is its own, or moves in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from allmende.db.engine import Database
from allmende.errors import AllmendeError
from allmende.files.store import Store
from allmende.settings import Settings


def _ready() -> tuple[Settings, dict[str, str | None]]:
    """The settings, and the newest revision of every branch, with all tables imported."""
    from allmende.desk.exitkit import revisions  # lazily: `--help` and completion need no plugins
    from allmende.registry import load_registry
    from allmende.settings import load_settings

    settings = load_settings()
    return settings, revisions(load_registry(settings))


@click.command("export")
@click.argument("slug")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(slug: str, file: Path) -> None:
    """Everything of one city as one archive: data, configuration, pictures."""
    from allmende.desk.exitkit import export_city

    settings, revisions = _ready()
    folder = settings.cities / slug
    if not folder.is_dir():
        raise click.ClickException(f"there is no city {slug!r}")

    async def run() -> int:
        database = Database(settings.database)
        try:
            counts = await export_city(database, Store(settings.files), slug, folder, revisions, file)
        finally:
            await database.close()
        return sum(counts.values())

    click.echo(f"wrote {file}: {asyncio.run(run())} rows")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def import_(file: Path) -> None:
    """Fill an instance, which has nothing of this city yet, from such an archive."""
    from allmende.desk.exitkit import Moved, import_city

    settings, revisions = _ready()

    async def run() -> Moved:
        database = Database(settings.database)
        try:
            return await import_city(database, Store(settings.files), settings.cities, revisions, file)
        finally:
            await database.close()

    try:
        moved = asyncio.run(run())
    except AllmendeError as error:
        raise click.ClickException(error.message) from error
    for name in moved.different:
        click.echo(f"{name} is different here and was left as it is: compare it", err=True)
    click.echo(f"{moved.city}: {sum(moved.counts.values())} rows\nnext: allmende city check {moved.city}")

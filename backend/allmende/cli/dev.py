"""`allmende dev`: from nothing to all cities in a browser, on a developer's machine."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import allmende
from allmende.cli.db import upgrade_all
from allmende.cli.feeds import open_house, remarks, runs_table
from allmende.cli.serve import develop
from allmende.cli.user import first_link
from allmende.feeds.importing import import_all
from allmende.feeds.outcome import Run
from allmende.feeds.services import sources_of
from allmende.jobs.house import House
from allmende.registry import load_registry
from allmende.settings import Settings, load_settings
from allmende.town import load_town, problems

REMARKS = 10
"""Lines on what was refused; `allmende import -v` has them all."""
GOOD = ("fresh", "unchanged")
SHOWN = 60
"""Sources in the table after the import; with more, only those are listed with which something is wrong."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--no-import", "skip", is_flag=True, help="Serve what is in the database, without importing first.")
def dev(host: str, port: int, skip: bool) -> None:
    """Migrate the database, import every city's sources, and serve with reload."""
    settings, console = load_settings(), Console()
    for name, reason in upgrade_all(settings, load_registry(settings)).failed.items():
        console.print(f"  ! the tables of {name} could not be migrated: {reason}", style="red", markup=False)
    asyncio.run(_prepare(settings, console, imports=not skip))
    base = f"http://{host}:{port}"
    desk = asyncio.run(first_link(settings, base))
    console.print(
        f"\n  all cities on a map   {base}/\n  a city's app          {base}/<city>\n"
        f"  GraphiQL              {base}/graphql\n  health                {base}/health/ready\n"
        f"  the town hall's desk  {desk or 'there is no city yet'}\n"
        "                        (signs in once, within 15 minutes; `allmende user` makes more accounts)\n\n"
        "  A changed city folder is read again at once; a changed plugin restarts the server. Ctrl+C stops.\n",
        markup=False,
        soft_wrap=True,  # a link in two lines is none
    )
    develop(host, port, reload_paths(settings))


async def _prepare(settings: Settings, console: Console, *, imports: bool) -> None:
    """Say what is wrong with folders and plugins, then import everything, a bar showing how far it is."""
    async with open_house(settings) as house:
        cities, plugins = list(house.cities().values()), house.plugins()
        console.print(f"{len(cities)} cities, {len(plugins)} plugins: {', '.join(plugin.name for plugin in plugins)}")
        for problem in found_problems(settings):
            console.print(f"  ! {problem}", style="red", markup=False, highlight=False)
        if not imports:
            return
        started = time.monotonic()
        runs = await _import(house, console)
        shown = runs if len(runs) <= SHOWN else [run for run in runs if run.refused or run.status not in GOOD]
        if shown:
            console.print(runs_table(shown))
        for line in islice(remarks(runs), REMARKS):
            console.print(f"  · {line}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        counts = f"{sum(run.added for run in runs)} items added, {sum(run.refused for run in runs)} refused"
        console.print(f"{len(runs)} sources in {time.monotonic() - started:.1f} s: {counts}")


def found_problems(settings: Settings) -> list[str]:
    """What is wrong with plugins and city folders; all the rest works nevertheless."""
    registry = load_registry(settings)
    return problems(registry, load_town(settings, registry))


async def _import(house: House, console: Console) -> list[Run]:
    cities, plugins = list(house.cities().values()), house.plugins()
    total = sum(len(sources_of(city, plugin)) for city in cities for plugin in plugins)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        return await import_all(
            house.services,
            cities,
            plugins,
            force=True,  # an importer that was just edited reads an unchanged file too
            on_progress=lambda run: progress.update(
                task, advance=1, description=f"{run.city} {run.plugin}/{run.source}"
            ),
        )


def reload_paths(settings: Settings) -> list[Path]:
    """What restarts a development server: the plugins, and the core itself when it is worked on."""
    core = Path(allmende.__file__).parent
    return [path.resolve() for path in (settings.plugins, core) if path.is_dir()]

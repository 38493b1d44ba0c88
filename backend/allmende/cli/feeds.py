"""`allmende import`, `allmende feeds` and `allmende work`: what comes in from where, now and by schedule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from allmende.app import make_house
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.errors import InputError
from allmende.feeds import quarantine
from allmende.feeds.importing import import_all, import_source
from allmende.feeds.outcome import Run
from allmende.feeds.services import sources_of
from allmende.feeds.status import SourceState, source_states
from allmende.importer import Source
from allmende.jobs.house import House
from allmende.jobs.queue import dead_jobs
from allmende.jobs.tasks import dead_states
from allmende.plugin import Plugin
from allmende.registry import load_registry
from allmende.settings import Settings, load_settings
from allmende.town import load_town

COLOURS = {"fresh": "green", "unchanged": "green", "quarantined": "yellow", "stale": "yellow", "failed": "red"}


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Registry, cities and database of this instance, for a command."""
    registry = load_registry(settings)
    database, town = Database(settings.database), load_town(settings, registry)
    following = asyncio.create_task(town.follow(database))
    try:
        with suppress(Exception):  # a database that is not migrated yet knows of no switches
            await town.look(database)
        yield make_house(settings, registry, town, database)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await database.close()


@click.command("import")
@click.argument("city", required=False)
@click.argument("source", required=False)
@click.option("-v", "--verbose", is_flag=True, help="Also list what was refused, with place and reason.")
def import_(city: str | None, source: str | None, verbose: bool) -> None:
    """Import the sources of all cities, of one CITY, or one SOURCE of it, now."""

    async def run() -> list[Run]:
        async with open_house(load_settings()) as house:
            cities = [_city(house, city)] if city else list(house.cities().values())
            if source:
                return [await import_source(house.services, cities[0], *_find(house, cities[0], source), force=True)]
            with console.status("importing …") as status:
                return await import_all(
                    house.services,
                    cities,
                    house.plugins(),
                    force=True,
                    on_progress=lambda run: status.update(f"{run.city} {run.plugin}/{run.source}: {run.status}"),
                )

    console = Console()
    runs = asyncio.run(run())
    console.print(runs_table(runs))
    if verbose:
        for line in remarks(runs):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    elif any(each.refused for each in runs):
        console.print("with -v: what was refused, with place and reason", style="dim")
    console.print(_decision(run.status for run in runs), end="")
    if any(each.status == "failed" for each in runs):
        raise SystemExit(1)


def remarks(runs: Iterable[Run]) -> Iterator[str]:
    """What was refused, and what was imported all the same, each with its place in the feed."""
    for run in runs:
        for refusal in run.refusals:
            yield f"{run.city} {run.plugin}/{run.source} {refusal.place}: {refusal.reason}"
        for note in run.notes:
            yield f"{run.city} {run.plugin}/{run.source} {note.place}: imported, but: {note.text}"


def runs_table(runs: Sequence[Run]) -> Group:
    """What came in and what was refused, a line per source; below it, why something did not."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in ("city", "source", "status"):
        table.add_column(heading, no_wrap=True)
    for heading in ("new", "changed", "gone", "same", "refused"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=4)
    for run in runs:
        counts = (run.added, run.changed, run.removed, run.unchanged, run.refused)
        table.add_row(run.city, f"{run.plugin}/{run.source}", _coloured(run.status), *map(str, counts))
    return Group(table, *_reasons((run.city, f"{run.plugin}/{run.source}", run.status, run.reason) for run in runs))


def _reasons(lines: Iterable[tuple[str, str, str, str]]) -> Iterator[Text]:
    """A line for each (city, source, status, reason) that has a reason."""
    for city, source, status, reason in lines:
        if reason:
            yield Text.assemble(f"{city} {source}: ", (reason, COLOURS.get(status, "")))


def _decision(statuses: Iterable[str]) -> Text:
    """How to decide about what is held, if something is."""
    held = "quarantined" in statuses
    return Text("held: allmende feeds approve CITY SOURCE, or reject\n" if held else "", "dim")


class _Feeds(click.Group):
    """`allmende feeds [CITY]` beside its commands: a first word that is no command is a city."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return super().parse_args(ctx, args or ["show"])


@click.group(cls=_Feeds)
def feeds() -> None:
    """The state of every source (`feeds [CITY]`); approve or reject a held import."""


@feeds.command()
@click.argument("city", required=False)
def show(city: str | None) -> None:
    """Status, last success, next run and reason of each source."""

    async def run() -> list[SourceState]:
        async with open_house(load_settings()) as house:
            cities = [_city(house, city)] if city else list(house.cities().values())
            known = {
                (state.city, state.plugin, state.source): state
                for state in await source_states(house.database, house.services.clock(), city)
            }
            return [
                known.get(
                    (each.slug, plugin.name, source.id),
                    SourceState(city=each.slug, plugin=plugin.name, source=source.id, status="pending"),
                )
                for each in cities
                for plugin in house.plugins()
                for source in sources_of(each, plugin)
            ]

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in ("city", "source", "status", "items", "last success", "next run"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "items" else "left")
    states = asyncio.run(run())
    for state in states:
        table.add_row(
            state.city,
            f"{state.plugin}/{state.source}",
            _coloured(state.status),
            str(state.items),
            _moment(state.last_success),
            _moment(state.next_run),
        )
    reasons = _reasons((s.city, f"{s.plugin}/{s.source}", s.status, s.reason) for s in states)
    Console().print(Group(table, *reasons, _decision(state.status for state in states)), end="")


@feeds.command()
def dead() -> None:
    """Dead letters: what failed again and again, and why."""

    async def run() -> list[tuple[str, str, str]]:
        settings = load_settings()
        async with open_house(settings) as house:
            found = await dead_states(house)
            if not settings.is_sqlite:
                jobs = await dead_jobs(house, settings.database)
                found += [(job.task_name, str(job.task_kwargs), f"failed {job.attempts} times") for job in jobs]
        return found

    table = Table("city", "what", "reason", box=None, pad_edge=False)
    for row in asyncio.run(run()):
        table.add_row(*map(_escaped, row))
    Console().print(table if table.row_count else "no dead letters")


@feeds.command()
@click.argument("city")
@click.argument("source")
def approve(city: str, source: str) -> None:
    """Apply the held payload of this source, whatever it removes."""

    async def run() -> Run:
        async with open_house(load_settings()) as house:
            where = _city(house, city)
            return await import_source(house.services, where, *_find(house, where, source), approve=True)

    result = asyncio.run(run())
    Console().print(runs_table([result]))
    if result.status != "fresh":
        raise SystemExit(1)


@feeds.command()
@click.argument("city")
@click.argument("source")
def reject(city: str, source: str) -> None:
    """Keep the present data, and do not ask again for this payload."""

    async def run() -> bool:
        async with open_house(load_settings()) as house:
            where = _city(house, city)
            plugin, found = _find(house, where, source)
            return await quarantine.reject(house.database, city, plugin.name, found.id)

    if not asyncio.run(run()):
        raise InputError(f"nothing of {city}/{source} is waiting for a decision")
    Console().print(f"rejected; {city}/{source} keeps its present data")


def _city(house: House, slug: str) -> City:
    found = house.cities().get(slug)
    if found is None:
        raise InputError(f"there is no city {slug!r}; cities are {', '.join(sorted(house.cities())[:20])}")
    return found


def _find(house: House, city: City, source: str) -> tuple[Plugin, Source]:
    """The source by its id, or by `plugin/id` where several plugins have one of that id."""
    every = {f"{p.name}/{s.id}": (p, s) for p in house.plugins() for s in sources_of(city, p)}
    found = [each for name, each in every.items() if source in (name, name.partition("/")[2])]
    if len(found) != 1:
        raise InputError(f"{source!r} is not one of the sources of {city.slug}: {', '.join(every)}")
    return found[0]


def _coloured(status: str) -> str:
    return f"[{COLOURS.get(status, 'dim')}]{status}[/]"


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%m-%d %H:%M") if moment else "–"

"""`allmende doctor`: what needs a person, whose it is, and what to do; one line each."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
from msgspec import Struct

from allmende.city.load import Cities
from allmende.cli.db import folders
from allmende.cli.feeds import open_house
from allmende.context import utc_now
from allmende.db import drift
from allmende.db.branches import CORE_TABLES
from allmende.db.engine import Database
from allmende.errors import AllmendeError
from allmende.feeds.status import is_configured, source_states
from allmende.graphql.compose import compose
from allmende.jobs.tasks import dead_states
from allmende.log import configure_logging
from allmende.registry import Registry, load_registry
from allmende.settings import Settings, load_settings
from allmende.town import load_town

FREE = 500_000_000
"""Bytes that should be free where the SQLite database lies."""


class Finding(Struct, frozen=True, kw_only=True):
    """`urgent` findings make the command fail; the others are for information."""

    what: str
    owner: str = "operator"
    remedy: str
    urgent: bool = True

    def __str__(self) -> str:
        return f"{'!' if self.urgent else '·'} {self.what} [{self.owner}] → {self.remedy}"


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the server answers, if it runs.")
def doctor(url: str) -> None:
    """Look at settings, database, plugins, cities, sources, and a running server. Fails if something needs a person."""
    for module in CORE_TABLES:
        import_module(module)
    settings = load_settings()
    configure_logging(production=settings.production)
    registry = compose(load_registry(settings)).registry
    cities = load_town(settings, registry).cities
    found = [*plugins(registry), *city_folders(registry, cities), *disk(settings)]
    found += database(settings, registry)
    if not any(finding.owner == "operator" and finding.what.startswith("database") for finding in found):
        found += asyncio.run(sources(settings, registry, cities))
    found += running(url, registry)
    for finding in sorted(found, key=lambda finding: not finding.urgent):
        click.echo(str(finding))
    urgent = sum(finding.urgent for finding in found)
    click.echo(f"{len(cities.by_slug)} cities, {len(registry.plugins)} plugins; {urgent} things need a person")
    sys.exit(1 if urgent else 0)


def plugins(registry: Registry) -> Iterator[Finding]:
    for name, broken in sorted(registry.broken.items()):
        remedy = f"the owner corrects {broken.folder}, or take the folder out; all others run"
        yield Finding(what=f"plugin {name} is not loaded: {broken.reason}", owner=broken.owner, remedy=remedy)


def city_folders(registry: Registry, cities: Cities) -> Iterator[Finding]:
    for name, problems in sorted(cities.problems.items()):
        city = cities.by_slug.get(name)
        owner = (city.contact.email or city.name) if city else _claimed_contact(cities.folder / name)
        served = "serves nevertheless" if city else "is NOT served"
        for problem in problems:
            yield Finding(what=f"city {name} {served}: {problem}", owner=owner, remedy="correct the file")
    for slug, names in sorted(cities.unavailable.items()):
        for plugin in names:
            broken = registry.broken.get(plugin)
            yield Finding(
                what=f"city {slug} has {plugin} on, which cannot be used",
                owner=broken.owner if broken else slug,
                remedy="see the plugin",
                urgent=broken is not None,
            )
    for slug, city in cities.by_slug.items():
        for plugin, switch in city.modules.items():
            if switch.off:
                whom = f" for apps {switch.app_versions}" if switch.app_versions else ""
                remedy = "take the switch out of city.toml when it is over"
                what = f"city {slug} has switched {plugin} off{whom}"
                yield Finding(what=what, owner=slug, remedy=remedy, urgent=False)


def _claimed_contact(folder: Path) -> str:
    """Whom to tell of a city that cannot be loaded, as far as its file can be read at all."""
    try:
        text = (folder / "city.toml").read_text(errors="replace")
    except OSError:
        return folder.name
    lines = (line.partition("=") for line in text.splitlines())
    return next((value.strip(' "') for key, _, value in lines if key.strip() == "email"), folder.name)


def database(settings: Settings, registry: Registry) -> Iterator[Finding]:
    """Reachable, migrated, as the code says, and served by an ordinary role."""
    try:
        owner_url, plugins = settings.database_owner or settings.database, folders(registry)
        wrong = drift.check(owner_url, plugins, serving_url=settings.database, unknown=registry.broken)
    except AllmendeError as error:
        wrong = [error.message]
    except Exception as error:
        yield Finding(
            what=f"database cannot be reached: {type(error).__name__}", remedy="start it, or correct ALLMENDE_DATABASE"
        )
        return
    for line in wrong:
        branch = line.partition(":")[0]
        owner = registry.plugins[branch].manifest.owner if branch in registry.plugins else "operator"
        what, _, remedy = line.partition("; ")
        yield Finding(what=f"tables of {what}", owner=owner, remedy=remedy or "allmende db upgrade")


async def sources(settings: Settings, registry: Registry, cities: Cities) -> list[Finding]:
    """Feeds that bring nothing new, payloads that wait for a decision, jobs that have given up."""
    found = []
    base = Database(settings.database)
    try:
        async with asyncio.timeout(10):
            states = await source_states(base, utc_now())
            async with open_house(settings) as house:
                dead = await dead_states(house)
    except Exception as error:
        what = f"sources cannot be looked at: {type(error).__name__}"
        return [Finding(what=what, remedy="allmende db upgrade")]
    finally:
        await base.close()
    for state in states:
        if state.status in ("fresh", "pending") or not is_configured(
            cities.by_slug, state.city, state.plugin, state.source
        ):
            continue
        city = cities.by_slug[state.city]
        place = f"{state.city}/{state.plugin}/{state.source}"
        remedy = (
            f"allmende feeds approve or reject {state.city} {state.plugin} {state.source}"
            if state.status == "quarantined"
            else f"look at the source, then: allmende import {state.city} {state.plugin} {state.source}"
        )
        dead_word = ", dead" if state.dead else ""
        found.append(
            Finding(
                what=f"source {place} is {state.status}{dead_word}: {state.reason}",
                owner=city.contact.email or city.slug,
                remedy=remedy,
            )
        )
    for slug, what, reason in dead:
        plugin = what.partition("/")[0]
        owner = registry.plugins[plugin].manifest.owner if plugin in registry.plugins else "unknown"
        found.append(Finding(what=f"{slug}: {what} has given up: {reason}", owner=owner, remedy="see the log"))
    return found


def disk(settings: Settings) -> Iterator[Finding]:
    if settings.is_sqlite:
        folder = Path(settings.database.removeprefix("sqlite:///")).parent
        free = shutil.disk_usage(folder).free if folder.is_dir() else FREE
        if free < FREE:
            what = f"only {free // 1_000_000} MB are free in {folder}"
            yield Finding(what=what, remedy="make room, or the database cannot be written")


def running(url: str, registry: Registry) -> Iterator[Finding]:
    """What only the workers of a running server know: open breakers, plugins that are shut out."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=3) as answer:
            body = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        what = f"no server answers at {url}, so its breakers are not known"
        yield Finding(what=what, remedy="start it, or say --url", urgent=False)
        return
    for name, entry in body.get("blocked", {}).items():
        what = f"plugin {name} has blocked a worker and is shut out for a while"
        yield Finding(what=what, owner=entry["owner"], remedy="the log has the stack (loop_blocked)")
    for entry in body.get("breakers", []):
        what = f"the breaker of {entry['plugin']} in {entry['city']} is open"
        yield Finding(what=what, owner=entry["owner"], remedy="the log has the errors (plugin_failed)")

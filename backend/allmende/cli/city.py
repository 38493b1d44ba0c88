"""`allmende city`: what a partner city needs on its first day and after every edit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from allmende.city.load import Cities, load_cities
from allmende.city.model import Config
from allmende.city.origin import Origin
from allmende.city.walk import unknown
from allmende.cli.exitkit import export, import_
from allmende.errors import ConfigError, InputError, NotFound
from allmende.settings import Settings, load_settings


@dataclass(frozen=True)
class Installation:
    """The settings and the plugins' Config types; the registry is imported only when a command runs."""

    settings: Settings
    configs: Mapping[str, type[Config]]
    broken: frozenset[str]
    texts: Mapping[str, Collection[str]]

    def cities(self) -> Cities:
        if not self.settings.cities.is_dir():
            raise click.ClickException(
                f"there is no folder {self.settings.cities}: run this where it is, or set ALLMENDE_CITIES"
            )
        return load_cities(
            self.settings.cities,
            self.configs,
            known=self.broken,
            secrets=self.settings.secrets,
            texts=self.texts,
        )


def _installation() -> Installation:
    from allmende.registry import load_registry  # lazily: `--help` and completion need no plugins

    try:
        settings = load_settings()
    except ConfigError as error:
        raise click.ClickException(error.message) from error
    registry = load_registry(settings)
    broken = frozenset(broken.name for broken in registry.broken.values())
    return Installation(settings, registry.configs, broken, registry.texts)


@click.group()
def city() -> None:
    """City folders: list, new, check, explain, diff, export, import, schema."""


city.add_command(export)
city.add_command(import_)


@city.command("list")
def list_() -> None:
    """All cities with their key, languages and modules."""
    cities = _installation().cities()
    rows = [("CITY", "NAME", "AGS", "LANGUAGES", "MODULES", "STATE")]
    for slug in sorted(cities.entries):
        found = cities.by_slug.get(slug)
        count = len(cities.problems.get(slug, ()))
        state = ("left out, " if found is None else "") + f"{count} problem{'s' * (count != 1)}" if count else "ok"
        if found is None:
            rows.append((slug, "", "", "", "", state))
        else:
            modules = [*found.plugins, *(f"{name} (not loaded)" for name in cities.unavailable.get(slug, ()))]
            rows.append((slug, found.name, found.ags, " ".join(found.languages), " ".join(modules), state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@city.command()
@click.argument("slugs", metavar="[SLUG]…", nargs=-1)
def check(slugs: tuple[str, ...]) -> None:
    """Print everything that is wrong, each with file, line and key. Exit code 1 if there is anything."""
    cities = _installation().cities()
    for slug in slugs:
        _known(cities, slug)
    chosen = [p for where, found in cities.problems.items() for p in found if not slugs or where in slugs]
    wanted = {str(problem) for problem in chosen}
    problems = [problem for problem in cities.all_problems() if str(problem) in wanted]
    for problem in problems:
        click.echo(str(problem))
    for slug, plugins in cities.unavailable.items():
        if not slugs or slug in slugs:
            click.echo(f"note: {slug}: not checked, since the plugin cannot be loaded: {', '.join(plugins)}", err=True)
    click.echo(f"cities checked: {len(slugs) or len(cities.entries)}, problems: {len(problems) or 'none'}")
    if problems:
        raise click.exceptions.Exit(1)


@city.command()
@click.argument("slug")
@click.argument("key", required=False)
def explain(slug: str, key: str | None) -> None:
    """An effective value and the file and line that set it: `waste.reminder_hour`. Of a table, or without KEY, all."""
    cities = _installation().cities()
    _served(cities, slug)
    try:
        inside = [o for o in cities.origins(slug) if not key or o.key.startswith((f"{key}.", f"{key}["))]
        origins = inside or [cities.origin(slug, key or "")]
    except NotFound as error:
        raise click.ClickException(error.message) from error
    for found in origins:
        click.echo(f"{found.key} = {_shown(found.value)}  ({found.source})")
    if not key:
        for problem in cities.problems.get(slug, ()):
            click.echo(str(problem), err=True)


@city.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """What differs between two cities, with where each value was set; of a module that only one has on, only that."""
    cities = _installation().cities()
    sides = [(sign, slug, cities.by_slug[_served(cities, slug)]) for sign, slug in (("-", first), ("+", second))]
    values = [{found.key: found for found in cities.origins(slug)} for _, slug, _ in sides]
    alone = set(sides[0][2].plugins) ^ set(sides[1][2].plugins)
    for key in sorted({key for side in values for key in side} | alone):
        found = [side.get(key) for side in values]
        if key in alone:
            shown = ["on" if key in city.plugins else "off" for _, _, city in sides]
        elif key.partition(".")[0] in alone or _alike(*found):
            continue
        else:
            shown = [f"{_shown(one.value)}  ({one.source})" if one else "(not set)" for one in found]
        click.echo(key)
        for (sign, slug, _), text in zip(sides, shown, strict=True):
            click.echo(f"  {sign} {slug}: {text}")


def _alike(first: Origin | None, second: Origin | None) -> bool:
    """Equal values; or nobody has set it, and one city has no table that it could stand in."""
    if first is None or second is None:
        return all(one is None or one.default for one in (first, second))
    return bool(first.value == second.value)


@city.command()
@click.argument("municipality", metavar="KEY_OR_NAME")
@click.option(
    "--register",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="GV100AD file: the official register, from which all else is filled in.",
)
@click.option(
    "--coordinates", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The register's CSV edition."
)
@click.option("--lat", type=click.FloatRange(-90, 90), help="Latitude of the town hall.")
@click.option("--lon", type=click.FloatRange(-180, 180), help="Longitude of the town hall.")
@click.option("--slug", default="", help="Name of the folder, if not made from the city's name.")
@click.option("--plugins", default="", help="Modules to switch on, with commas: news,waste.")
def new(
    municipality: str,
    register: Path | None,
    coordinates: Path | None,
    lat: float | None,
    lon: float | None,
    slug: str,
    plugins: str,
) -> None:
    """Write a city's folder, with what the official register says of it. KEY_OR_NAME is an AGS, an ARS or a name.

    Without --register only that is filled in, and what is missing is marked."""
    from allmende.city.layers import merge_all
    from allmende.city.new import slug_of, write_city
    from allmende.city.register import find, read_coordinates, read_register, unregistered
    from allmende.city.shared import Shared

    if (lat is None) != (lon is None):
        raise click.UsageError("give both --lat and --lon, or neither")
    installation = _installation()
    names = [name.strip() for name in plugins.split(",") if name.strip()]
    for name in names:
        if name not in installation.configs:
            raise click.ClickException("; expected ".join(unknown("plugin", name, installation.configs)))
    folder = installation.settings.cities
    try:
        found = find(read_register(register), municipality) if register else unregistered(municipality)
        for city in installation.cities().by_slug.values():
            if city.ars == found.ars or city.ags == found.ags:
                raise InputError(f"{city.name} is there already: {city.folder}")
        if not slug and not found.name:
            raise InputError("give a --slug, or a --register that knows the name")
        position = (lat, lon) if lat is not None and lon is not None else None
        if position is None and coordinates is not None:
            position = read_coordinates(coordinates).get(found.ags)
        defaults = merge_all(d.city for d in Shared(folder, {}, ()).chain(found.ars) if d.city)
        written = write_city(
            folder,
            found,
            slug=slug or slug_of(found.name),
            position=position,
            defaults=defaults,
            plugins=names,
        )
    except InputError as error:
        raise click.ClickException(error.message) from error
    for path in written:
        click.echo(f"wrote {path}")
    if register is None:
        click.echo(
            "fill in what is marked MISSING, or delete the folder and give --register (GV100AD, from destatis.de)"
        )
    elif position is None:
        click.echo("the coordinates are missing: fill them in, or give --coordinates or --lat and --lon")
    click.echo(f"next: allmende city check {slug or slug_of(found.name)}")


@city.command()
@click.option("--write", type=click.Path(path_type=Path, file_okay=False), help="Folder to write one file each into.")
def schema(write: Path | None) -> None:
    """JSON Schema of each file of a city's folder, by the plugins that are installed."""
    from allmende.city.schema import schemas, write_schemas

    configs = _installation().configs
    if write is None:
        click.echo(json.dumps(schemas(configs), indent=2, ensure_ascii=False))
    else:
        for path in write_schemas(write, configs):
            click.echo(f"wrote {path}")


def _known(cities: Cities, slug: str) -> str:
    if slug not in cities.entries:
        raise click.ClickException("; expected ".join(unknown("city", slug, cities.entries)))
    return slug


def _served(cities: Cities, slug: str) -> str:
    if _known(cities, slug) not in cities.by_slug:
        found = "\n".join(str(problem) for problem in cities.problems.get(slug, ()))
        raise click.ClickException(f"{slug} cannot be used as it is:\n{found}")
    return slug


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

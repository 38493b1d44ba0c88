"""`allmende plugin check`: all that is wrong with plugins, before anybody else sees it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from allmende.authoring.check import check as examine
from allmende.city.load import load_cities
from allmende.city.walk import unknown
from allmende.log import configure_logging
from allmende.registry import load_registry
from allmende.settings import load_settings


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Print everything that is wrong, each with file, line, key and fix. Exit code 1 if there is anything."""
    settings = load_settings()
    configure_logging(production=settings.production)
    registry = load_registry(settings)
    cities = load_cities(
        settings.cities, registry.configs, environ=os.environ, known=registry.broken.keys(), secrets=settings.secrets
    )
    known = sorted(registry.plugins.keys() | registry.broken.keys())
    for name in names:
        if name not in known:
            raise click.ClickException("; expected ".join(unknown("plugin", name, known)))
    problems = [
        problem for name in names or known for problem in examine(name, registry, cities, Path("tests/plugins") / name)
    ]
    for problem in problems:
        click.echo(str(problem))
    click.echo(f"plugins checked: {len(names) or len(known)}, problems: {len(problems) or 'none'}")
    if problems:
        raise click.exceptions.Exit(1)

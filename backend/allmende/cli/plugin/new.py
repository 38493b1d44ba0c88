"""`allmende plugin new`: a plugin that runs, with its tests, and what to do next."""

from __future__ import annotations

import os
from pathlib import Path

import click

from allmende.authoring.scaffold import JOINT, scaffold
from allmende.city.load import load_cities
from allmende.errors import InputError
from allmende.log import configure_logging
from allmende.registry import load_registry
from allmende.settings import load_settings

NEXT = """
next:
  allmende plugin test {name}        # its tests, alone and without a network
  allmende plugin demo {name}        # what it answers with its sample data
  allmende plugin check {name}       # everything that is still wrong, with file, line and fix
  allmende owners --write            # so that your reviewers are asked about it

switch it on in a city, and look at it (the folder's file is the switch; its contents are the settings):
  mkdir -p cities/{city}/plugins cities/{city}/data
  cp plugins/{name}/demo/{name}.toml cities/{city}/plugins/{data}
  make dev                           # then http://127.0.0.1:8000/{city}

then say in plugins/{name}/plugin.toml and README.md what citizens get; docs/plugins.md leads on from here
"""


@click.command()
@click.argument("name")
@click.option("--owner", required=True, help=f"Who maintains it: the slug of a city, or {JOINT}.")
@click.option("--minimal", is_flag=True, help="One file that answers from the city's settings: no table, no feed.")
def new(name: str, owner: str, minimal: bool) -> None:
    """Write plugins/NAME and tests/plugins/NAME: a plugin that runs, to be changed into what you need."""
    settings = load_settings()
    configure_logging(production=settings.production)
    registry = load_registry(settings)
    cities = load_cities(
        settings.cities, registry.configs, environ=os.environ, known=registry.broken.keys(), secrets=settings.secrets
    )
    try:
        files = scaffold(settings, registry, cities, name, owner, Path("tests/plugins") / name, minimal=minimal)
    except InputError as error:
        raise click.ClickException(error.message) from error
    for path in files:
        click.echo(f"wrote {path}")
    city = owner if owner in cities.entries else next(iter(cities.by_slug), "<slug>")
    data = "" if minimal else f"\n  cp plugins/{name}/demo/data/{name}.csv cities/{city}/data/"
    click.echo(NEXT.format(name=name, city=city, data=data))

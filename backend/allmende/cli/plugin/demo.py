"""`allmende plugin demo`: what a plugin answers and shows with its sample data, without a server or a city."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from allmende.authoring.checks.life import show
from allmende.authoring.subject import Subject
from allmende.city.load import load_cities
from allmende.city.walk import unknown
from allmende.graphql.compose import compose
from allmende.log import configure_logging
from allmende.registry import load_registry
from allmende.settings import load_settings
from allmende.testing.alone import only


@click.command()
@click.argument("name")
@click.option("--html", is_flag=True, help="The plugin's part of the preview page instead of the answer.")
def demo(name: str, html: bool) -> None:
    """Import the sample of the plugin NAME into a scratch database; print what the home screen asks and gets."""
    settings = load_settings()
    configure_logging(production=settings.production)
    registry = load_registry(settings)
    cities = load_cities(
        settings.cities, registry.configs, environ=os.environ, known=registry.broken.keys(), secrets=settings.secrets
    )
    composed = compose(only(registry, name))
    if broken := composed.registry.broken.get(name):
        raise click.ClickException(f"{name} cannot be loaded: {broken.reason}")
    if name not in composed.registry.plugins:
        raise click.ClickException("; expected ".join(unknown("plugin", name, registry.plugins)))
    body, fragment = show(Subject(name, registry, cities, Path("tests/plugins") / name), composed)
    answer = body if "errors" in body else {name: body["data"]["city"].get(name)}
    click.echo(fragment if html else json.dumps(answer, indent=2, ensure_ascii=False))
    if "errors" in body:
        raise click.exceptions.Exit(1)

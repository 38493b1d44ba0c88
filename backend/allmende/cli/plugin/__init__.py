"""`allmende plugin`: what is installed, who maintains it, which cities use it."""

from __future__ import annotations

import os

import click
from rich.console import Console
from rich.table import Table

from allmende.authoring.maturity import level
from allmende.city.load import load_cities
from allmende.city.model import pick
from allmende.cli.plugin.check import check
from allmende.cli.plugin.demo import demo
from allmende.cli.plugin.new import new
from allmende.cli.plugin.test import test
from allmende.registry import load_registry
from allmende.settings import load_settings

WIDE = 250
"""Columns where no terminal says how many it has."""


@click.group()
def plugin() -> None:
    """Plugins: list, new, demo, test, check."""


plugin.add_command(check)
plugin.add_command(demo)
plugin.add_command(new)
plugin.add_command(test)


@plugin.command("list")
def list_() -> None:
    """Every plugin with owner, version, licence and the cities that use it; then those that could not be loaded."""
    settings = load_settings()
    registry = load_registry(settings)
    cities = load_cities(
        settings.cities, registry.configs, environ=os.environ, known=registry.broken.keys(), secrets=settings.secrets
    )
    table = Table(box=None, pad_edge=False)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)  # what another program reads is not cut
    for heading in ("plugin", "title", "version", "owner", "maturity", "licence", "cities"):
        table.add_column(heading, overflow="fold")
    for name, installed in registry.plugins.items():
        manifest = installed.manifest
        users = [slug for slug, city in cities.by_slug.items() if name in city.plugins]
        shown = ", ".join(users) if len(users) <= 8 else f"{len(users)} cities"
        title = pick(manifest.title, "en")
        reached = level(manifest.maturity) or "–"
        table.add_row(name, title, manifest.version, manifest.owner, reached, manifest.licence, shown)
    console.print(table)
    for broken in registry.broken.values():
        console.print(f"[red]not loaded[/] {broken.name} (owner: {broken.owner}): {broken.reason}", highlight=False)

"""`allmende privacy`: the record of processing activities, as the law wants to see it."""

from __future__ import annotations

import click

from allmende.privacy.declared import declared
from allmende.privacy.notice import record as make_record
from allmende.registry import load_registry
from allmende.settings import load_settings
from allmende.town import load_town


@click.group()
def privacy() -> None:
    """Personal data: what is processed, why, and for how long."""


@privacy.command()
@click.argument("city")
@click.option("--language", default="de", show_default=True, help="Of the document.")
def record(city: str, language: str) -> None:
    """The record of processing activities (Art. 30 GDPR) of CITY, as Markdown."""
    settings = load_settings()
    registry = load_registry(settings)
    found = load_town(settings, registry).cities.by_slug.get(city)
    if found is None:
        raise click.ClickException(f"there is no city {city!r} that can be used as it is; see `allmende city check`")
    manifests = {name: installed.manifest for name, installed in registry.plugins.items()}
    click.echo(make_record(found, declared(manifests, found), language), nl=False)

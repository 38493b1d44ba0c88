"""`allmende cases`: whether the histories of a city's cases are what was written."""

from __future__ import annotations

import asyncio

import click

from allmende.cases.history import verify_city
from allmende.cli.user import open_accounts
from allmende.errors import InputError
from allmende.settings import load_settings


@click.group()
def cases() -> None:
    """The register of cases."""


@cases.command()
@click.argument("city")
def verify(city: str) -> None:
    """Compute the chain of every case of a city anew: prints how many there are, or all that is wrong."""

    async def work() -> tuple[int, list[str]]:
        async with open_accounts(load_settings()) as accounts:
            accounts.city(city)
            return await verify_city(accounts.database, city)

    count, faults = asyncio.run(work())
    if faults:
        raise InputError("\n".join(f"{city}: {fault}" for fault in faults))
    click.echo(f"{city}: {count} cases, all histories whole")

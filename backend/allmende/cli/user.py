"""`allmende user` and `allmende audit`: the accounts of a city's staff, and whether the log of their deeds is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from allmende.accounts import staff
from allmende.accounts.audit import verify
from allmende.accounts.service import Accounts
from allmende.accounts.signing_in import desk_link, sign_in_link
from allmende.app import make_services
from allmende.db.engine import Database
from allmende.errors import InputError
from allmende.registry import load_registry
from allmende.settings import Settings, load_settings
from allmende.town import load_town

T = TypeVar("T")
BASE = "http://127.0.0.1:8000"
_role = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE[:PLUGIN]",
    help="reader, editor, publisher, case_worker or admin; for all modules, or for one: editor:news. Repeatable.",
)
_base = click.option("--base", default=BASE, show_default=True, help="Address of the instance, for the link.")


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The accounts of this instance, for a command."""
    registry = load_registry(settings)
    database = Database(settings.database)
    try:
        yield make_services(settings, registry, load_town(settings, registry), database).accounts
    finally:
        await database.close()


def _with_accounts(work: Callable[[Accounts], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_accounts(load_settings()) as accounts:
            return await work(accounts)

    return asyncio.run(run())


@click.group()
def user() -> None:
    """The staff of a city: who may sign in at its desk, and what they may do there."""


@user.command()
@click.argument("city")
@click.argument("email")
@click.option("--name", required=True, help="What colleagues see.")
@_role
@_base
def add(city: str, email: str, name: str, roles: Sequence[str], base: str) -> None:
    """Add somebody, and print a link that signs them in once, within 15 minutes."""

    async def work(accounts: Accounts) -> str:
        account = await staff.add_staff(accounts, city, email, name, _roles(roles), by=staff.OPERATOR)
        return await sign_in_link(accounts, city, account)

    click.echo(desk_link(base, _with_accounts(work)))
    if not roles:
        click.echo(f"{email} has no role yet and sees nothing: allmende user role {city} {email} --role …", err=True)


@user.command("list")
@click.argument("city")
def list_(city: str) -> None:
    """Names, addresses, roles, and how they sign in."""

    async def work(accounts: Accounts) -> list[staff.Staff]:
        accounts.city(city)
        return await staff.list_staff(accounts, city)

    table = Table("name", "e-mail", "roles", "signs in by", "last seen", box=None, pad_edge=False)
    for one in _with_accounts(work):
        ways = {"provider": one.by_provider, "password": one.has_password, "second factor": one.has_second_factor}
        roles = ", ".join(role if plugin == "*" else f"{role}:{plugin}" for role, plugin in one.roles)
        seen = one.seen.date().isoformat() if one.seen else "–"
        way = "disabled" if one.disabled else ", ".join(way for way, there in ways.items() if there) or "link"
        table.add_row(one.name, one.email, roles, way, seen)
    Console().print(table)


@user.command()
@click.argument("city")
@click.argument("email")
@_base
def link(city: str, email: str, base: str) -> None:
    """Print a link that signs somebody in once, within 15 minutes; earlier links end."""

    async def work(accounts: Accounts) -> str:
        return await sign_in_link(accounts, city, (await staff.find_staff(accounts, city, email)).id)

    click.echo(desk_link(base, _with_accounts(work)))


@user.command()
@click.argument("city")
@click.argument("email")
@_role
def role(city: str, email: str, roles: Sequence[str]) -> None:
    """Give exactly these roles; none, without --role."""

    async def work(accounts: Accounts) -> None:
        found = await staff.find_staff(accounts, city, email)
        await staff.set_roles(accounts, city, found.id, _roles(roles), by=staff.OPERATOR)

    _with_accounts(work)
    click.echo(f"{email}: {', '.join(roles) or 'no role'}")


@user.command()
@click.argument("city")
@click.argument("email")
@click.option("--enable", is_flag=True, help="Let them in again.")
def disable(city: str, email: str, enable: bool) -> None:
    """Shut somebody out, and end all their sessions, at once."""

    async def work(accounts: Accounts) -> None:
        found = await staff.find_staff(accounts, city, email)
        await staff.disable(accounts, city, found.id, by=staff.OPERATOR, enable=enable)

    _with_accounts(work)
    click.echo(f"{email}: {'enabled' if enable else 'disabled'}")


@click.group()
def audit() -> None:
    """The log of what staff did."""


@audit.command("verify")
@click.argument("city")
def verify_(city: str) -> None:
    """Compute the chain of a city's log anew: prints its length and newest hash, or the first entry that is wrong.

    Note the hash somewhere else now and then: a log that was rewritten as a whole has another one.
    """

    async def work(accounts: Accounts) -> tuple[int, str, str]:
        accounts.city(city)
        found = await verify(accounts.database, city)
        return found.entries, found.head, found.problem

    entries, head, problem = _with_accounts(work)
    if problem:
        raise InputError(f"{city}: {problem}")
    click.echo(f"{city}: {entries} entries, whole, {head}")


async def first_link(settings: Settings, base: str) -> str:
    """For `allmende dev`: a link to the desk of the first fictional city (or the first), as somebody who may all."""
    async with open_accounts(settings) as accounts:
        cities = sorted(accounts.cities().values(), key=lambda city: (not city.fictional, city.slug))
        if not cities:
            return ""
        city, email = cities[0].slug, f"admin@{cities[0].slug}.example"
        known = await staff.list_staff(accounts, city, search=email)
        roles = [(role, "*") for role in ("admin", "publisher", "case_worker")]
        account = (
            known[0].id if known else await staff.add_staff(accounts, city, email, "Admin", roles, by=staff.OPERATOR)
        )
        return desk_link(base, await sign_in_link(accounts, city, account))


def _roles(given: Sequence[str]) -> list[tuple[str, str]]:
    """`editor:news` is a role for one plugin; without one, it is for all."""
    parts = (one.partition(":") for one in given)
    return [(role, plugin or "*") for role, _, plugin in parts]

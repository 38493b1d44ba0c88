"""Tokens of services: machines that deliver or fetch data for the city."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende.accounts.machines import add_service, list_services, remove_service
from allmende.accounts.permissions import CORE, known
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk

PERMISSION = "desk.users"
SMALL = 50_000


async def show(desk: Desk) -> Response[Any]:
    return await _page(desk)


async def _page(desk: Desk, token: str = "") -> Response[Any]:
    services = await list_services(desk.office.accounts, desk.city.slug)
    permissions = _permissions(desk)
    status = 422 if desk.form.errors else 200
    return desk.page("admin/tokens.html", status, services=services, permissions=permissions, token=token)


def _permissions(desk: Desk) -> dict[str, str]:
    """Name → title, by room."""
    rooms = {**CORE, **desk.office.accounts.plugins()}
    return {f"{room}.{one.name}": desk.pick(one.title) for room in sorted(rooms) for one in rooms[room]}


async def add(desk: Desk) -> Response[Any]:
    """A new token, shown this one time."""
    there = known(desk.office.accounts.plugins())
    name, wanted = desk.form.line("name", required=True, most=120), desk.form.chosen("permissions", there)
    if not wanted:
        desk.form.fault("permissions", "form.choose")
    if desk.form.errors:
        return await _page(desk)
    token = await add_service(desk.office.accounts, desk.city.slug, name, wanted, by=desk.reader)
    desk.form.fill(name="", permissions=[])
    return await _page(desk, token)


async def remove(desk: Desk) -> Response[Any]:
    await remove_service(desk.office.accounts, desk.city.slug, str(desk.path["service"]), by=desk.reader)
    return desk.go("tokens", said="admin.said.token_gone")


PAGES = (
    Page(path="tokens", show=show, act=add, permission=PERMISSION, size=SMALL,
         nav=Nav(group="city", text="admin.tokens", icon="key-round", order=53)),
    Page(path="tokens/{service:str}/remove", act=remove, permission=PERMISSION, size=SMALL),
)  # fmt: skip

"""The staff: who may sign in, with which roles for which modules."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende.accounts.permissions import CORE, ROLES
from allmende.accounts.signing_in import desk_link, sign_in_link
from allmende.accounts.staff import Staff, add_staff, disable, list_staff, reset_second_factor, set_roles
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.errors import InputError, NotFound

PERMISSION = "desk.users"
SMALL = 50_000


def _scopes(desk: Desk) -> list[tuple[str, str]]:
    """What a role can be for: everything, a room of the core, a plugin."""
    plugins = [(name, desk.pick(one.manifest.title)) for name, one in desk.office.registry.plugins.items()]
    return [("*", desk.text("admin.everywhere")), *((room, desk.text(f"admin.room.{room}")) for room in CORE), *plugins]


async def show(desk: Desk) -> Response[Any]:
    staff = await list_staff(desk.office.accounts, desk.city.slug, search=desk.asked("q"))
    desk.form.fill(q=desk.asked("q"))
    return desk.page("admin/users.html", staff=staff, scopes=dict(_scopes(desk)))


async def new(desk: Desk) -> Response[Any]:
    return _new(desk)


def _new(desk: Desk) -> Response[Any]:
    return desk.page("admin/new_user.html", 422 if desk.form.errors else 200, roles=ROLES, scopes=_scopes(desk))


async def add(desk: Desk) -> Response[Any]:
    """A new account, and the link with which its owner comes in, shown once."""
    form = desk.form
    name, email = form.line("name", required=True, most=120), form.line("email", required=True, most=254)
    role = form.choice("role", ROLES)
    scope = form.choice("scope", [value for value, _ in _scopes(desk)])
    if not form.errors:
        accounts, city = desk.office.accounts, desk.city.slug
        try:
            account = await add_staff(accounts, city, email, name, [(role, scope)], by=desk.reader)
        except InputError as error:
            form.fault("email", "admin.taken" if "already" in error.message else "admin.no_address")
        else:
            return await _link(desk, account, name)
    return _new(desk)


async def one(desk: Desk) -> Response[Any]:
    return await _one(desk)


async def _person(desk: Desk) -> Staff:
    found = await list_staff(desk.office.accounts, desk.city.slug, account=str(desk.path["account"]))
    if not found:
        raise NotFound("there is no such account")
    return found[0]


async def _one(desk: Desk) -> Response[Any]:
    person = await _person(desk)
    return desk.page(
        "admin/user.html", 422 if desk.form.errors else 200, person=person, roles=ROLES, scopes=_scopes(desk),
        titles=dict(_scopes(desk)),
    )  # fmt: skip


async def change(desk: Desk) -> Response[Any]:
    """One of the things that can be done with an account, as the button says."""
    person, accounts, city = await _person(desk), desk.office.accounts, desk.city.slug
    what = desk.form.value("what")
    try:
        if what == "give":
            role = desk.form.choice("role", ROLES)
            scope = desk.form.choice("scope", [value for value, _ in _scopes(desk)])
            if desk.form.errors:
                return await _one(desk)
            await set_roles(accounts, city, person.id, [*person.roles, (role, scope)], by=desk.reader)
        elif what == "take":
            gone = tuple(desk.form.value("grant").split(" ", 1))
            await set_roles(accounts, city, person.id, [r for r in person.roles if r != gone], by=desk.reader)
        elif what in ("disable", "enable"):
            await disable(accounts, city, person.id, by=desk.reader, enable=what == "enable")
        elif what == "second":
            await reset_second_factor(accounts, city, person.id, by=desk.reader)
        elif what == "link":
            return await _link(desk, person.id, person.name)
    except InputError:
        return desk.go("users", person.id, said="admin.last_admin", kind="bad")
    return desk.go("users", person.id, said="admin.said.saved")


async def _link(desk: Desk, account: str, name: str) -> Response[Any]:
    token = await sign_in_link(desk.office.accounts, desk.city.slug, account)
    base = f"{desk.request.url.scheme}://{desk.request.url.netloc}"
    return desk.page("admin/link.html", link=desk_link(base, token), name=name)


PAGES = (
    Page(path="users", show=show, permission=PERMISSION,
         nav=Nav(group="city", text="admin.users", icon="users", order=52)),
    Page(path="users/new", show=new, act=add, permission=PERMISSION, size=SMALL),
    Page(path="users/{account:str}", show=one, act=change, permission=PERMISSION, size=SMALL),
)  # fmt: skip

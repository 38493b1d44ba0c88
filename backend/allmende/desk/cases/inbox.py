"""The inbox: all cases that this reader may see, by department, state, category and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response
from msgspec import structs
from sqlalchemy import Select, func, select

from allmende import cases
from allmende.cases.tables import Case
from allmende.desk.cases import reading
from allmende.desk.home import Tile
from allmende.desk.listing import listed
from allmende.desk.page import Link, Page
from allmende.desk.request import Desk
from allmende.errors import Denied

ORDER = ((Case.created, True), (Case.id, False))
LATEST = (Case.created.desc(), Case.id)
"""The same, for a statement without pages."""
STATES = ("open", "waiting", "overdue", "mine", "closed", "all")


def wanted(desk: Desk) -> cases.Inbox:
    """What the filters in the address say."""
    state = desk.asked("state") if desk.asked("state") in STATES else "open"
    found = cases.Inbox(
        kinds=(desk.asked("kind"),) if desk.asked("kind") else (),
        departments=("" if desk.asked("department") == "-" else desk.asked("department"),)
        if desk.asked("department")
        else (),
        categories=(desk.asked("category"),) if desk.asked("category") else (),
        text=desk.asked("q"),
        open=None if state == "all" else state != "closed",
        merged=state == "all",
    )
    if state == "waiting":
        found = structs.replace(found, waiting="staff")
    if state == "overdue":
        found = structs.replace(found, due_before=desk.office.clock())
    return structs.replace(found, assignee=desk.reader.id) if state == "mine" else found


def chosen(desk: Desk) -> Select[Any]:
    condition = cases.readable(desk.reader)
    if condition is None:
        raise Denied("this needs the permission cases.read")
    return cases.inbox(wanted(desk)).where(condition)


async def departments(desk: Desk) -> list[str]:
    """Those that have a case, for the filter and for assigning."""
    async with desk.session() as session:
        found = await session.scalars(select(Case.department).distinct().order_by(Case.department).limit(200))
        return [name for name in found if name]


async def show(desk: Desk) -> Response[Any]:
    statement = chosen(desk)
    async with desk.session() as session:
        listing = await listed(session, statement, ORDER, after=desk.asked("after", 500))
        total = await session.scalar(select(func.count()).select_from(statement.subquery()))
    return desk.page(
        "cases/inbox.html",
        listing=listing,
        rows=reading.rows(desk, listing.rows, await reading.names(desk)),
        total=total,
        **await filters(desk),
    )


def query(desk: Desk) -> dict[str, str]:
    """The filters as they stand in addresses."""
    return {name: desk.asked(name) for name in ("state", "kind", "category", "department", "q")}


async def filters(desk: Desk) -> dict[str, Any]:
    """What templates/cases/filters.html needs."""
    asked = query(desk)
    state = asked["state"] if asked["state"] in STATES else "open"
    desk.form.fill(**{**asked, "state": state})
    return {
        "query": asked,
        "state": state,
        "states": STATES,
        "departments": await departments(desk),
        "kinds": [
            (key, cases.kind_text(reading.wording(desk, key), kind, key)) for key, kind in reading.kinds(desk).items()
        ],
        "categories": sorted(reading.categories(desk).items(), key=lambda pair: pair[1]),
    }


def links(desk: Desk) -> Sequence[Link]:
    if cases.readable(desk.reader) is None:
        return ()
    return (
        Link(group="cases", title=desk.text("cases.title"), path="cases", icon="inbox"),
        Link(group="cases", title=desk.text("cases.map"), path="cases-map", icon="map", order=51),
        Link(group="cases", title=desk.text("cases.figures"), path="cases-figures", icon="chart-column", order=52),
    )


async def tiles(desk: Desk) -> Sequence[Tile]:
    """What waits for the town hall, and what is late."""
    condition = cases.readable(desk.reader)
    if condition is None:
        return ()
    now = desk.office.clock()
    late, waits = Case.deadline < now, Case.waiting == "staff"
    counts = select(func.count(), func.count().filter(waits), func.count().filter(late))
    async with desk.session() as session:
        total, waiting, overdue = (await session.execute(counts.where(Case.open, condition))).one()
    return (
        Tile(title=desk.text("cases.tile_waiting"), number=str(waiting), lead=desk.text("cases.tile_open", n=total),
             path="cases", query={"state": "waiting"}, icon="inbox"),
        Tile(title=desk.text("cases.tile_overdue"), number=str(overdue), path="cases", query={"state": "overdue"},
             kind="warn" if overdue else "good", icon="clock",
             lead=desk.text("cases.tile_late" if overdue else "cases.tile_in_time")),
    )  # fmt: skip


PAGES = (Page(path="cases", show=show, links=links),)

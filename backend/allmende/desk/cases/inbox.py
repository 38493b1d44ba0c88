"""The inbox: all cases that this reader may see, by department, state and whose they are; as a list, a map, a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response
from msgspec import Struct, structs
from sqlalchemy import Select, func, select

from allmende import cases
from allmende.accounts.staff import list_staff
from allmende.casekind import CaseKind
from allmende.cases.tables import Case
from allmende.desk.home import Tile
from allmende.desk.listing import listed
from allmende.desk.page import Link, Page
from allmende.desk.request import Desk
from allmende.errors import Denied

ORDER = ((Case.created, True), (Case.id, False))
STATES = ("open", "waiting", "overdue", "mine", "closed", "all")
MAPPED, EXPORTED = 500, 5_000


class Row(Struct, frozen=True, kw_only=True):
    """A case as lists show it."""

    case: Case
    kind: str
    status: str
    assignee: str
    overdue: bool


def readable(desk: Desk) -> Select[Any]:
    """The condition of all lists; Denied for who may see no case at all."""
    condition = cases.readable(desk.reader)
    if condition is None:
        raise Denied("this needs the permission cases.read")
    return select(Case).where(condition)


def kinds(desk: Desk) -> Mapping[str, CaseKind]:
    """All kinds of case by `<plugin>.<kind>`."""
    plugins = desk.office.registry.plugins
    return {f"{name}.{kind.name}": kind for name, one in plugins.items() for kind in one.plugin.cases}


def kind_text(desk: Desk, key: str, text: str) -> str:
    """A text of the plugin that declares this kind, whether it is on here or not."""
    installed = desk.office.registry.plugins.get(key.partition(".")[0])
    for language in (desk.language, "de", "en"):
        found = installed.texts.get(language, {}).get(text) if installed else None
        if found:
            return found
    return text


def status_text(desk: Desk, kind: CaseKind | None, key: str, name: str) -> str:
    status = kind.status(name) if kind else None
    return kind_text(desk, key, status.text) if status else name


def wanted(desk: Desk) -> cases.Inbox:
    """What the filters in the address say."""
    state = desk.asked("state") if desk.asked("state") in STATES else "open"
    found = cases.Inbox(
        kinds=(desk.asked("kind"),) if desk.asked("kind") else (),
        departments=("" if desk.asked("department") == "-" else desk.asked("department"),)
        if desk.asked("department")
        else (),
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


async def names(desk: Desk) -> dict[str, str]:
    """Account → name of the staff."""
    return {one.id: one.name for one in await list_staff(desk.office.accounts, desk.city.slug)}


def rows(desk: Desk, found: Sequence[Case], staff: Mapping[str, str]) -> list[Row]:
    there, now = kinds(desk), desk.office.clock()
    return [
        Row(
            case=case,
            kind=kind_text(desk, case.kind, there[case.kind].text) if case.kind in there else case.kind,
            status=status_text(desk, there.get(case.kind), case.kind, case.status),
            assignee=staff.get(case.assignee, ""),
            overdue=case.open and case.deadline is not None and case.deadline < now,
        )
        for case in found
    ]


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
    _filters(desk)
    return desk.page(
        "cases/inbox.html",
        listing=listing,
        rows=rows(desk, listing.rows, await names(desk)),
        total=total,
        states=STATES,
        state=desk.form.value("state"),
        departments=await departments(desk),
        kinds=[(key, kind_text(desk, key, kind.text)) for key, kind in kinds(desk).items()],
        query=_query(desk),
    )


def _query(desk: Desk) -> dict[str, str]:
    return {name: desk.asked(name) for name in ("state", "kind", "department", "q")}


def _filters(desk: Desk) -> None:
    query = _query(desk)
    desk.form.fill(**{**query, "state": query["state"] if query["state"] in STATES else "open"})


async def chart(desk: Desk) -> Response[Any]:
    """The cases on a plain map: dots in the city's own box, each a link, and the same as a list below."""
    statement = chosen(desk).where(Case.lat.is_not(None), Case.lon.is_not(None)).order_by(Case.created.desc())
    async with desk.session() as session:
        found = (await session.scalars(statement.limit(MAPPED))).all()
    _filters(desk)
    box = desk.city.area.bbox
    width, height = 960, 600

    def at(case: Case) -> tuple[float, float]:
        x = ((case.lon or 0) - box.west) / (box.east - box.west) * width
        y = (box.north - (case.lat or 0)) / (box.north - box.south) * height
        return round(min(max(x, 8), width - 8), 1), round(min(max(y, 8), height - 8), 1)

    dots = [(row, *at(row.case)) for row in rows(desk, found, {})]
    return desk.page("cases/map.html", dots=dots, width=width, height=height, query=_query(desk))


async def table(desk: Desk) -> Response[Any]:
    """The list as CSV, without anything private: numbers, states, places, dates."""
    statement = chosen(desk).order_by(Case.created.desc()).limit(EXPORTED)
    async with desk.session() as session:
        found = (await session.scalars(statement)).all()
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(("number", "kind", "status", "open", "title", "category", "department", "address", "lat", "lon"))
    for case in found:
        cells = (case.number, case.kind, case.status, case.open, case.title, case.category, case.department)
        writer.writerow([_safe(cell) for cell in (*cells, case.address, case.lat, case.lon)])
    return desk.file("\ufeff" + out.getvalue(), f"{desk.city.slug}-cases.csv", "text/csv")


def _safe(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in "=+-@\t" and not isinstance(cell, float) else text


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


PAGES = (
    Page(path="cases", show=show, links=links),
    Page(path="cases-map", show=chart),
    Page(path="cases-table", show=table, permission="cases.export"),
)

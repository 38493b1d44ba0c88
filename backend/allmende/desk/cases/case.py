"""One case: everything that is known of it, and everything that staff can do with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response
from sqlalchemy.ext.asyncio import AsyncSession

from allmende import cases
from allmende.casekind import GONE, CaseKind
from allmende.cases.tables import Case
from allmende.city.geo import around, distance
from allmende.city.model import City
from allmende.context import Context
from allmende.desk.cases import inbox, reading
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import Denied, InputError, NotFound

SMALL = 100_000
EVENTS = (
    "submitted", "status", "message", "note", "assigned", "published", "linked", "merged", "revised", "handed_over",
    "received", "erased", "followed", "attached",
)  # fmt: skip
ACTORS = ("citizen", "staff", "service", "system")


async def found(desk: Desk, session: AsyncSession, *, work: bool = False) -> tuple[Case, CaseKind | None, Context[Any]]:
    """The case of the address, as far as this reader may see it (or work on it); no kind where its plugin is gone."""
    case = await cases.find(session, id=desk.path["case"])
    if case is None or cases.seen_as(case, desk.reader) != "staff":
        raise NotFound("there is no such case")
    plugin = case.kind.partition(".")[0]
    if work and not desk.reader.may(cases.WORK, plugin):
        raise Denied("this needs the permission cases.work")
    return case, reading.kinds(desk).get(case.kind), reading.context(desk, case.kind)


async def show(desk: Desk) -> Response[Any]:
    """The page of the case; with what is wrong, where a form of it was sent."""
    async with desk.session() as session:
        case, kind, ctx = await found(desk, session)
        history = await cases.events(session, case)
        others = await cases.linked(session, case)
        pictures = (await cases.pictures(session, ctx, [case], every=True)).get(case.id, [])
        near = await _near(session, case)
        merged = await cases.main(session, case) if case.merged_into else None
    staff, words = await reading.names(desk), reading.wording(desk, case.kind)
    template = next((t for i, t in enumerate(desk.city.desk.templates) if str(i) == desk.asked("template")), None)
    if not desk.form.errors:
        begun = template and desk.pick(template.text).replace("{number}", case.number).replace("{title}", case.title)
        deadline = case.deadline.astimezone(desk.city.tz).date() if case.deadline else None
        desk.form.fill(department=case.department, assignee=case.assignee, deadline=deadline, text=begun or "")
    return desk.page(
        "cases/case.html",
        422 if desk.form.errors else 200,
        case=case,
        merged=merged,
        plugin=case.kind.partition(".")[0],
        known=kind is not None and desk.city.config(case.kind.partition(".")[0]) is not None,
        kind=cases.kind_text(words, kind, case.kind),
        status=cases.status_text(words, kind, case.status),
        category=cases.categories(words, kind).get(case.category, case.category),
        then=[(name, cases.status_text(words, kind, name)) for name in _then(kind or GONE, case)],
        fields=[
            (group, cases.lines(words, kind, case.category, values))
            for group, values in (("public", case.public), ("private", case.private))
        ],
        history=[_event(desk, words, kind, event, text, staff) for event, text in history],
        others=reading.rows(desk, others, staff),
        near=list(
            zip((metres for metres, _ in near), reading.rows(desk, [one for _, one in near], staff), strict=True)
        ),
        pictures=pictures,
        staff=sorted((await reading.workers(desk, case)).items(), key=lambda pair: pair[1]),
        departments=sorted({*await inbox.departments(desk), *_routed(desk, case.kind)}),
        may_work=desk.reader.may(cases.WORK, case.kind.partition(".")[0]),
        may_export=desk.reader.may("cases.export", case.kind.partition(".")[0]),
        handed_to=given.name if (given := desk.office.cities().by_slug.get(case.handed_to)) else case.handed_to,
        cities=receivers(desk, case.kind.partition(".")[0], case),
        overdue=reading.overdue(case, desk.office.clock()),
    )


def receivers(desk: Desk, plugin: str, case: Case | None = None) -> list[tuple[str, str]]:
    """(slug, name) of the other cities of this instance that have the module of the case switched on: those in whose
    area the case may lie first, then by name."""

    def order(city: City) -> tuple[bool, str]:
        if case is None or case.lat is None or case.lon is None:
            return True, city.name
        return not city.area.bbox.contains(case.lat, case.lon), city.name

    others = [one for one in desk.office.cities().by_slug.values() if one.slug != desk.city.slug]
    return [(one.slug, one.name) for one in sorted(others, key=order) if one.config(plugin) is not None]


async def _near(session: AsyncSession, case: Case) -> list[tuple[int, Case]]:
    """(metres, case): open cases of the same kind within 300 m, which may be the same; nearest first."""
    if case.lat is None or case.lon is None or not case.open:
        return []
    box = around(case.lat, case.lon, 300)
    wanted = cases.inbox(cases.Inbox(kinds=(case.kind,), open=True, box=box)).where(Case.id != case.id).limit(200)
    found = [
        (round(distance(case.lat, case.lon, other.lat or 0, other.lon or 0)), other)
        for other in await session.scalars(wanted.order_by(Case.created.desc(), Case.id))
    ]
    return sorted((pair for pair in found if pair[0] <= 300), key=lambda pair: (pair[0], pair[1].id))[:10]


def _routed(desk: Desk, kind: str) -> set[str]:
    """The departments that the city's rules name."""
    found, ctx = reading.kinds(desk).get(kind), reading.context(desk, kind)
    if found is None or found.rules is None or desk.city.config(ctx.plugin) is None:
        return set()
    return {rule.department for rule in found.rules(ctx)}


def _then(kind: CaseKind, case: Case) -> Sequence[str]:
    """The states that can follow: all, where the present one is none of the kind's (any more)."""
    now = kind.status(case.status)
    return (
        now.then if now else [status.name for status in kind.statuses if kind is not GONE or status.open != case.open]
    )


def _event(
    desk: Desk, words: Context[Any], kind: CaseKind | None, event: Any, text: str | None, staff: dict[str, str]
) -> Any:
    """An event as the timeline shows it: who, what, when, and how far its text goes."""
    role, _, account = event.actor.partition(":")
    what = desk.text(f"cases.event.{event.what}" if event.what in EVENTS else "cases.event.other")
    if event.what == "status":
        what = f"{what}: {cases.status_text(words, kind, str(event.facts.get('to')))}"
    elif told := [str(event.facts[key]) for key in ("department", "into", "to", "other") if event.facts.get(key)]:
        what = f"{what}: {', '.join(told)}"
    if event.facts.get("assignee"):
        what = f"{what}: {staff.get(event.facts['assignee'], '–')}"
    who = staff.get(account) or desk.text(f"cases.actor.{role}" if role in ACTORS else "cases.actor.system")
    return {"at": event.at, "what": what, "who": who, "text": text, "audience": event.audience, "kind": event.what}


async def answer(desk: Desk) -> Response[Any]:
    """A message to the submitter, an update for everybody, or a note for colleagues."""
    text = desk.form.text("text", required=True, most=5_000)
    to = desk.form.choice("to", ("citizen", "asks", "public", "note"))
    if not desk.form.errors:
        async with desk.transaction() as session:
            case, _, ctx = await found(desk, session, work=True)
            if to == "note":
                await cases.note(session, ctx, case, text)
            else:
                await cases.message(session, ctx, case, text, asks=to == "asks", public=to == "public")
        return desk.go("cases", case.id, said=f"cases.said.{to}")
    return await show(desk)


async def move(desk: Desk) -> Response[Any]:
    """Into another state, with a word on it."""
    text = desk.form.text("why", most=2_000)
    if desk.form.errors:
        return await show(desk)
    async with desk.transaction() as session:
        case, kind, ctx = await found(desk, session, work=True)
        await cases.transition(session, ctx, kind or GONE, case, desk.form.value("status"), text=text)
    return desk.go("cases", case.id, said="cases.said.moved")


async def assign(desk: Desk) -> Response[Any]:
    """Department, person, deadline (the end of that day)."""
    form = desk.form
    department, day = form.line("department", most=80), form.day("deadline")
    async with desk.session() as session:
        case, _, _ = await found(desk, session, work=True)
    assignee = form.choice("assignee", (await reading.workers(desk, case)).keys(), required=False)
    if form.errors:
        return await show(desk)
    async with desk.transaction() as session:
        case, _, ctx = await found(desk, session, work=True)
        before = case.deadline.astimezone(desk.city.tz).date() if case.deadline else None
        deadline = case.deadline if day == before else desk.end_of(day)
        await cases.assign(session, ctx, case, department=department, assignee=assignee, deadline=deadline)
    return desk.go("cases", case.id, said="cases.said.assigned")


async def publish(desk: Desk) -> Response[Any]:
    async with desk.transaction() as session:
        case, _, ctx = await found(desk, session, work=True)
        await cases.publish(session, ctx, case, desk.form.flag("published"))
    return desk.go("cases", case.id, said="cases.said.published" if case.published else "cases.said.hidden")


async def join(desk: Desk) -> Response[Any]:
    """Link with another case by its number, or merge into it as a duplicate."""
    number = desk.form.line("number", required=True, most=60)
    if not desk.form.errors:
        async with desk.transaction() as session:
            case, kind, ctx = await found(desk, session, work=True)
            other = await cases.find(session, number=number)
            if other is None or cases.seen_as(other, desk.reader) != "staff":
                desk.form.fault("number", "cases.no_such")
            else:
                try:
                    if desk.form.value("how") == "merge":
                        await cases.merge(session, ctx, kind or GONE, case, other)
                    else:
                        await cases.link(session, ctx, case, other)
                except InputError:
                    desk.form.fault("number", "cases.cannot_merge")
                    await session.rollback()
        if not desk.form.errors:
            merged = desk.form.value("how") == "merge"
            return desk.go("cases", case.id, said="cases.said.merged" if merged else "cases.said.linked")
    return await show(desk)


CASE = "cases/{case:str}"
PAGES = (
    Page(path=CASE, show=show),
    Page(path=f"{CASE}/answer", act=answer, size=SMALL),
    Page(path=f"{CASE}/move", act=move, size=SMALL),
    Page(path=f"{CASE}/assign", act=assign, size=SMALL),
    Page(path=f"{CASE}/publish", act=publish, size=SMALL),
    Page(path=f"{CASE}/join", act=join, size=SMALL),
)

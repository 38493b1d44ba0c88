"""What is asked about cases: one by its number, one's own, the town hall's inbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende import cases
from allmende.cases.pictures import Picture
from allmende.city.model import City
from allmende.context import Context
from allmende.errors import Denied, InputError, NotFound
from allmende.graphql.cases.types import (
    Case,
    CaseEvent,
    CaseFilter,
    CaseItem,
    CaseItemConnection,
    CaseOrder,
    CaseRelated,
    shown_picture,
)
from allmende.graphql.pages import paginate
from allmende.graphql.request import RequestContext

GUESS = 20_000
"""What a wrong receipt takes from what the client may ask, in points of cost: as much as twenty requests."""
EVENTS, PICTURES = 200, 100
_ORDERS = {CaseOrder.LATEST: cases.LATEST, CaseOrder.URGENT: cases.URGENT, CaseOrder.MOVED: cases.MOVED}


def context(request: RequestContext, city: City, kind: str, language: str) -> Context[Any]:
    """What work on a case of this kind is given for this request."""
    services = request.services
    reader = request.reader_in(city.slug)
    return services.registry.case_context(city, kind, services.database, language, services.clock, reader)


async def case(request: RequestContext, city: City, language: str, number: str, receipt: str) -> Case:
    """NotFound where the reader may not see it, whether there is one or not; a wrong receipt costs the client."""
    if receipt and request.read_only:
        raise InputError("receipt: send it by POST; addresses lie in logs and caches", code="METHOD")
    ctx = context(request, city, "", language)
    async with ctx.session() as session:
        seen = await tracked(request, session, ctx, number, receipt)
        return await whole(request, session, city, language, seen)


async def tracked(
    request: RequestContext, session: AsyncSession, ctx: Context[Any], number: str, receipt: str
) -> cases.Seen:
    """`cases.track`, in which guessing is dear."""
    try:
        return await cases.track(session, ctx, number=number, receipt=receipt)
    except NotFound:
        if receipt and request.charge is not None:
            request.charge(GUESS)
        raise


async def whole(request: RequestContext, session: AsyncSession, city: City, language: str, seen: cases.Seen) -> Case:
    """The case with its history and pictures; three statements."""
    row, ctx = seen.case, context(request, city, seen.case.kind, language)
    kind = request.services.registry.case_kind(row.kind)
    found = (await cases.pictures(session, ctx, [row], every=seen.as_ != "public"))[row.id]
    happened = await cases.events(session, row, seen.audiences)
    into = await cases.main(session, row) if row.merged_into else None
    others = await cases.linked(session, row) if seen.as_ == "staff" else ()
    by_id = {picture.id: picture for picture in found}
    return Case(
        row=row,
        ctx=ctx,
        declared=kind,
        seen_as=seen.as_,
        pictures=[shown_picture(picture) for picture in found[:PICTURES]],
        events=[_event(ctx, kind, event, text, by_id) for event, text in happened[-EVENTS:]],
        merged_into=into.number if into else None,
        related=[
            CaseRelated(number=other.number, title=other.title, open=other.open, relation=_relation(row, other))
            for other in others
        ],
    )


def _relation(case: cases.Case, other: cases.Case) -> str:
    """What the other one is to the case."""
    if case.parent == other.id or other.parent == case.id:
        return "whole" if case.parent == other.id else "part"
    if case.merged_into == other.id or other.merged_into == case.id:
        return "main" if case.merged_into == other.id else "duplicate"
    return "linked"


def _event(
    ctx: Context[Any], kind: Any, event: cases.CaseEvent, text: str | None, pictures: dict[str, Picture]
) -> CaseEvent:
    facts = event.facts
    status = facts.get("to") if event.what == "status" else None
    return CaseEvent(
        at=ctx.localize(event.at),
        what=event.what,
        by=event.actor.partition(":")[0],
        text=text,
        status=status,
        status_name=cases.status_text(ctx, kind, status) if status else None,
        asks=bool(facts.get("asks")),
        pictures=[shown_picture(pictures[id_]) for id_ in facts.get("files", ()) if id_ in pictures],
    )


async def mine(request: RequestContext, city: City, language: str, first: int, after: str | None) -> CaseItemConnection:
    """The reader's own; Denied for whoever has nothing of their own."""
    reader = request.reader_in(city.slug)
    if not reader.is_signed_in:
        code = "UNAUTHENTICATED" if reader.kind == "anonymous" else "FORBIDDEN"
        raise Denied(
            "cases of one's own need the token of a device or citizen; without one, use the receipt", code=code
        )
    return await _page(request, city, language, cases.of(reader.id), CaseOrder.LATEST, first, after)


async def inbox(
    request: RequestContext,
    city: City,
    language: str,
    wanted: CaseFilter,
    order: CaseOrder,
    first: int,
    after: str | None,
) -> CaseItemConnection:
    """All cases of the kinds that the reader may see; Denied where that is none."""
    reader = request.reader_in(city.slug)
    if reader.kind == "anonymous":
        raise Denied("send a token of this city (Authorization: Bearer …)", code="UNAUTHENTICATED")
    kinds = cases.readable(reader)
    if kinds is None:
        raise Denied("this needs the permission cases.read")
    return await _page(request, city, language, cases.inbox(wanted.checked()).where(kinds), order, first, after)


async def _page(
    request: RequestContext,
    city: City,
    language: str,
    statement: Select[Any],
    order: CaseOrder,
    first: int,
    after: str | None,
) -> CaseItemConnection:
    registry, reader = request.services.registry, request.reader_in(city.slug)
    contexts: dict[str, Context[Any]] = {}

    def make(row: cases.Case) -> CaseItem:
        ctx = contexts.setdefault(row.kind, context(request, city, row.kind, language))
        seen_as = cases.seen_as(row, reader) or "public"
        return CaseItem(row=row, ctx=ctx, declared=registry.case_kind(row.kind), seen_as=seen_as)

    ctx = context(request, city, "", language)
    return await paginate(ctx, statement, order=_ORDERS[order], first=first, after=after, make=make)

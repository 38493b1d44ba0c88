"""Services and requests as GeoReport v2 names their fields, and which requests somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from allmende import Context, InputError, NotFound, cases
from sqlalchemy import Select

from .. import service
from ..config import Category, Field, ReportsConfig
from ..wording import picture_address, status_text

Ctx = Context[ReportsConfig]
SPAN = timedelta(days=90)
MOST = 1_000
STATUSES = {"open": True, "closed": False}
TYPES = {"text": "string", "number": "number", "choice": "singlevaluelist", "boolean": "singlevaluelist"}


def service_row(ctx: Ctx, category: Category) -> dict[str, Any]:
    return {
        "service_code": category.id,
        "service_name": ctx.pick(category.name),
        "description": ctx.pick(category.description),
        "metadata": bool(category.fields),
        "type": "realtime" if ctx.config.moderation == "after" else "batch",
        "keywords": ",".join(category.keywords),
        "group": ctx.pick(category.group),
    }


def definition_row(ctx: Ctx, category: Category) -> dict[str, Any]:
    attributes = [_attribute(ctx, field, order) for order, field in enumerate(category.fields, 1)]
    return {"service_code": category.id, "attributes": attributes}


def _attribute(ctx: Ctx, field: Field, order: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "variable": True,
        "code": field.id,
        "datatype": TYPES[field.kind],
        "required": field.required,
        "datatype_description": ctx.pick(field.hint),
        "order": order,
        "description": ctx.pick(field.label),
    }
    if field.kind == "boolean":
        row["values"] = [{"key": "true", "name": ctx.text("yes")}, {"key": "false", "name": ctx.text("no")}]
    elif field.kind == "choice":
        row["values"] = [{"key": choice.id, "name": ctx.pick(choice.name)} for choice in field.choices]
    return row


def request_row(ctx: Ctx, seen: service.Seen, *, extensions: bool) -> dict[str, Any]:
    """The published part of a report."""
    case = seen.case
    category = ctx.config.category(case.category)
    row: dict[str, Any] = {
        "service_request_id": case.number,
        "status": "open" if case.open else "closed",
        "status_notes": status_text(ctx, case.status),
        "service_name": ctx.pick(category.name) if category else case.title,
        "service_code": case.category,
        "description": seen.public.text,
        "agency_responsible": ctx.city.official_name or ctx.city.name,
        "service_notice": None,
        "requested_datetime": _moment(ctx, case.created),
        "updated_datetime": _moment(ctx, case.updated),
        "expected_datetime": _moment(ctx, case.deadline) if ctx.config.show_deadline and case.deadline else None,
        "address": case.address,
        "address_id": None,
        "zipcode": None,
        "lat": case.lat,
        "long": case.lon,
        "media_url": picture_address(ctx.city, seen.pictures[0]) if seen.pictures else None,
    }
    if extensions:
        row["extended_attributes"] = {"status": case.status, "followers": case.followers}
    return row


def wanted(ctx: Ctx, query: Mapping[str, str]) -> Select[cases.Case]:
    """The requests that a query asks for, newest first; InputError and NotFound for what cannot be asked."""
    statement = service.shown(ctx)
    case = cases.Case
    if ids := _parts(query.get("service_request_id", "")):
        statement = statement.where(case.number.in_(ids))
    else:
        if codes := _parts(query.get("service_code", "")):
            for code in codes:
                if ctx.config.category(code) is None:
                    raise NotFound(f"service_code: {code[:60]!r} was not found")
            statement = statement.where(case.category.in_(codes))
        if states := _parts(query.get("status", "")):
            if strange := set(states) - set(STATUSES):
                raise InputError(f"status: {sorted(strange)[0][:20]!r} is neither open nor closed")
            statement = statement.where(case.open.in_([STATUSES[state] for state in states]))
        start, end = _span(ctx, query)
        statement = statement.where(case.created >= start, case.created <= end)
    size, page = _whole(query, "page_size", MOST, MOST), _whole(query, "page", 1, 100_000)
    return statement.order_by(case.created.desc(), case.id).limit(size).offset((page - 1) * size)


def _span(ctx: Ctx, query: Mapping[str, str]) -> tuple[datetime, datetime]:
    start, end = _instant(ctx, query, "start_date"), _instant(ctx, query, "end_date")
    if start is None and end is None:
        end = ctx.now
    if start is None:
        start = end - SPAN if end else ctx.now
    if end is None:
        end = start + SPAN
    if not timedelta() <= end - start <= SPAN:
        raise InputError("start_date, end_date: the end must follow the start by at most 90 days")
    return start, end


def _instant(ctx: Ctx, query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return ctx.localize(datetime.fromisoformat(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{name}: {text[:40]!r} is no time such as 2010-01-01T00:00:00Z") from error


def _whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise InputError(f"{name}: {text[:20]!r} is no number from 1 to {most}")
    return int(text)


def _parts(text: str) -> list[str]:
    parts = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(parts) > MOST:
        raise InputError(f"at most {MOST} can be asked for at once")
    return parts


def _moment(ctx: Ctx, moment: datetime) -> str:
    return ctx.localize(moment).isoformat(timespec="seconds")

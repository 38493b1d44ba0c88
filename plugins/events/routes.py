"""Calendar files: one per date, and one to subscribe to for any filter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from allmende import Context, InputError, NotFound, Reply

from . import service
from .calendar import render

MEDIA_TYPE = "text/calendar"
CAP = 1000
_PARAMETERS = {"category", "free", "near", "q", "lang"}


async def single(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """`<id>.ics`: one date, to be put into one's own calendar."""
    found = await service.one(id=path["id"], now=ctx.now).scalars(ctx)
    row = found[0] if found else None
    if row is None:
        raise NotFound(f"there is no event {path['id'][:64]!r}")
    return Reply(content=render(ctx, [row], row.event.title), media_type=MEDIA_TYPE, filename=f"{row.id}.ics")


async def calendar(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """`calendar.ics?category=…&free=true&near=lat,lon,metres&q=…`: what is to come, to subscribe to."""
    unknown = sorted(query.keys() - _PARAMETERS)
    if unknown:
        raise InputError(f"{unknown[0][:40]}: is none of {', '.join(sorted(_PARAMETERS))}")
    wanted = service.Filter(
        category=query.get("category") or None,
        free=_flag(query.get("free", "")),
        near=_near(query.get("near", "")),
        text=query.get("q") or None,
    )
    values, begins = await service.values(ctx, wanted), await service.begin(ctx, ctx.now)
    statement = service.upcoming(since=ctx.now, begins=begins, first=CAP, **values)
    parts = [ctx.city.name, ctx.text("calendar"), wanted.category or "", wanted.text or ""]
    name = " · ".join(part for part in parts if part)
    # Beside the event loop: a thousand dates take longer than others should wait.
    content = await asyncio.to_thread(render, ctx, await statement.scalars(ctx), name)
    return Reply(content=content, media_type=MEDIA_TYPE, filename=f"{ctx.city.slug}-{ctx.plugin}.ics", max_age=3600)


def _flag(value: str) -> bool | None:
    if value.lower() not in ("", "true", "false", "1", "0"):
        raise InputError(f"free: {value[:40]!r} is neither true nor false")
    return value.lower() in ("true", "1") if value else None


def _near(value: str) -> service.Near | None:
    if not value:
        return None
    try:
        lat, lon, metres = (float(part) for part in value.split(","))
    except ValueError as error:
        raise InputError(f"near: {value[:40]!r} is not lat,lon,metres (51.96,7.63,2000)") from error
    if not (abs(lat) <= 90 and abs(lon) <= 180 and 0 < metres <= 100_000):
        raise InputError(f"near: {value[:40]!r} is outside of what is possible (at most 100000 metres)")
    return service.Near(lat=lat, lon=lon, metres=metres)

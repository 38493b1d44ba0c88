"""Who wrote what and when: all versions, what differs between two of them, and the way back."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response

from allmende.accounts.audit import audit
from allmende.content.diff import differences
from allmende.content.items import Conflict, events, find, restore, version, versions
from allmende.content.values import Incomplete
from allmende.desk.content.bench import EDIT, bench
from allmende.desk.request import Desk


async def show(desk: Desk) -> Response[Any]:
    made = bench(desk)
    async with desk.session() as session:
        item = await find(session, made.at, str(desk.path["id"]))
        all_ = await versions(session, item.id)
        done = await events(session, item.id)
        newer = await version(session, item.id, _number(desk, "b", item.version))
        older = await version(session, item.id, _number(desk, "a", max(1, newer.number - 1)))
    changed = await asyncio.to_thread(differences, made.type, older.values, newer.values)
    desk.form.fill(a=older.number, b=newer.number)
    return desk.page(
        "content/history.html",
        made=made,
        item=item,
        versions=all_,
        events=done,
        older=older,
        newer=newer,
        changed=changed,
        options=[(one.number, desk.text("content.history.version", number=one.number)) for one in all_],
    )


async def act(desk: Desk) -> Response[Any]:
    """Save an earlier version anew."""
    made = bench(desk, EDIT)
    id_ = str(desk.path["id"])
    number = desk.form.whole("number", least=1, most=1_000_000, required=True) or 0
    seen = desk.form.whole("seen", least=1, most=1_000_000, required=True) or 0
    try:
        async with desk.transaction() as session:
            item = await find(session, made.at, id_, write=True)
            await restore(session, made.at, item, number, seen)
            await audit(session, desk.reader, "content.restore", f"{made.plugin}/{id_}", {"version": number})
    except Conflict:
        return desk.go(*made.parts, "item", id_, "history", said="content.said.changed_meanwhile", kind="bad")
    except Incomplete:
        return desk.go(*made.parts, "item", id_, "history", said="content.said.not_restored", kind="bad")
    return desk.go(*made.parts, "item", id_, said="content.said.restored", number=number)


def _number(desk: Desk, name: str, otherwise: int) -> int:
    asked = desk.asked(name, 7)
    return int(asked) if asked.isdecimal() else otherwise

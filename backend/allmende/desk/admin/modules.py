"""Which modules are on, where every setting comes from, and the kill switch."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Container
from typing import Any

from litestar import Response
from sqlalchemy import select

from allmende.city.origin import Origin
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.desk.switching import switch_off, switch_on
from allmende.desk.tables import DeskSwitch
from allmende.errors import NotFound

PERMISSION = "desk.settings"
SMALL = 20_000
VALUE = 300
"""Characters of one value."""
MOST = 1_000
"""Values of one section."""


async def show(desk: Desk) -> Response[Any]:
    """Every installed module, as this city has it."""
    async with desk.session() as session:
        here = {row.plugin: row for row in await session.scalars(select(DeskSwitch))}
    office = desk.office
    modules = []
    for name, installed in office.registry.plugins.items():
        switch = desk.city.modules.get(name)
        off = name in here or (switch is not None and switch.off and not switch.app_versions)
        state = "off" if off else "on" if desk.city.config(name) is not None else "missing"
        reason = here[name].reason if name in here else switch.reason if switch else ""
        title, summary = desk.pick(installed.manifest.title), desk.pick(installed.manifest.summary)
        since = here[name].since if name in here else None
        by = here[name].by if name in here else ""
        modules.append((name, title, summary, state, desk.pick(reason), since, by))
    broken = office.cities().unavailable.get(desk.city.slug, ())
    problems = [str(problem) for problem in office.cities().problems.get(desk.city.slug, ())]
    return desk.page("admin/modules.html", modules=modules, broken=broken, problems=problems)


async def settings(desk: Desk) -> Response[Any]:
    """Every effective value with the file and line that say so; what is in no other section is the city's own."""
    plugins = desk.office.registry.plugins
    titles = {name: desk.pick(plugins[name].manifest.title) for name in desk.city.plugins if name in plugins}
    sections = {"city": desk.text("admin.section.city"), "brand": desk.text("admin.section.brand"), **titles}
    section = desk.asked("of") if desk.asked("of") in sections else "city"
    origins = await asyncio.to_thread(desk.office.cities().origins, desk.city.slug)
    found = [
        (one.key, json.dumps(one.value, ensure_ascii=False, default=str)[:VALUE], _source(desk, one))
        for one in origins
        if _section(one.key, sections) == section and not _has_parts(one.value)
    ]
    return desk.page("admin/settings.html", found=found[:MOST], section=section, sections=sections)


def _section(key: str, sections: Container[str]) -> str:
    head = re.split(r"[.\[]", key, maxsplit=1)[0]
    return head if head in sections else "city"


def _has_parts(value: Any) -> bool:
    """Whether it is shown in its parts already."""
    if isinstance(value, list | tuple):
        return any(isinstance(one, dict) for one in value)
    return isinstance(value, dict) and bool(value)


def _source(desk: Desk, origin: Origin) -> str:
    """The place as readers of the desk know it; files and lines as they are."""
    if not origin.file:
        return desk.text("admin.default")
    return desk.text("admin.variable", name=origin.source.split()[-1]) if not origin.line else origin.source


async def off(desk: Desk) -> Response[Any]:
    plugin = _known(desk)
    german = desk.form.line("reason_de", required=True, most=300)
    english = desk.form.line("reason_en", most=300)
    if desk.form.errors:
        return desk.go("modules", said="admin.reason_missing", kind="bad")
    async with desk.transaction() as session:
        await switch_off(session, desk, plugin, {"de": german, **({"en": english} if english else {})})
    return desk.go("modules", said="admin.said.off")


async def on(desk: Desk) -> Response[Any]:
    plugin = _known(desk)
    async with desk.transaction() as session:
        await switch_on(session, desk, plugin)
    return desk.go("modules", said="admin.said.on")


def _known(desk: Desk) -> str:
    name = str(desk.path["module"])
    if name not in desk.office.registry.plugins:
        raise NotFound("there is no such module")
    return name


PAGES = (
    Page(path="modules", show=show, permission=PERMISSION, nav=Nav(group="city", text="admin.modules", icon="layers")),
    Page(path="modules/{module:str}/off", act=off, permission=PERMISSION, size=SMALL),
    Page(path="modules/{module:str}/on", act=on, permission=PERMISSION, size=SMALL),
    Page(
        path="settings",
        show=settings,
        permission=PERMISSION,
        nav=Nav(group="city", text="admin.settings", icon="settings", order=51),
    ),
)

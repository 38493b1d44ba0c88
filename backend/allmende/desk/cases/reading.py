"""Cases in words, for the pages of the desk: also those whose module is off here, or gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from allmende import cases
from allmende.accounts.permissions import granted
from allmende.accounts.staff import list_staff
from allmende.casekind import CaseKind
from allmende.cases.tables import Case
from allmende.context import Context
from allmende.desk.request import Desk
from allmende.reader import Reader

SHOWN = 110
"""Characters of a case's text in a list."""


class Row(Struct, frozen=True, kw_only=True):
    """A case as lists show it."""

    case: Case
    kind: str
    status: str
    category: str
    text: str
    """Its first words, where its kind has a text."""
    assignee: str
    overdue: bool


def kinds(desk: Desk) -> Mapping[str, CaseKind]:
    """All kinds of case that are installed, by `<plugin>.<kind>`."""
    plugins = desk.office.registry.plugins
    return {f"{name}.{kind.name}": kind for name, one in plugins.items() for kind in one.plugin.cases}


def context(desk: Desk, kind: str) -> Context[Any]:
    """What work on cases of this kind is given, for this reader."""
    office = desk.office
    language = desk.language if desk.language in desk.city.languages else desk.city.language
    return office.registry.case_context(desk.city, kind, office.database, language, office.clock, desk.reader)


def wording(desk: Desk, kind: str) -> Context[Any]:
    """The same for reading only: in the desk's language, which need not be one of the city's."""
    return context(desk, kind).in_language(desk.language)


def categories(desk: Desk) -> dict[str, str]:
    """Id → name of the categories of all kinds whose module is on."""
    found: dict[str, str] = {}
    for key, kind in kinds(desk).items():
        found |= cases.categories(wording(desk, key), kind)
    return found


async def names(desk: Desk) -> dict[str, str]:
    """Account → name of the staff."""
    return {one.id: one.name for one in await list_staff(desk.office.accounts, desk.city.slug)}


async def workers(desk: Desk, case: Case) -> dict[str, str]:
    """Account → name of those whom the case can be given to: who may work on it, and who has it already."""
    declared = {name: one.plugin.permissions for name, one in desk.office.registry.plugins.items()}
    plugin = case.kind.partition(".")[0]
    found = {}
    for one in await list_staff(desk.office.accounts, desk.city.slug):
        permissions = granted(one.roles, declared)
        reader = Reader(kind="staff", id=one.id, city=desk.city.slug, permissions=permissions)
        if one.id == case.assignee or (one.disabled is None and reader.may(cases.WORK, plugin)):
            found[one.id] = one.name
    if case.assignee and case.assignee not in found:
        found[case.assignee] = "–"
    return found


def rows(desk: Desk, found: Sequence[Case], staff: Mapping[str, str]) -> list[Row]:
    there, now = kinds(desk), desk.office.clock()
    contexts = {key: wording(desk, key) for key in {case.kind for case in found}}
    named = {key: cases.categories(ctx, there.get(key)) for key, ctx in contexts.items()}
    return [
        Row(
            case=case,
            kind=cases.kind_text(contexts[case.kind], there.get(case.kind), case.kind),
            status=cases.status_text(contexts[case.kind], there.get(case.kind), case.status),
            category=named[case.kind].get(case.category, case.category),
            text=beginning(case),
            assignee=staff.get(case.assignee, ""),
            overdue=overdue(case, now),
        )
        for case in found
    ]


def beginning(case: Case) -> str:
    text = " ".join(str(case.public.get("text", "")).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN].rsplit(' ', 1)[0]} …"


def overdue(case: Case, now: Any) -> bool:
    return case.open and case.deadline is not None and case.deadline < now

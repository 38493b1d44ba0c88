"""What the app will show: the plugin's own GraphQL object of unsaved rows, by Home's selection and preview.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from graphql import FieldNode, GraphQLObjectType, GraphQLSchema, execute, parse, print_ast
from litestar import Response
from markupsafe import Markup
from sqlalchemy import inspect

from allmende.content.items import find
from allmende.content.publish import prepared_of, rows_of
from allmende.content.values import Incomplete, Values, from_form
from allmende.db.table import FeedTable
from allmende.desk.content.bench import Bench, bench
from allmende.desk.request import Desk
from allmende.errors import InputError
from allmende.graphql.request import RequestContext
from allmende.pages.render import fragment

log = structlog.get_logger(__name__)


async def show(desk: Desk) -> Response[Any]:
    """The saved values, as a page of its own."""
    made = bench(desk)
    async with desk.session() as session:
        item = await find(session, made.at, str(desk.path["id"]))
    shown = await previewed(made, dict(item.values), item.id)
    return desk.page("content/preview.html", made=made, item=item, shown=shown)


async def typed(desk: Desk) -> Response[Any]:
    """What stands in the form at the moment, as a fragment."""
    made = bench(desk)
    values = from_form(made.type, desk.form.values, made.at.ctx)
    shown = await previewed(made, values, str(desk.path.get("id", "")) or "preview")
    return desk.page("content/previewed.html", made=made, shown=shown)


async def previewed(made: Bench, values: Values, key: str) -> list[tuple[str, Markup | None]]:
    """Language → the plugin's part of the home screen with this one item; empty where it cannot be shown yet."""
    try:
        now = made.at.ctx.clock()
        rows = rows_of(made.at, values, key, now, None)
        prepared = prepared_of(made.at, rows, now)
    except Incomplete as error:
        made.mark(error.faults)
        return []
    except InputError as error:
        made.desk.form.errors["preview"] = error.message
        return []
    built = [_row(table, row) for table, found in prepared.rows.items() for row in found.values()]
    return await _shown(made, built)


async def _shown(made: Bench, rows: Sequence[FeedTable]) -> list[tuple[str, Markup | None]]:
    """Each row of the first table, with its parts, is one of the things that the app shows."""
    first, parent = made.type.tables[0], made.type.parent
    found = []
    for row in (row for row in rows if isinstance(row, first)):
        parts = [part for part in rows if getattr(part, parent, None) == row.id and not isinstance(part, first)]
        language = str(getattr(row, "language", "") or made.desk.city.language)
        found.append((language, await _fragment(made, [row, *parts], language)))
    return found


async def _fragment(made: Bench, rows: Sequence[FeedTable], language: str) -> Markup | None:
    desk, office = made.desk, made.desk.office
    plugin = made.at.plugin
    if made.type.preview is None or plugin.home is None:
        return None
    known = language if language in desk.city.languages else desk.city.language
    ctx = office.registry.context(desk.city, plugin.name, office.database, known, office.clock)
    if ctx is None:
        return None
    thing = made.type.preview(rows, ctx)
    name, selection = _selection(plugin.home.selection)
    kind = office.schema.get_type(thing.__strawberry_definition__.name)
    assert isinstance(kind, GraphQLObjectType)
    context = RequestContext(office.services)
    try:
        answer: Any = execute(GraphQLSchema(query=kind), parse(selection), root_value=thing, context_value=context)
        result = answer if not hasattr(answer, "__await__") else await answer
    finally:
        await context.close()
    if result.errors:
        log.warning("content_preview_failed", plugin=plugin.name, error=str(result.errors[0])[:300])
        return None
    data: Mapping[str, Any] = {name: [result.data]}
    return fragment(office.registry.plugins[plugin.name], ctx, data)


def _selection(home: str) -> tuple[str, str]:
    """The list of Home's selection: under which name it is answered, and what is selected of each of its items."""
    operation: Any = parse(f"{{ {home} }}").definitions[0]
    selections = operation.selection_set.selections
    field = next(one for one in selections if isinstance(one, FieldNode) and one.selection_set is not None)
    assert field.selection_set is not None
    return (field.alias or field.name).value, print_ast(field.selection_set)


def _row(table: type[FeedTable], values: Mapping[str, Any]) -> FeedTable:
    """A row as it would be loaded, except for what only the database computes."""
    names = {attribute.key for attribute in inspect(table).column_attrs}
    return table(**{name: value for name, value in values.items() if name in names})

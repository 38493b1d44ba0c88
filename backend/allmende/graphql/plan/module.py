"""One module of one city in an operation: what is read for it, and how its part of the answer is made."""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, get_named_type

from allmende.context import Context
from allmende.db.direct.reader import SECONDS, Ask, Reader
from allmende.db.direct.statement import Text, Unplannable
from allmende.db.prepared import Template
from allmende.graphql.caps import small
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.declare import PLAN, Rows
from allmende.graphql.plan.encode import RowEncoder, completed, declaration, origin_of
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.values import Kept
from allmende.isolation import PluginCrash, bounded

TEXTS = 200
"""Shapes of a statement that a field keeps compiled."""
REST = object()
"""Stands in the answer of a plan where graphql-core's part is to go."""


class Listed:
    """A field that is declared as rows: a statement, and an encoder of what it finds."""

    def __init__(self, module: GraphQLObjectType, selected: Selected, rows: Rows, case: Case, reader: Reader) -> None:
        field = module.fields[selected.name]
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType):
            raise Unplannable(f"{kind.name} is abstract")
        self.key, self.rows, self.reader = selected.key, rows, reader
        self.required = isinstance(field.type, GraphQLNonNull)
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.encoder = RowEncoder(kind, selected, case, reader.dialect, rows.once)
        self.texts: dict[tuple[Template, Any], Text] = {}

    async def ask(self, module: Any, variables: Values) -> Ask | None:
        """Calls the plugin's method. Whatever it raises, graphql-core will meet again and put into words."""
        asked = self.rows.ask(module, **self.arguments.read(variables))
        prepared = await bounded(asked, SECONDS) if asyncio.iscoroutine(asked) else asked
        if prepared is None:
            return None
        key = (prepared.template, prepared.shape)
        text = self.texts.get(key)
        if text is None:
            if len(self.texts) >= TEXTS:
                self.texts.clear()
            columns = self.encoder.columns or [prepared.statement.selected_columns[0]]
            text = self.texts[key] = self.reader.compile(prepared, columns)
        return Ask(prepared, text)

    def encode(self, rows: Any, ctx: Context[Any], zone: Kept, kept: list[Kept]) -> Any:
        if self.encoder.once:
            same = itemgetter(*self.encoder.once)
            rows = list({same(row): row for row in reversed(rows)}.values())[::-1]
        if self.rows.many:
            return self.encoder.encode(rows, ctx, zone, *kept)
        found = self.encoder.encode(rows[:1], ctx, zone, *kept)
        return found[0] if found else None


class Worked:
    """A field that a plain method answers from the configuration, without the database."""

    def __init__(self, module: GraphQLObjectType, selected: Selected, case: Case) -> None:
        field: GraphQLField = module.fields[selected.name]
        declared = declaration(field)
        resolver = declared.base_resolver
        if resolver is None or resolver.is_async or resolver.info_parameter or not resolver.self_parameter:
            raise Unplannable(f"{module.name}.{selected.name} is not declared")
        self.key = selected.key
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.work = resolver.wrapped_func
        self.done = completed(field.type, selected, case)

    def answer(self, module: Any, variables: Values) -> Any:
        try:
            value = self.work(module, **self.arguments.read(variables))
        except Exception:
            raise
        except BaseException as error:  # it would end the process
            raise PluginCrash(type(error).__name__) from error
        if not small(value):
            raise Unplannable("more than a plan may carry; the reference weighs it")
        return self.done(value)


class ModulePlan:
    """`City.<plugin>` with its fields."""

    def __init__(self, plugin: str, selected: Selected, kind: GraphQLObjectType, case: Case, reader: Reader) -> None:
        self.plugin, self.key = plugin, selected.key
        self.make = origin_of(kind)
        self.fixed: dict[str, Any] = {}
        self.lists: list[Listed] = []
        self.worked: list[Worked] = []
        self.rest: list[FieldNode] = []
        """Fields that graphql-core answers."""
        for each in case.select(kind, selected.nodes):
            self.fixed[each.key] = None
            if each.name == "__typename":
                self.fixed[each.key] = kind.name
                continue
            try:
                rows = declaration(kind.fields[each.name]).metadata.get(PLAN)
                if isinstance(rows, Rows):
                    self.lists.append(Listed(kind, each, rows, case, reader))
                else:
                    self.worked.append(Worked(kind, each, case))
            except Unplannable:
                self.fixed[each.key] = REST
                self.rest.extend(each.nodes)
        if not self.lists:
            raise Unplannable("nothing to be gained")

    def keep(self, ctx: Context[Any]) -> list[list[Kept]]:
        """For each list, what is worked out once for this city and language."""
        return [[make(ctx) for make in one.encoder.steady] for one in self.lists]


def module_plan(schema: GraphQLSchema, plugin: str, selected: Selected, case: Case, reader: Reader) -> ModulePlan:
    """Raises Unplannable where graphql-core had better answer the whole module."""
    city = schema.type_map["City"]
    assert isinstance(city, GraphQLObjectType)
    kind = get_named_type(city.fields[selected.name].type)
    if not isinstance(kind, GraphQLObjectType):
        raise Unplannable("a module that is no object")
    return ModulePlan(plugin, selected, kind, case, reader)

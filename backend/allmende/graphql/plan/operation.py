"""A query as a plan: cities, their modules, what is read for them; and what is left to graphql-core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
)
from msgspec import Struct

from allmende.city.model import City
from allmende.db.direct.reader import Ask, Reader
from allmende.db.direct.statement import Unplannable
from allmende.graphql.compose import Composed
from allmende.graphql.plan.arguments import Arguments, Values, Variables
from allmende.graphql.plan.encode import Complete, declaration, value_of
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.module import REST, ModulePlan, module_plan
from allmende.graphql.plan.values import Kept, zone_times
from allmende.graphql.request import RequestContext

PLACES = 2_000
"""How many combinations of plan, city and language are kept, by all plans together."""
Store = dict[tuple[int, int, str], "_Kept"]


class _Asking(Struct, frozen=True):
    """What a resolver of the root sees of `info`."""

    context: RequestContext


class _Kept(Struct, eq=False):
    """What a plan keeps for one city in one language."""

    plan: CityPlan
    city: City
    zone: Kept
    lists: dict[str, list[list[Kept]]]


class CityPlan:
    """One `city(…)` of a query."""

    def __init__(self, composed: Composed, selected: Selected, case: Case, reader: Reader, store: Store) -> None:
        schema = composed.schema
        query, kind = schema.query_type, schema.type_map["City"]
        assert query is not None
        assert isinstance(kind, GraphQLObjectType)
        field = query.fields[selected.name]
        self.key, self.reader = selected.key, reader
        self.arguments = Arguments(schema, selected.nodes[0], field)
        self.find = declaration(field).base_resolver.wrapped_func
        self.order: dict[str, Any] = {}
        self.facts: list[tuple[str, Complete]] = []
        self.modules: list[ModulePlan] = []
        self.rest: list[FieldNode] = []
        self.store = store
        for each in case.select(kind, selected.nodes):
            self.order[each.key] = REST
            plugin = composed.ownership.fields.get(("City", each.name))
            try:
                if plugin is not None:
                    module = module_plan(schema, plugin, each, case, reader)
                    self.modules.append(module)
                    if module.rest:
                        self.rest.append(_with(each.nodes[0], module.rest))
                else:
                    self.facts.append((each.key, value_of(kind, each, case)))
            except Unplannable:
                self.rest.extend(each.nodes)

    async def answer(self, context: RequestContext, variables: Values) -> dict[str, Any] | None:
        """All that is planned of this city; null where there is no such city."""
        found = self.find(info=_Asking(context), **self.arguments.read(variables))
        if found is None:
            return None
        city, language = found.model, found.language_
        answer = dict(self.order)
        for key, fact in self.facts:
            answer[key] = fact(found)
        asked: list[Ask] = []
        pending = []
        for plan in self.modules:
            ctx = context.plugin(city, plan.plugin, language)
            if ctx is None:
                answer[plan.key] = None
                continue
            if not context.admit(city.slug, plan.plugin):
                raise Unplannable(f"{plan.plugin} has failed too often")
            module = plan.make(ctx=ctx)
            part = answer[plan.key] = dict(plan.fixed)
            for worked in plan.worked:
                part[worked.key] = worked.answer(module, variables)
            for number, listed in enumerate(plan.lists):
                ask = await listed.ask(module, variables)
                if ask is not None:
                    asked.append(ask)
                    pending.append((part, plan, number, ctx))
                elif listed.rows.many:
                    part[listed.key] = []
        if asked:
            kept = self._kept(city, language)
            for (part, plan, number, ctx), rows in zip(pending, await self.reader.read(city.slug, asked), strict=True):
                if plan.key not in kept.lists:
                    kept.lists[plan.key] = plan.keep(ctx)
                listed = plan.lists[number]
                part[listed.key] = listed.encode(rows, ctx, kept.zone, kept.lists[plan.key][number])
        return answer

    def _kept(self, city: City, language: str) -> _Kept:
        key = (id(self), id(city), language)
        kept = self.store.get(key)
        if kept is None:
            if len(self.store) >= PLACES:
                self.store.clear()
            # It holds the plan and the city, so that no others can come to have the same ids.
            kept = self.store[key] = _Kept(self, city, zone_times(city.timezone), {})
        return kept


class Plan:
    """A query with its switches set. Stateless but for what it keeps to be faster."""

    def __init__(
        self,
        composed: Composed,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        case: Case,
        reader: Reader,
        store: Store,
    ) -> None:
        query = composed.schema.query_type
        assert query is not None
        self.variables = Variables(composed.schema, operation)
        self.order: dict[str, Any] = {}
        self.cities: list[CityPlan] = []
        rest: list[FieldNode] = []
        for each in case.collect(query, [operation.selection_set]):
            self.order[each.key] = REST
            if each.name == "__typename":
                self.order[each.key] = query.name
            elif each.name == "city":
                city = CityPlan(composed, each, case, reader, store)
                self.cities.append(city)
                if city.rest:
                    rest.append(_with(each.nodes[0], city.rest))
            else:
                rest.extend(each.nodes)
        if not any(plan.modules for plan in self.cities):
            raise Unplannable("nothing to be gained")
        self.rest = _document(document, operation, rest) if rest else None
        """The part of the query that graphql-core answers."""

    @property
    def tables(self) -> Mapping[str, frozenset[str]]:
        """Plugin → the tables that its statements have read so far."""
        found: dict[str, frozenset[str]] = {}
        for city in self.cities:
            for module in city.modules:
                for listed in module.lists:
                    for text in listed.texts.values():
                        found[module.plugin] = found.get(module.plugin, frozenset()) | text.tables
        return found

    async def answer(self, context: RequestContext, given: Values) -> dict[str, Any]:
        """The data, with REST where something is left to graphql-core. Raises whatever stands in the way."""
        variables = self.variables.read(given)
        data = dict(self.order)
        for city in self.cities:
            data[city.key] = await city.answer(context, variables)
        return data


def merged(planned: dict[str, Any], rest: dict[str, Any] | None) -> dict[str, Any] | None:
    """The whole answer, in the order of the query. A null that has come up in graphql-core's part counts for both."""
    if rest is None:
        return None
    answer = {}
    for key, value in planned.items():
        if value is REST:
            value = rest[key]
        elif value is not None and key in rest:
            value = merged(value, rest[key])
        answer[key] = value
    return answer


def _with(node: FieldNode, selections: list[FieldNode]) -> FieldNode:
    return FieldNode(
        alias=node.alias,
        name=node.name,
        arguments=node.arguments,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(selections)),
        loc=node.loc,
    )


def _document(document: DocumentNode, operation: OperationDefinitionNode, nodes: list[FieldNode]) -> DocumentNode:
    """The same document with a smaller operation; its nodes stay the same, so errors name the same places."""
    smaller = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=tuple(nodes), loc=operation.selection_set.loc),
        loc=operation.loc,
    )
    others = [definition for definition in document.definitions if definition is not operation]
    return DocumentNode(definitions=(smaller, *others), loc=document.loc)

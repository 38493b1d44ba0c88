"""A query as a plan: cities, their modules, what is read for them; and what is left to graphql-core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.pyutils import Path
from msgspec import Struct

from allmende.city.model import City
from allmende.db.direct.reader import Reader
from allmende.db.direct.statement import Unplannable
from allmende.db.prepared import Prepared
from allmende.graphql.compose import Composed
from allmende.graphql.plan.arguments import Arguments, Values, Variables
from allmende.graphql.plan.below import Below
from allmende.graphql.plan.complete import Complete, origin_of, value_of
from allmende.graphql.plan.directory import DirectoryPlan
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.fragments import Lacking
from allmende.graphql.plan.lists import Listed, Place, Question, settled
from allmende.graphql.plan.meeting import MET, Met
from allmende.graphql.plan.module import REST, ModulePlan, Worked, module_plan
from allmende.graphql.plan.paged import Paged
from allmende.graphql.plan.store import Store
from allmende.graphql.plan.values import Kept
from allmende.graphql.query import find_city
from allmende.graphql.request import RequestContext
from allmende.isolation import gathered

LOADED = {"modules"}
"""Fields of City that the core answers by itself, whoever asks."""


class _Asking(Struct, frozen=True):
    """What a resolver of the core sees of `info`."""

    context: RequestContext
    schema: GraphQLSchema | None = None
    path: Path | None = None

    @property
    def _raw_info(self) -> _Asking:
        return self


class _Pending(Struct, frozen=True, eq=False):
    """A list that is to be read, and where it goes."""

    part: dict[str, Any]
    listed: Listed | Paged
    below: Below | None
    place: Place
    question: Question


class CityPlan:
    """One `city(…)` of a query."""

    def __init__(self, composed: Composed, selected: Selected, case: Case, reader: Reader, store: Store) -> None:
        schema = composed.schema
        query, kind = schema.query_type, schema.type_map["City"]
        assert query is not None
        assert isinstance(kind, GraphQLObjectType)
        field = query.fields[selected.name]
        self.key, self.reader, self.schema = selected.key, reader, schema
        self.path = Path(None, selected.key, query.name)
        self.arguments = Arguments(schema, selected.nodes[0], field)
        self.make = origin_of(kind)
        self.order: dict[str, Any] = {}
        self.facts: list[tuple[str, Complete]] = []
        self.worked: list[Worked | Met] = []
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
                elif each.name in MET:
                    self.worked.append(MET[each.name](composed, each, case, reader, self._met))
                elif each.name in LOADED:
                    self.worked.append(Worked(kind, each, case, core=True))
                else:
                    self.facts.append((each.key, value_of(kind, each, case)))
            except Unplannable:
                self.rest.extend(each.nodes)
        self.shown = bool(self.facts or self.worked)
        """Whether something is selected that the city itself answers."""

    async def answer(self, context: RequestContext, variables: Values) -> dict[str, Any] | None:
        """All that is planned of this city; null where there is no such city."""
        found = find_city(context, **self.arguments.read(variables))
        if found is None:
            return None
        city, language = found
        answer = dict(self.order)
        later: list[tuple[dict[str, Any], Worked | Met, Any]] = []
        if self.shown:
            itself = self.make(model=city, language_=language)
            for key, fact in self.facts:
                answer[key] = fact(itself)
            later.extend((answer, worked, itself) for worked in self.worked)
        pending: list[_Pending] = []
        kept = self.store.of(self, city, language)
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
                if worked.is_async:
                    later.append((part, worked, module))
                else:
                    part[worked.key] = worked.answer(module, variables)
            keepings = kept.modules.get(plan.key)
            if keepings is None:
                keepings = kept.modules[plan.key] = plan.keep(ctx, self.store.rows)
            for (listed, below), keeping in zip(plan.lists, keepings, strict=True):
                given = listed.arguments.read(variables)
                asked = listed.method(module, **given)
                prepared = asked if type(asked) is Prepared else await settled(asked)
                if prepared is None:
                    part[listed.key] = listed.nothing()
                    continue
                question = listed.question(prepared, given, city.slug, keeping)
                pending.append(_Pending(part, listed, below, Place(ctx, kept.zone, keeping), question))
        if later:
            works = (
                worked.later(parent, variables, _Asking(context, self.schema, Path(self.path, worked.key, "City")))
                for _, worked, parent in later
            )
            for (part, one, _), value in zip(later, await gathered(works), strict=True):
                part[one.key] = value
        if pending:
            await self._read(city.slug, pending, variables)
        return answer

    async def _read(self, city: str, pending: Sequence[_Pending], variables: Values) -> None:
        """Read all lists together, and put what is shown of them where it goes."""
        if len(pending) == 1:
            found = await self.reader.read(city, pending[0].question.asks)
        else:
            found = await self.reader.read(city, [ask for one in pending for ask in one.question.asks])
        end = 0
        for one in pending:
            listed, question, place, begin = one.listed, one.question, one.place, end
            end = begin + len(question.asks)
            rows = found[begin:end]
            try:
                if one.below is not None:
                    place.below = await one.below.read(place, rows[0], variables)
                one.part[listed.key] = listed.encode(question, rows, place)
            except Lacking:
                question = listed.again(question, city, place.kept)
                rows = await self.reader.read(city, question.asks)
                if one.below is not None:
                    place.below = await one.below.read(place, rows[0], variables)
                one.part[listed.key] = listed.encode(question, rows, place)

    def _met(self, city: City, language: str) -> tuple[Kept, dict[Any, list[Kept]]]:
        kept = self.store.of(self, city, language)
        return kept.zone, kept.met


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
        self.directories: list[DirectoryPlan] = []
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
            elif not self._list(composed, each, case):
                rest.extend(each.nodes)
        if not self.directories and not any(plan.modules or plan.worked or plan.facts for plan in self.cities):
            raise Unplannable("nothing to be gained")
        self.rest = _document(document, operation, rest) if rest else None
        """The part of the query that graphql-core answers."""

    def _list(self, composed: Composed, selected: Selected, case: Case) -> bool:
        """Whether this is a list of cities that can be planned."""
        try:
            if selected.name == "cities":
                self.directories.append(DirectoryPlan(composed.schema, selected, case))
                return True
        except Unplannable:
            pass
        return False

    @property
    def tables(self) -> Mapping[str, frozenset[str]]:
        """Plugin → the tables that its statements have read so far."""
        found: dict[str, frozenset[str]] = {}
        for city in self.cities:
            for module in city.modules:
                for listed, _ in module.lists:
                    for text in listed.texts.known.values():
                        found[module.plugin] = found.get(module.plugin, frozenset()) | text.tables
        return found

    async def answer(self, context: RequestContext, variables: Values) -> dict[str, Any]:
        """The data, with REST where something is left to graphql-core. Raises whatever stands in the way. `variables`
        are as `self.variables` has read them."""
        data = dict(self.order)
        for city in self.cities:
            data[city.key] = await city.answer(context, variables)
        for directory in self.directories:
            data[directory.key] = await directory.answer(_Asking(context), variables)
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

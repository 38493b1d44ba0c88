"""One module of one city in an operation: what is read for it, and how its part of the answer is made."""

from __future__ import annotations

from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type

from allmende.context import Context
from allmende.db.direct.reader import SECONDS, Reader
from allmende.db.direct.statement import Unplannable
from allmende.graphql.caps import small
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.below import Below
from allmende.graphql.plan.complete import completed, declaration, origin_of
from allmende.graphql.plan.declare import PLAN, Pages, Rows
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.fragments import Memory
from allmende.graphql.plan.lists import Keeping, Listed
from allmende.graphql.plan.paged import Paged
from allmende.graphql.visibility import visibility_of
from allmende.isolation import PluginCrash, bounded
from allmende.visibility import PUBLIC

REST = object()
"""Stands in the answer of a plan where graphql-core's part is to go."""


class Worked:
    """A field that a method answers with objects, whose fields need nothing but the object."""

    def __init__(self, parent: GraphQLObjectType, selected: Selected, case: Case, *, core: bool = False) -> None:
        field: GraphQLField = parent.fields[selected.name]
        resolver = declaration(field).base_resolver
        if resolver is None or not resolver.self_parameter or (resolver.info_parameter and not core):
            raise Unplannable(f"{parent.name}.{selected.name} is not declared")
        if visibility_of(field) not in (None, PUBLIC):
            raise Unplannable(f"{parent.name}.{selected.name} asks who it is")
        self.key, self.is_async, self.core = selected.key, resolver.is_async, core
        self.info = resolver.info_parameter.name if resolver.info_parameter else None
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.work = resolver.wrapped_func
        self.done = completed(field.type, selected, case)

    def answer(self, parent: Any, variables: Values) -> Any:
        """The part of the answer."""
        try:
            value = self.work(parent, **self.arguments.read(variables))
        except Exception:
            raise
        except BaseException as error:  # it would end the process
            raise PluginCrash(type(error).__name__) from error
        return self._shown(value)

    async def later(self, parent: Any, variables: Values, info: Any) -> Any:
        """The same where the method waits for something."""
        given = self.arguments.read(variables)
        if self.info:
            given = {**given, self.info: info}
        return self._shown(await bounded(self.work(parent, **given), SECONDS))

    def _shown(self, value: Any) -> Any:
        if not self.core and not small(value):
            raise Unplannable("more than a plan may carry; the reference weighs it")
        return self.done(value)


class ModulePlan:
    """`City.<plugin>` with its fields."""

    def __init__(self, plugin: str, selected: Selected, kind: GraphQLObjectType, case: Case, reader: Reader) -> None:
        self.plugin, self.key = plugin, selected.key
        self.make = origin_of(kind)
        self.fixed: dict[str, Any] = {}
        lists: list[Listed | Paged] = []
        self.worked: list[Worked] = []
        self.rest: list[FieldNode] = []
        """Fields that graphql-core answers."""
        for each in case.select(kind, selected.nodes):
            self.fixed[each.key] = None
            if each.name == "__typename":
                self.fixed[each.key] = kind.name
                continue
            try:
                declared = declaration(kind.fields[each.name]).metadata.get(PLAN)
                if isinstance(declared, Rows):
                    lists.append(Listed(kind, each, declared, case, reader))
                elif isinstance(declared, Pages):
                    lists.append(Paged(kind, each, declared, case, reader))
                else:
                    self.worked.append(Worked(kind, each, case))
            except Unplannable:
                self.fixed[each.key] = REST
                self.rest.extend(each.nodes)
        if not lists and not self.worked:
            raise Unplannable("nothing to be gained")
        self.lists = [(one, Below(one.children, reader) if one.children else None) for one in lists]
        """Each with what reads the children of its rows."""

    def keep(self, ctx: Context[Any], memory: Memory) -> list[Keeping]:
        """For each list, what is worked out once for this city and language."""
        return [one.keep(ctx, memory) for one, _ in self.lists]


def module_plan(schema: GraphQLSchema, plugin: str, selected: Selected, case: Case, reader: Reader) -> ModulePlan:
    """Raises Unplannable where graphql-core had better answer the whole module."""
    city = schema.type_map["City"]
    assert isinstance(city, GraphQLObjectType)
    kind = get_named_type(city.fields[selected.name].type)
    if not isinstance(kind, GraphQLObjectType):
        raise Unplannable("a module that is no object")
    return ModulePlan(plugin, selected, kind, case, reader)

"""`cities` as a plan: the directory is in memory, and of its cities only facts are shown."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from allmende.db.direct.statement import Unplannable
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.complete import declaration, struct_of, value_of
from allmende.graphql.plan.fields import Case, Selected


class DirectoryPlan:
    """One `cities(…)` of a query."""

    def __init__(self, schema: GraphQLSchema, selected: Selected, case: Case) -> None:
        assert schema.query_type is not None
        field = schema.query_type.fields[selected.name]
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType):
            raise Unplannable("cities that are no connection")
        self.key = selected.key
        self.arguments = Arguments(schema, selected.nodes[0], field)
        self.find = declaration(field).base_resolver.wrapped_func
        fields = case.select(kind, selected.nodes)
        self.made = struct_of(kind.name, [each.key for each in fields])
        self.makes = [None if each.name == "totalCount" else value_of(kind, each, case) for each in fields]
        """What makes each part of the connection; None is the count."""

    async def answer(self, asking: Any, variables: Values) -> Any:
        """The cities. Raises InputError for a bad page."""
        found = self.find(info=asking, **self.arguments.read(variables))
        total = await found.counter() if None in self.makes else 0
        return self.made(*[total if make is None else make(found) for make in self.makes])

"""One mutation of a plugin as a plan: its input is read in one pass, and its result shown by generated code.

What stands in the way before the plugin's method is called makes the plan step aside, as everywhere. Afterwards nothing
may be done a second time: what the method gave or raised is kept in the context, and graphql-core, which words every
error, is handed it instead of calling the method (`RequestContext.done`, see guard.py).
"""

from __future__ import annotations

import asyncio
from typing import Any

from graphql import FieldNode, GraphQLNonNull, GraphQLSchema, OperationDefinitionNode, VariableNode, type_from_ast

from allmende.db.direct.statement import Unplannable
from allmende.graphql.caps import small
from allmende.graphql.compose import Composed
from allmende.graphql.plan.arguments import Values
from allmende.graphql.plan.complete import completed, declaration
from allmende.graphql.plan.fields import Case
from allmende.graphql.plan.inputs import input_reader
from allmende.graphql.request import Done, RequestContext
from allmende.graphql.visibility import visibility_of
from allmende.isolation import bounded
from allmende.reader import ANONYMOUS


class MutationPlan:
    """An operation with one mutation, `name(input: $variable)`. Raises Unplannable for anything else."""

    rest = None
    """Nothing is left to graphql-core."""

    def __init__(self, composed: Composed, operation: OperationDefinitionNode, case: Case) -> None:
        schema = composed.schema
        mutations = schema.mutation_type
        assert mutations is not None
        selected, *others = case.collect(mutations, [operation.selection_set])
        plugin = composed.ownership.fields.get(("Mutation", selected.name))
        if others or plugin is None or len(selected.nodes) > 1 or operation.directives:
            raise Unplannable("more than one mutation, or one of the core")
        field = mutations.fields[selected.name]
        declared = declaration(field)
        resolver, arguments = declared.base_resolver, declared.arguments
        if not (resolver and resolver.is_async and resolver.self_parameter and not resolver.info_parameter):
            raise Unplannable(f"{selected.name} is not declared like a mutation")
        if [one.python_name for one in arguments] != ["input"] or [*field.args] != ["input"]:
            raise Unplannable(f"{selected.name} has other arguments")
        self.key, self.plugin = selected.key, plugin
        self.variable = _variable(schema, operation, selected.nodes[0], field.args["input"].type)
        self.read = input_reader(schema, field.args["input"].type, arguments[0].type)
        visible = visibility_of(field)
        self.visible = None if visible is None or visible.admits(ANONYMOUS) else visible
        """To be checked; None where everybody may see it."""
        self.make = composed.registry.plugins[plugin].plugin.mutations
        self.work = resolver.wrapped_func
        self.shown = completed(field.type, selected, case)

    async def answer(self, context: RequestContext, variables: Values) -> dict[str, Any]:
        """The data. Raises whatever stands in the way; from the method on only Unplannable, with `context.done`."""
        given = self.read(variables.get(self.variable))
        slug, services = given.city, context.services
        city = services.cities().by_slug.get(slug)
        if city is None or self.make is None:
            raise Unplannable("no such city")
        context.acting_in(slug)
        ctx = context.plugin(city, self.plugin, context.language(city, None))
        if ctx is None or not context.admit(slug, self.plugin):
            raise Unplannable(f"{self.plugin} is off, or has failed too often")
        if self.visible is not None:
            self.visible.check(ctx.reader)
        seconds = services.seconds(self.plugin)
        if seconds > services.deadline:
            raise Unplannable("the whole request has less time than the plugin")
        work = self.work(self.make(ctx=ctx), input=given)
        try:
            value = await bounded(work, seconds)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            context.done = Done(error=error)
            raise Unplannable("the mutation has failed") from error
        context.done = Done(value=value)
        try:
            if not small(value):
                raise Unplannable("more than a plan may carry; the reference weighs it")
            return {self.key: self.shown(value)}
        except Exception as error:
            raise Unplannable("a result that is not as declared") from error


def _variable(schema: GraphQLSchema, operation: OperationDefinitionNode, node: FieldNode, kind: Any) -> str:
    """The name of the operation's only variable, which is all of the input."""
    definitions, given = operation.variable_definitions or (), node.arguments or ()
    if len(definitions) != 1 or len(given) != 1 or not isinstance(given[0].value, VariableNode):
        raise Unplannable("an input that is written out")
    (definition,) = definitions
    if definition.default_value is not None or definition.directives:
        raise Unplannable("a variable that is more than a name")
    if not isinstance(kind, GraphQLNonNull) or str(type_from_ast(schema, definition.type)) != str(kind):
        raise Unplannable("a variable of another type")
    return given[0].value.name.value

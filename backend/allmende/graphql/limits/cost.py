"""How much an answer can hold, estimated from the sizes of its lists: objects, and statements for the database.

Compiled once per operation into a number, or, where a page's size comes as a variable, a number and some products.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from msgspec import Struct

from allmende.graphql.limits.model import LimitError, Limits, check

STATEMENT = 10
"""What a field counts that takes arguments or begins a module's part: it asks the database."""
LIST = 20
"""Items of a list whose size nobody says."""
SIZES = ("first", "last")


class Size(Struct, frozen=True):
    """A page's size that comes as a variable."""

    variable: str
    default: int | None
    """Where the variable is not given; None means that it has to be."""


class Cost(Struct, frozen=True):
    """`fixed`, and for each page whose size is a variable: so many times its cost."""

    fixed: int = 0
    pages: tuple[tuple[int, Size, Cost], ...] = ()

    def times(self, number: int) -> Cost:
        return Cost(self.fixed * number, tuple((n * number, size, cost) for n, size, cost in self.pages))

    def at(self, variables: Mapping[str, Any], cap: int) -> int:
        """The cost with these variables; what is no usable number counts as the cap, and is refused elsewhere."""
        return self.fixed + sum(
            n * _count(variables.get(size.variable, size.default), cap) * cost.at(variables, cap)
            for n, size, cost in self.pages
        )

    def sizes(self) -> list[Size]:
        return [one for _, size, cost in self.pages for one in (size, *cost.sizes())]


def check_cost(cost: Cost, variables: Mapping[str, Any], limits: Limits) -> int:
    """The cost with these variables. Raises LimitError for a page or an answer that is too large with them."""
    for size in cost.sizes():
        given = variables.get(size.variable, size.default)
        if isinstance(given, int):
            check_page(given, limits)
    total = cost.at(variables, limits.page) if cost.pages else cost.fixed
    check("cost", limits.cost, total, "objects and statements to answer with")
    return total


def check_page(number: int, limits: Limits) -> None:
    """Raises LimitError for a page of -1 or 5910205 items."""
    if not 0 <= number <= limits.page:
        message = f"first: {str(number)[:20]} is not between 0 and {limits.page}"
        raise LimitError("page", limits.page, number, message, code="BAD_FIRST")


class Estimator:
    """Estimates the operations of one schema. `modules` are the types behind the plugins' fields of City."""

    def __init__(self, schema: GraphQLSchema, modules: Collection[str], limits: Limits) -> None:
        self.schema, self.modules, self.limits = schema, frozenset(modules), limits

    def cost(self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Cost:
        """The cost of an operation whose fragments have been measured; they are spelt out here."""
        defaults = {
            node.variable.name.value: int(node.default_value.value)
            for node in operation.variable_definitions or ()
            if isinstance(node.default_value, IntValueNode) and len(node.default_value.value) < 20
        }
        root = self.schema.get_root_type(operation.operation)
        return _Visit(self, fragments, defaults).selected(operation.selection_set, root, None)


class _Visit:
    def __init__(
        self, estimator: Estimator, fragments: Mapping[str, FragmentDefinitionNode], defaults: Mapping[str, int]
    ) -> None:
        self.estimator, self.fragments, self.defaults = estimator, fragments, defaults

    def selected(self, node: SelectionSetNode | None, kind: GraphQLNamedType | None, page: int | Size | None) -> Cost:
        """The cost of what is selected on one object; `page` is the size of the lists that it is a page of."""
        costs, of_types = [], Counter[str]()
        for one in node.selections if node is not None else ():
            if isinstance(one, FieldNode):
                costs.append(self.field(one, kind, page))
                continue
            fragment = self.fragments.get(one.name.value) if isinstance(one, FragmentSpreadNode) else one
            if isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode):
                condition = fragment.type_condition
                narrowed = self.estimator.schema.get_type(condition.name.value) if condition else kind
                cost = self.selected(fragment.selection_set, narrowed, page)
                if isinstance(narrowed, GraphQLObjectType) and not cost.pages:
                    of_types[narrowed.name] += cost.fixed
                else:
                    costs.append(cost)
        # An object is of one type: of what is selected for some types only, it has the dearest at most.
        fixed = sum(cost.fixed for cost in costs) + max(of_types.values(), default=0)
        return Cost(fixed, tuple(page for cost in costs for page in cost.pages))

    def field(self, node: FieldNode, kind: GraphQLNamedType | None, page: int | Size | None) -> Cost:
        if node.name.value == "__typename":  # clients ask for it in every object
            return Cost()
        known = isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        field = kind.fields.get(node.name.value) if known else None  # type: ignore[union-attr]
        if field is None:  # introspection, or unknown and refused by the validation
            below = self.selected(node.selection_set, None, None)
            return Cost(1 + below.fixed, below.pages)
        named = get_named_type(field.type)
        statement = STATEMENT if field.args or getattr(kind, "name", "") in self.estimator.modules else 0
        if is_leaf_type(named):
            return Cost(statement)
        given = self.size(node, field)
        nullable = field.type.of_type if is_non_null_type(field.type) else field.type
        if not is_list_type(nullable):
            below = self.selected(node.selection_set, named, given)
            return Cost(statement + 1 + below.fixed, below.pages)
        below = self.selected(node.selection_set, named, None)
        item, size = Cost(1 + below.fixed, below.pages), given if given is not None else page
        if isinstance(size, Size):
            return Cost(statement, ((1, size, item),))
        many = item.times(LIST if size is None else size)
        return Cost(statement + many.fixed, many.pages)

    def size(self, node: FieldNode, field: GraphQLField) -> int | Size | None:
        """The number of items that the field asks for, if it takes one."""
        name = next((name for name in SIZES if name in field.args), None)
        if name is None:
            return None
        value: ValueNode | None = next((a.value for a in node.arguments or () if a.name.value == name), None)
        fallback = field.args[name].default_value
        default = fallback if isinstance(fallback, int) else None
        if isinstance(value, VariableNode):
            variable = value.name.value
            return Size(variable, self.defaults.get(variable, default))
        if value is None and fallback is not Undefined and default is not None:
            return default
        if isinstance(value, IntValueNode) and len(value.value) < 20:
            number = int(value.value)
            check_page(number, self.estimator.limits)
            return number
        if isinstance(value, NullValueNode) and default is not None:
            return default
        return self.estimator.limits.page


def _count(given: Any, cap: int) -> int:
    return given if type(given) is int and 0 <= given <= cap else cap

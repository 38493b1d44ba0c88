"""Which fields an operation selects: fragments spread, @include and @skip decided, equal response names merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    SelectionSetNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    visit,
)
from msgspec import Struct

from allmende.db.direct.statement import Unplannable

SWITCHES = 4
"""An operation with more variables in @include and @skip than this is not planned: there is a plan for each case."""
MAX_FIELDS = 2_000


class Selected(Struct, frozen=True, eq=False):
    """One field of the answer, with all places in the document that ask for it."""

    name: str
    key: str
    nodes: tuple[FieldNode, ...]


class Case:
    """A document with its switches set."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, switches: Mapping[str, bool]) -> None:
        self.schema = schema
        self.switches = switches
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.fields = 0

    def select(self, kind: GraphQLObjectType, nodes: Iterable[FieldNode]) -> list[Selected]:
        """The fields selected below these fields, in the order of the answer."""
        return self.collect(kind, (node.selection_set for node in nodes if node.selection_set))

    def collect(self, kind: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> list[Selected]:
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect(kind, selections, found, seen)
        return [Selected(nodes[0].name.value, key, tuple(nodes)) for key, nodes in found.items()]

    def _collect(
        self, kind: GraphQLObjectType, selections: SelectionSetNode, found: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selections.selections:
            if not self._included(node.directives or ()):
                continue
            self.fields += 1
            if self.fields > MAX_FIELDS:
                raise Unplannable("too many fields")
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                found.setdefault(key, []).append(node)
                continue
            fragment: Any = node
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in seen:
                    continue
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
            condition = fragment.type_condition
            if condition is None or self._applies(condition.name.value, kind):
                self._collect(kind, fragment.selection_set, found, seen)

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        named: GraphQLNamedType | None = self.schema.get_type(condition)
        return named is kind or (is_abstract_type(named) and self.schema.is_sub_type(named, kind))

    def _included(self, directives: Iterable[Any]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name not in ("skip", "include"):
                raise Unplannable(f"@{name}")
            value = directive.arguments[0].value
            on = self.switches[value.name.value] if isinstance(value, VariableNode) else value.value
            if on is (name == "skip"):
                return False
        return True


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: Any, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None


def switches(document: DocumentNode) -> tuple[str, ...]:
    """The variables that decide what is selected."""
    finder = _Switches()
    visit(document, finder)
    if len(finder.names) > SWITCHES:
        raise Unplannable("too many switches")
    return tuple(finder.names)

"""Measures a parsed document: each selection is visited once, a fragment counts with what is known of it already."""

from __future__ import annotations

import re
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
)
from graphql.language import Visitor, visit

from allmende.errors import InputError
from allmende.graphql.limits.model import LimitError, Limits, check


class Sums(NamedTuple):
    """What a selection set comes to, with its fragments spelt out."""

    width: int = 0
    """Fields of its first level."""
    fields: int = 0
    aliases: int = 0
    depth: int = 0


def check_document(document: DocumentNode, limits: Limits) -> Measure:
    """Raises LimitError for a document that is too large in any way, and InputError for one that is circular."""
    measure = Measure(document)
    roots = measure.operations + [f for name, f in measure.fragments.items() if not measure.is_spread(name)]
    check("operations", limits.operations, len(measure.operations), "operations in one document")
    check("fragments", limits.fragments, len(measure.fragments), "fragments in one document")
    found = [measure.sums(root.selection_set) for root in roots]
    for name in measure.fragments:
        measure.spread(name)  # those that only spread each other hang on no root
    check("depth", limits.depth, max((one.depth for one in found), default=0), "levels of fields")
    check("fields", limits.fields, sum(one.fields for one in found), "fields")
    check("aliases", limits.aliases, sum(one.aliases for one in found), "aliases")
    width = max((measure.sums(operation.selection_set).width for operation in measure.operations), default=0)
    check("root_fields", limits.root_fields, width, "fields at the root")
    texts = _Texts()
    visit(document, texts)
    check("directives", limits.directives, texts.directives, "directives")
    # From here on, spelling everything out is cheap: there are `limits.fields` fields at most.
    check(
        "overlaps",
        limits.overlaps,
        sum(measure.overlaps([root.selection_set]) for root in roots),
        "pairs of fields that are to be merged",
    )
    return measure


class Measure:
    """One document. `steps` counts the selections that were looked at."""

    def __init__(self, document: DocumentNode) -> None:
        definitions = document.definitions
        self.operations: list[OperationDefinitionNode | FragmentDefinitionNode] = [
            node for node in definitions if isinstance(node, OperationDefinitionNode)
        ]
        self.fragments: dict[str, FragmentDefinitionNode] = {}
        for node in definitions:
            if (
                isinstance(node, FragmentDefinitionNode)
                and self.fragments.setdefault(node.name.value, node) is not node
            ):
                raise InputError(f"two fragments {node.name.value[:60]}", code="GRAPHQL_VALIDATION_FAILED")
        self.steps = 0
        self._known: dict[str, Sums] = {}
        self._open: list[str] = []
        self._sets: dict[int, Sums] = {}
        self._spread = _spread_names(document)

    def is_spread(self, name: str) -> bool:
        return name in self._spread

    def spread(self, name: str) -> Sums:
        """What one spread of the fragment comes to; nothing, if there is no such fragment."""
        known = self._known.get(name)
        if known is not None:
            return known
        fragment = self.fragments.get(name)
        if fragment is None:
            return Sums()
        if name in self._open:
            raise InputError(f"fragment {name[:60]} spreads itself", code="GRAPHQL_VALIDATION_FAILED")
        self._open.append(name)
        self._known[name] = sums = self.sums(fragment.selection_set)
        self._open.pop()
        return sums

    def sums(self, selected: SelectionSetNode | None) -> Sums:
        """The sums of a selection set, remembered."""
        if selected is None:
            return Sums()
        if id(selected) not in self._sets:
            self._sets[id(selected)] = self._add_up(selected)
        return self._sets[id(selected)]

    def _add_up(self, selected: SelectionSetNode) -> Sums:
        width = fields = aliases = depth = 0
        for node in selected.selections:
            self.steps += 1
            if isinstance(node, FieldNode):
                below = self.sums(node.selection_set)
                width += 1
                fields += 1 + below.fields
                aliases += below.aliases + (node.alias is not None)
                depth = max(depth, 1 + below.depth)
                continue
            if isinstance(node, InlineFragmentNode):
                inside = self.sums(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                inside = self.spread(node.name.value)
            else:
                continue
            width += inside.width
            fields += inside.fields
            aliases += inside.aliases
            depth = max(depth, inside.depth)
        return Sums(width, fields, aliases, depth)

    def overlaps(self, sets: list[SelectionSetNode]) -> int:
        """How many pairs of fields meet under one name, here and below."""
        groups: dict[str, list[FieldNode]] = {}
        for selected in sets:
            self._collect(selected, groups)
        total = 0
        for nodes in groups.values():
            total += len(nodes) * (len(nodes) - 1) // 2
            below = [node.selection_set for node in nodes if node.selection_set is not None]
            if below:
                total += self.overlaps(below)
        return total

    def _collect(self, selected: SelectionSetNode, groups: dict[str, list[FieldNode]]) -> None:
        for node in selected.selections:
            self.steps += 1
            if isinstance(node, FieldNode):
                groups.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                self._collect(node.selection_set, groups)
            elif isinstance(node, FragmentSpreadNode) and node.name.value in self.fragments:
                self._collect(self.fragments[node.name.value].selection_set, groups)


_SURROGATE = re.compile("[\ud800-\udfff]")


class _Texts(Visitor):
    """Counts the directives, and refuses texts that no database can hold."""

    directives = 0

    def enter_directive(self, *_: object) -> None:
        self.directives += 1

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        check_text(node.value)


def check_text(text: str) -> None:
    """Refuse NUL, which PostgreSQL cannot store, and half surrogate pairs, which are not Unicode."""
    if "\x00" in text or (not text.isascii() and _SURROGATE.search(text)):
        raise InputError("a text holds NUL or half a surrogate pair", code="BAD_REQUEST")


def _spread_names(document: DocumentNode) -> set[str]:
    found: set[str] = set()
    stack: list[Node] = [d.selection_set for d in document.definitions if hasattr(d, "selection_set")]
    while stack:
        for node in stack.pop().selections:  # type: ignore[attr-defined]
            if isinstance(node, FragmentSpreadNode):
                found.add(node.name.value)
            elif node.selection_set is not None:
                stack.append(node.selection_set)
    return found


__all__ = ["LimitError", "Measure", "check_document", "check_text"]

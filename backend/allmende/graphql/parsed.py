"""What is known of a document before its variables are, and of a question before it is known who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode, OperationType, get_operation_ast
from msgspec import Struct

from allmende.graphql.limits.cost import Cost
from allmende.graphql.plan.plans import Planned


class Chosen(Struct, frozen=True):
    """An operation of a document."""

    node: OperationDefinitionNode
    kind: OperationType
    name: str
    """Empty, if it has none."""
    cost: Cost
    """What it costs at most."""


class Question(Struct, frozen=True):
    """An operation that may be answered, with its variables: all that does not depend on who asks, where and when."""

    text: str
    asked_name: str | None
    """The name of the operation that the client gave."""
    variables: Mapping[str, Any]
    """Nobody may change them."""
    name: str
    """The operation's own; empty, if it has none."""
    cost: int
    """What it costs with these variables."""
    planned: Planned | None
    """The plan that may answer it. The document is left out on purpose: who keeps a question would keep that, too."""


class Prepared(Struct, frozen=True):
    """A document that was parsed and validated, or what is wrong with it."""

    text: str
    document: DocumentNode | None
    errors: tuple[dict[str, Any], ...] = ()
    costs: Mapping[str, Cost] = {}
    """Name of an operation (empty, if it has none) → what it costs at most."""
    known: dict[str | None, Chosen] = {}
    """What `choose` has found before."""

    def choose(self, name: str | None) -> Chosen | None:
        """The operation that is meant; None where there is no such, or the name is needed to know."""
        chosen = self.known.get(name)
        if chosen is None and self.document is not None:
            node = get_operation_ast(self.document, name)
            if node is not None:
                own = node.name.value if node.name else ""
                chosen = self.known[name] = Chosen(node, node.operation, own, self.costs[own])
        return chosen

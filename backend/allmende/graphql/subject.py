"""What is counted of an operation that was answered: never who asked, see allmende/usage."""

from __future__ import annotations

from graphql import get_operation_ast

from allmende.graphql.documents import Documents
from allmende.graphql.execute import Engine, Operation, Outcome
from allmende.usage import Asked, Usage


def subject(
    usage: Usage | None, documents: Documents, engine: Engine, operation: Operation, outcome: Outcome
) -> Asked | None:
    """None where nothing was asked of a city, or nobody counts. Names are those of registered apps only: what else
    clients call their operations could be anything."""
    if usage is None or not outcome.asked:
        return None
    document = engine.prepare(operation.query).document
    name = ""
    if document is not None and documents.registers(operation.query):
        selected = get_operation_ast(document, operation.operation_name)
        name = selected.name.value if selected is not None and selected.name else ""
    return usage.asked(name, outcome.asked)

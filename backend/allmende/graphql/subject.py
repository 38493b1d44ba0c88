"""What is counted of an operation that was answered: never who asked, see allmende/usage."""

from __future__ import annotations

from allmende.graphql.documents import Documents
from allmende.graphql.outcome import Outcome
from allmende.usage import Asked, Usage


def subject(usage: Usage | None, documents: Documents, text: str, outcome: Outcome) -> Asked | None:
    """None where nothing was asked of a city, or nobody counts. Names are those of registered apps only: what else
    clients call their operations could be anything."""
    if usage is None or not outcome.asked:
        return None
    return usage.asked(outcome.name if outcome.name and documents.registers(text) else "", outcome.asked)

"""A body that is byte for byte like one before asks the same question: it is not read, checked and planned again.

When many look at the same page at once (a street's pickups, the home of a city), most bodies have come before. What is
kept is the question only, never an answer, and nothing of who asked.
"""

from __future__ import annotations

from datetime import date, datetime

from allmende.graphql.parsed import Question
from allmende.graphql.plan.operation import Plan
from allmende.graphql.plan.plans import Plans
from allmende.graphql.recent import Recent

ROOM = 1_000_000
"""Characters of the bodies that a worker keeps: some 2 MB, with what is made of them."""
LONGEST = 4_000
"""Characters of a body that is worth keeping."""
FEW = 10
"""Variables of such a body: values take many times the memory that they take in JSON."""
_FIXED = {str, int, float, bool, type(None), date, datetime}
"""Kinds of values that nobody can change."""


class Repeated:
    """Of one endpoint. For requests that do not say who sends them, and for queries that a plan answers as a whole:
    neither a receipt nor anything that is done lies in the memory of the worker because of it."""

    def __init__(self) -> None:
        self._plans: Plans | None = None
        self._dropped = 0
        self._kept: Recent[bytes, Question] = Recent(ROOM)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, plans: Plans, body: bytes) -> Question | None:
        """The question in this body, if it was asked before."""
        if plans is not self._plans or plans.dropped != self._dropped:
            # Other plugins, another schema; or plans that have to go, and would stay with their questions.
            self._plans, self._dropped, self._kept = plans, plans.dropped, Recent(ROOM)
        return self._kept.get(body)

    def keep(self, plans: Plans, body: bytes, question: Question) -> None:
        """From now on, this body is known."""
        if self._plans is plans and self._dropped == plans.dropped and len(body) <= LONGEST and _is_lasting(question):
            self._kept.put(body, question, body)


def _is_lasting(question: Question) -> bool:
    planned = question.planned
    if planned is None or not isinstance(planned.plan, Plan) or len(question.variables) > FEW:
        return False
    return _FIXED.issuperset(map(type, (*question.variables.values(), *planned.variables.values())))

"""All plans of one schema: found by document, made when first asked for, left alone for a while after a failure."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from graphql import DocumentNode, OperationDefinitionNode, OperationType
from msgspec import Struct

from allmende.db.direct.reader import Reader
from allmende.db.direct.statement import Unplannable
from allmende.errors import AllmendeError
from allmende.graphql.compose import Composed
from allmende.graphql.plan.arguments import Values
from allmende.graphql.plan.fields import Case, switches
from allmende.graphql.plan.fragments import Memory
from allmende.graphql.plan.mutation import MutationPlan
from allmende.graphql.plan.operation import Plan
from allmende.graphql.plan.store import Store
from allmende.graphql.recent import Recent
from allmende.graphql.request import RequestContext

log = structlog.get_logger(__name__)
PLANS = 300_000
"""Characters of the documents whose plans are kept."""
PAUSE = 5.0
"""Seconds without plans for a document after the database (or a plugin) has failed under one."""


class _Entry(Struct):
    """What is known of one operation of a document."""

    switches: tuple[str, ...]
    cases: dict[tuple[bool, ...], Plan | MutationPlan | None]
    """Values of the switches → plan; None where there cannot be one."""
    paused: float = 0.0


class Planned(Struct, frozen=True):
    """One operation with its variables, as a plan answers it again and again."""

    entry: _Entry
    plan: Plan | MutationPlan
    variables: Values
    """As the plan reads them. Nobody may change them."""


class Plans:
    """The fast way to an answer: `find`, then `answer`; both give None wherever the ordinary way has to be gone."""

    def __init__(self, composed: Composed, reader: Reader | None, memory: int) -> None:
        self.composed, self.reader = composed, reader
        self.entries: Recent[tuple[str, str | None], _Entry] = Recent(PLANS)
        self.store = Store(Memory(memory, reader.kept)) if reader else None
        self.on = True
        self.planned = 0
        """Operations that were answered by a plan, at least in part."""
        self.dropped = 0
        """How often plans had to make room for others: whoever keeps one besides lets go of it then."""

    def find(
        self, text: str, name: str | None, document: DocumentNode, operation: OperationDefinitionNode, given: Values
    ) -> Planned | None:
        """The plan for a valid document with a query or a mutation, with these variables."""
        if self.reader is None:
            return None
        entry = self._entry(text, name, document)
        plan = self._of_case(entry, document, operation, given)
        if plan is None:
            return None
        try:
            return Planned(entry, plan, plan.variables.read(given) if isinstance(plan, Plan) else given)
        except Unplannable as reason:
            log.debug("plan_left", reason=str(reason))
        except Exception as error:  # the ordinary way meets it again
            _pause(entry, error)
        return None

    async def answer(self, planned: Planned, context: RequestContext) -> dict[str, Any] | None:
        """The data, with REST where the plan leaves something to graphql-core."""
        entry = planned.entry
        if not self.on or (entry.paused and entry.paused > time.monotonic()):
            return None
        try:
            data = await planned.plan.answer(context, planned.variables)
            if context.errors:
                raise Unplannable("a module is left out of a list, with an error")
        except (Unplannable, AllmendeError) as reason:
            log.debug("plan_left", reason=str(reason))
            context.start_over()
            return None
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            # Whatever it was: the ordinary way meets it again, contains it, and says what is to be said.
            _pause(entry, error)
            context.start_over()
            return None
        self.planned += 1
        return data

    def _of_case(
        self, entry: _Entry, document: DocumentNode, operation: OperationDefinitionNode, variables: Values
    ) -> Plan | MutationPlan | None:
        case = tuple([variables.get(switch) is True for switch in entry.switches]) if entry.switches else ()
        if case not in entry.cases:
            given = {each.variable.name.value: each for each in operation.variable_definitions or ()}
            values = [variables.get(switch) for switch in entry.switches]
            if not all(type(value) is bool for value in values) or any(
                switch not in given for switch in entry.switches
            ):
                return None  # a default, or a wrong value
            entry.cases[case] = self._make(document, operation, dict(zip(entry.switches, case, strict=True)))
        elif entry.switches and not all(type(variables.get(switch)) is bool for switch in entry.switches):
            return None
        return entry.cases[case]

    def _entry(self, text: str, name: str | None, document: DocumentNode) -> _Entry:
        key = (text, name)
        entry = self.entries.get(key)
        if entry is None:
            try:
                entry = _Entry(switches(document), {})
            except Unplannable as reason:
                log.debug("not_planned", reason=str(reason))
                entry = _Entry((), {(): None})
            if self.entries.put(key, entry, text):
                self.dropped += 1
                if self.store is not None:
                    self.store.clear()  # it holds plans that are not kept any more
        return entry

    def _make(
        self, document: DocumentNode, operation: OperationDefinitionNode, switches: dict[str, bool]
    ) -> Plan | MutationPlan | None:
        try:
            case = Case(self.composed.schema, document, switches)
            if operation.operation is OperationType.MUTATION:
                return MutationPlan(self.composed, operation, case)
            assert self.reader is not None
            assert self.store is not None
            return Plan(self.composed, document, operation, case, self.reader, self.store)
        except Unplannable as reason:
            log.debug("not_planned", reason=str(reason))
        except Exception:  # a bug here must cost speed only
            log.exception("planning_failed")
        return None


def _pause(entry: _Entry, error: BaseException) -> None:
    entry.paused = time.monotonic() + PAUSE
    log.info("plan_failed", error=repr(error)[:300])

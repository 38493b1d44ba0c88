"""Runs an operation: parsed and validated once per document, executed by graphql-core, errors made presentable.

This is where later ways to an answer (documents by hash, cached answers, compiled plans, limits) step in:
`prepare` is all that is known before the variables are, `execute` is the one way to an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
    execute,
    subscribe,
)
from msgspec import Struct, structs

from allmende import metrics
from allmende.errors import AllmendeError
from allmende.graphql.compose import Composed
from allmende.graphql.faults import FAILURES, logged, presented
from allmende.graphql.limits.checks import Checks, coded, described
from allmende.graphql.limits.model import Limits
from allmende.graphql.outcome import Outcome, failure, label, refusal, refused
from allmende.graphql.parsed import Prepared, Question
from allmende.graphql.plan.encode import plain
from allmende.graphql.plan.operation import merged
from allmende.graphql.plan.plans import Plans
from allmende.graphql.recent import Recent
from allmende.graphql.request import RequestContext, Services
from allmende.isolation import bounded
from allmende.reader import ANONYMOUS, Reader

DOCUMENTS = 300_000
"""Characters of the documents that are kept parsed and validated, each some 200 bytes of memory."""
ROW_CACHE = 16_000_000
"""Bytes of rows' JSON that are kept by plans, where nothing else is set."""


class Operation(Struct, frozen=True, kw_only=True):
    """A GraphQL request, and what is known of the reader."""

    query: str
    variables: Mapping[str, Any] = {}
    operation_name: str | None = None
    accept_language: str = ""
    host: str = ""
    app_version: str = ""
    """Header App-Version, by which modules can be switched off for some releases of the app."""
    read_only: bool = False
    reader: Reader = ANONYMOUS
    """Whose token came with the request."""
    charge: Callable[[int], None] | None = None
    """Is told what the operation costs, before it is executed."""
    client: str = ""
    """Whoever asks, as the door knows it."""


class Engine:
    """Answers operations for one composed schema; made once per process, and again when the plugins change."""

    def __init__(
        self,
        composed: Composed,
        services: Services,
        limits: Limits | None = None,
        *,
        introspectable: bool = True,
        row_cache: int = ROW_CACHE,
    ) -> None:
        self.composed = composed
        self.services = services
        self.checks = Checks(composed, limits or Limits(), introspectable=introspectable)
        self.plans = Plans(composed, getattr(services.database, "reader", None), row_cache)
        self._closing: set[asyncio.Task[None]] = set()
        self._prepared: Recent[str, Prepared] = Recent(DOCUMENTS)
        self._counted = lru_cache(maxsize=10)(lambda name: metrics.Tally(metrics.REQUESTS.labels(name).inc))
        self._seconds = metrics.Timing(metrics.REQUEST_SECONDS)

    async def execute(self, operation: Operation) -> Outcome:
        """Answer one operation. Never raises for what a client or a plugin does."""
        outcome = await self.respond(operation)
        return structs.replace(outcome, body=plain(outcome.body))

    async def respond(self, operation: Operation) -> Outcome:
        """The same for who only encodes it: some objects of the answer may be structs instead of dicts."""
        began = time.perf_counter()
        question = self.question(operation)
        if isinstance(question, Outcome):
            self._count(question, began)
            return question
        return await self.answer(question, self._context(operation), began)

    def question(self, operation: Operation) -> Question | Outcome:
        """All that is known before anything is done for the answer, or the refusal."""
        prepared = self.prepare(operation.query)
        document = prepared.document
        if document is None:
            return refused(list(prepared.errors))
        chosen = prepared.choose(operation.operation_name)
        if chosen is None:
            return refusal("operationName: say which of the document's operations", "BAD_OPERATION_NAME")
        if operation.read_only and chosen.kind is not OperationType.QUERY:
            return Outcome(kind="mutation", body=failure("a GET request only reads; send this by POST", "METHOD"))
        if chosen.kind is OperationType.SUBSCRIPTION:
            return refusal("subscribe by WebSocket (graphql-transport-ws), or at /graphql/stream", "METHOD")
        text, name, variables = prepared.text, operation.operation_name, operation.variables
        try:
            cost = self.checks.request(chosen.cost, variables)
        except AllmendeError as error:
            return refused([described(error)])
        planned = self.plans.find(text, name, document, chosen.node, variables)
        return Question(text, name, variables, chosen.name, cost, planned)

    async def answer(self, question: Question, context: RequestContext, began: float) -> Outcome:
        """The answer to a question, which may be asked again and again. `began` is when this one came in."""
        if context.charge is not None:
            context.charge(question.cost)
        planned, data = question.planned, None
        try:
            if planned is not None:
                data = await self.plans.answer(planned, context)
            if planned is None or data is None or planned.plan.rest is not None:
                outcome = await self._answer(question, context, data)
            else:
                context.settle(set())
                asked, name = context.asked(), question.name
                outcome = Outcome(kind="executed", body={"data": data}, asked=asked, name=name, question=question)
        except Exception as error:  # the net under everything: a bug here must not become an HTML page
            number = logged("request_failed", error)
            body = {"data": None, **failure(f"something went wrong ({number})", "INTERNAL")}
            outcome = Outcome(kind="executed", body=body, asked=context.asked(), name=question.name)
        finally:
            self._take_back(context)
        self._count(outcome, began)
        return outcome

    def _count(self, outcome: Outcome, began: float) -> None:
        self._counted(label(outcome)).count += 1
        self._seconds.observe(time.perf_counter() - began)

    async def stream(self, operation: Operation) -> AsyncGenerator[Outcome, None]:
        """Every answer to an operation: those of a subscription as they come, the one of any other."""
        prepared = self.prepare(operation.query)
        document, chosen = prepared.document, prepared.choose(operation.operation_name)
        if document is None or chosen is None or chosen.kind is not OperationType.SUBSCRIPTION:
            yield await self.execute(operation)
            return
        context = self._context(operation)
        try:
            cost = self.checks.request(chosen.cost, operation.variables)
        except AllmendeError as error:
            yield refused([described(error)])
            return
        if context.charge is not None:
            context.charge(cost)
        try:
            stream: Any = subscribe(
                self.composed.schema,
                document,
                context_value=context,
                variable_values=dict(operation.variables),
                operation_name=operation.operation_name,
                hide_suggestions=not self.checks.introspectable,
            )
            stream = await stream if isawaitable(stream) else stream
            if isinstance(stream, ExecutionResult):
                errors = [self._presented(one, document) for one in stream.errors or ()]
                yield refused(errors)
                return
            async with aclosing(stream):
                async for result in stream:
                    yield self._outcome(result, document, context, chosen.name)
        except Exception as error:  # as in `_answer`
            body = failure(f"something went wrong ({logged('subscription_failed', error)})", "INTERNAL")
            yield Outcome(kind="refused", body=body)

    async def _answer(self, question: Question, context: RequestContext, data: dict[str, Any] | None) -> Outcome:
        """By graphql-core: the whole, or what a plan has left of it; `data` is what that has answered."""
        document = self.prepare(question.text).document
        assert document is not None
        left = question.planned.plan.rest if question.planned is not None and data is not None else None
        try:
            result = await bounded(self._run(left or document, question, context), self.services.deadline)
        except TimeoutError:
            body = {"data": None, **failure("the request took too long", "DEADLINE")}
            return Outcome(kind="executed", body=body, asked=context.asked(), name=question.name)
        if data is not None:
            result = ExecutionResult(merged(data, result.data), result.errors)
        return self._outcome(result, document, context, question.name)

    def _context(self, operation: Operation) -> RequestContext:
        return RequestContext(
            self.services,
            operation.accept_language,
            operation.host,
            operation.app_version,
            operation.reader,
            operation.read_only,
            operation.charge,
            operation.client,
        )

    def _take_back(self, context: RequestContext) -> None:
        """Close what plugins have left open, while the answer is on its way already."""
        for leash in context.leashes:
            if leash.loans:
                closing = asyncio.create_task(context.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
                break

    async def _run(self, document: DocumentNode, question: Question, context: RequestContext) -> ExecutionResult:
        result = execute(
            self.composed.schema,
            document,
            context_value=context,
            variable_values=dict(question.variables),
            operation_name=question.asked_name,
            hide_suggestions=not self.checks.introspectable,
        )
        return await result if isawaitable(result) else result

    def _presented(self, error: GraphQLError, document: DocumentNode) -> dict[str, Any]:
        """An error of what was refused before anything was executed, or of the field that was."""
        if error.path is None:
            return coded(error, "BAD_INPUT")
        return presented(error, self.composed.schema, document, self.composed.ownership)

    def _outcome(self, result: ExecutionResult, document: DocumentNode, context: RequestContext, name: str) -> Outcome:
        errors = result.errors or []
        if result.data is None and not any(error.path for error in errors):
            return Outcome(kind="refused", body={"errors": [coded(error, "BAD_INPUT") for error in errors]})
        body: dict[str, Any] = {"data": result.data}
        if errors or context.errors:
            schema, ownership = self.composed.schema, self.composed.ownership
            body["errors"] = [presented(error, schema, document, ownership) for error in (*errors, *context.errors)]
        context.settle(_failures(body.get("errors", ()), context))
        return Outcome(kind="executed", body=body, asked=context.asked(), name=name)

    def prepare(self, text: str) -> Prepared:
        """What is known of a document before its variables are; worked out once."""
        prepared = self._prepared.get(text)
        if prepared is None:
            document, costs, errors = self.checks.document(text)
            prepared = Prepared(text, document, errors, costs, {})
            self._prepared.put(text, prepared, text)
        return prepared


def _failures(errors: Iterable[Mapping[str, Any]], context: RequestContext) -> set[tuple[str, str]]:
    """Which plugin failed in which city; counted, once per request.

    Of what took too long in a worker that has more to do than it can, the breakers hear nothing.
    """
    failures = set()
    for error in errors:
        plugin, code = error["extensions"].get("plugin"), error["extensions"].get("code")
        if plugin is not None and code in FAILURES:
            failure = (context.city_at(error.get("path", ())), plugin)
            if failure not in failures:
                metrics.PLUGIN_FAILURES.labels(*failure, code).inc()
            failures.add(failure)
            if code == "PLUGIN_TIMEOUT" and context.services.breakers.busy():
                context.admitted[failure] = False
    return failures

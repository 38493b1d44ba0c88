"""Runs an operation: parsed and validated once per document, executed by graphql-core, errors made presentable.

This is where later ways to an answer (documents by hash, cached answers, compiled plans, limits) step in:
`prepare` is all that is known before the variables are, `execute` is the one way to an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import lru_cache
from inspect import isawaitable
from typing import Any, Literal

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from msgspec import Struct

from allmende.graphql.compose import Composed
from allmende.graphql.faults import formatted, logged, presented
from allmende.graphql.request import RequestContext, Services

MAX_TOKENS = 20_000
DOCUMENTS = 500
"""Documents that are kept parsed and validated."""


class Operation(Struct, frozen=True, kw_only=True):
    """A GraphQL request, and what is known of the reader."""

    query: str
    variables: Mapping[str, Any] = {}
    operation_name: str | None = None
    accept_language: str = ""
    host: str = ""
    read_only: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """The answer. `refused` means that nothing was executed, `mutation` that the request may only read."""

    kind: Literal["executed", "refused", "mutation"]
    body: dict[str, Any]


class Prepared(Struct, frozen=True):
    """A document that was parsed and validated, or what is wrong with it."""

    document: DocumentNode | None
    errors: tuple[dict[str, Any], ...] = ()


class Engine:
    """Answers operations for one composed schema; made once per process, and again when the plugins change."""

    def __init__(self, composed: Composed, services: Services) -> None:
        self.composed = composed
        self.services = services
        self.prepare = lru_cache(maxsize=DOCUMENTS)(self._prepare)

    async def execute(self, operation: Operation) -> Outcome:
        """Answer one operation. Never raises for what a client or a plugin does."""
        prepared = self.prepare(operation.query)
        document = prepared.document
        if document is None:
            return Outcome(kind="refused", body={"errors": list(prepared.errors)})
        selected = get_operation_ast(document, operation.operation_name)
        if selected is None:
            return refusal("operationName: say which of the document's operations", "BAD_OPERATION_NAME")
        if operation.read_only and selected.operation is not OperationType.QUERY:
            return Outcome(kind="mutation", body=failure("a GET request only reads; send this by POST", "METHOD"))
        context = RequestContext(self.services, operation.accept_language, operation.host)
        try:
            async with asyncio.timeout(self.services.deadline):
                result = await self._run(document, operation, context)
        except TimeoutError:
            body = failure("the request took too long", "DEADLINE")
            return Outcome(kind="executed", body={"data": None, **body})
        except Exception as error:  # the net under everything: a bug here must not become an HTML page
            number = logged("request_failed", error)
            body = failure(f"something went wrong ({number})", "INTERNAL")
            return Outcome(kind="executed", body={"data": None, **body})
        return self._outcome(result, document, context)

    async def _run(self, document: DocumentNode, operation: Operation, context: RequestContext) -> ExecutionResult:
        result = execute(
            self.composed.schema,
            document,
            context_value=context,
            variable_values=dict(operation.variables),
            operation_name=operation.operation_name,
        )
        return await result if isawaitable(result) else result

    def _outcome(self, result: ExecutionResult, document: DocumentNode, context: RequestContext) -> Outcome:
        errors = result.errors or []
        if result.data is None and not any(error.path for error in errors):
            return Outcome(kind="refused", body={"errors": _coded(errors, "BAD_INPUT")})
        body: dict[str, Any] = {"data": result.data}
        if errors or context.errors:
            schema, ownership = self.composed.schema, self.composed.ownership
            body["errors"] = [presented(error, schema, document, ownership) for error in (*errors, *context.errors)]
        return Outcome(kind="executed", body=body)

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=MAX_TOKENS)
            errors = validate(self.composed.schema, document)
        except GraphQLSyntaxError as error:
            return Prepared(None, tuple(_coded([error], "GRAPHQL_PARSE_FAILED")))
        except RecursionError:
            return Prepared(None, ({"message": "nested too deeply", "extensions": {"code": "GRAPHQL_PARSE_FAILED"}},))
        if errors:
            return Prepared(None, tuple(_coded(errors, "GRAPHQL_VALIDATION_FAILED")))
        return Prepared(document)


def failure(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def refusal(message: str, code: str) -> Outcome:
    return Outcome(kind="refused", body=failure(message, code))


def _coded(errors: Iterable[GraphQLError], code: str) -> list[dict[str, Any]]:
    return [formatted(error, error.message, {"code": code, **(error.extensions or {})}) for error in errors]

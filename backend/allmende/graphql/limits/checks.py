"""All checks in their order: what the execution calls once for each document, and once for each request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    get_named_type,
    parse,
    specified_rules,
    validate,
)

from allmende.errors import AllmendeError
from allmende.graphql.compose import Composed
from allmende.graphql.faults import formatted
from allmende.graphql.limits.cost import Cost, Estimator, check_cost
from allmende.graphql.limits.document import check_document
from allmende.graphql.limits.model import LimitError, Limits, check
from allmende.graphql.limits.values import are_small_and_plain, check_values

MAX_ERRORS = 20
"""Of a document that are told; finding the others costs more than they are worth."""
Errors = tuple[dict[str, Any], ...]


class Checks:
    """The checks for one schema. Where it is not `introspectable`, errors do not suggest the schema's names either."""

    def __init__(self, composed: Composed, limits: Limits, *, introspectable: bool) -> None:
        self.schema, self.limits, self.introspectable = composed.schema, limits, introspectable
        city = composed.schema.get_type("City")
        fields = city.fields if isinstance(city, GraphQLObjectType) else {}
        entries = [name for kind, name in composed.ownership.fields if kind == "City" and name in fields]
        modules = {get_named_type(fields[name].type).name for name in entries}
        self.estimator = Estimator(composed.schema, modules, limits)
        closed: tuple[type[ASTValidationRule], ...] = (*specified_rules, NoSchemaIntrospectionCustomRule)
        self.rules = None if introspectable else closed

    def document(self, text: str) -> tuple[DocumentNode | None, Mapping[str, Cost], Errors]:
        """The document, with the cost of each of its operations by name; or no document, and what is wrong with it."""
        try:
            check("characters", self.limits.characters, len(text), "characters in a document")
            document = parse(text, max_tokens=self.limits.tokens)
            measure = check_document(document, self.limits)
            costs = {
                operation.name.value if operation.name else "": self.estimator.cost(operation, measure.fragments)
                for operation in measure.operations
                if isinstance(operation, OperationDefinitionNode)
            }
            errors = validate(
                self.schema,
                document,
                self.rules,
                max_errors=MAX_ERRORS,
                hide_suggestions=not self.introspectable,
            )
        except GraphQLSyntaxError as error:
            return None, {}, (self._syntax(error),)
        except AllmendeError as error:
            return None, {}, (described(error),)
        except RecursionError:
            return None, {}, (described(self._too_deep()),)
        if errors:
            return None, {}, tuple(coded(error, "GRAPHQL_VALIDATION_FAILED") for error in errors)
        return document, costs, ()

    def request(self, cost: Cost, variables: Mapping[str, Any]) -> int:
        """The cost with these variables. Raises LimitError or InputError for them, or an answer, that are too large."""
        if variables and not are_small_and_plain(variables, self.limits):
            check_values(variables, self.limits)
        if not cost.pages and cost.fixed <= self.limits.cost:
            return cost.fixed
        return check_cost(cost, variables, self.limits)

    def _syntax(self, error: GraphQLSyntaxError) -> dict[str, Any]:
        """The parser says by an error of syntax that a document is too long or too deep for it."""
        if "tokens. Parsing aborted" in error.message:
            actual = self.limits.tokens + 1
            return described(LimitError("tokens", self.limits.tokens, actual, f"more than {actual - 1} tokens"))
        if "nested too deeply" in error.message:
            return described(self._too_deep())
        return coded(error, "GRAPHQL_PARSE_FAILED")

    def _too_deep(self) -> LimitError:
        limit = self.limits.depth
        return LimitError("depth", limit, limit + 1, f"nested too deeply, {limit} levels of fields are allowed")


def described(error: AllmendeError) -> dict[str, Any]:
    """A refusal as it goes out, with the limit and what was found."""
    extensions: dict[str, Any] = {"code": error.code}
    if isinstance(error, LimitError):
        extensions |= {"limit": error.limit, "actual": min(error.actual, 10**12)}
    return {"message": error.message, "extensions": extensions}


def coded(error: GraphQLError, code: str) -> dict[str, Any]:
    return formatted(error, error.message, {"code": code, **(error.extensions or {})})

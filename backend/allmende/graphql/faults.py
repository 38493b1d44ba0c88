"""Errors as the reader may see them: with a stable code, naming the plugin, and with nothing internal."""

from __future__ import annotations

import secrets
import traceback
from typing import Any

import structlog
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

from allmende.db.outage import is_outage
from allmende.errors import AllmendeError
from allmende.graphql.ownership import Ownership

log = structlog.get_logger(__name__)

FAILURES = {"PLUGIN_FAILED", "PLUGIN_TIMEOUT"}
"""Codes of errors that are the plugin's own; the others are the reader's, or follow from these."""
NO_DATABASE = "the database cannot do this at the moment; try again later"
"""Nobody's plugin is at fault, so no breaker opens."""
MAX_MESSAGE = 500
"""Characters of a message; some quote what they were given, at whatever length."""
INTERNAL_CODES = {"INTERNAL", "SCOPE", "CONFIG", "FEED"}
"""Codes of errors that are for operators; all other AllmendeErrors are written for the reader."""


class PluginFault(GraphQLError):
    """A plugin's failure, with what the reader may know of it in `extensions`."""


def public(error: BaseException | None) -> AllmendeError | None:
    """The error, if its message is meant for whoever asked."""
    if isinstance(error, AllmendeError) and error.code not in INTERNAL_CODES:
        return error
    return None


def plugin_fault(error: BaseException, plugin: str, path: list[Any] | None = None) -> PluginFault:
    """The error for what a plugin raised: public ones as they are, everything else masked and logged."""
    shown = public(error)
    if isinstance(error, PluginFault):
        return error
    if is_outage(error):
        log.warning("database_unavailable", plugin=plugin, path=path, error=type(error).__name__)
        return _fault(NO_DATABASE, path, code="UNAVAILABLE", plugin=plugin)
    if isinstance(error, TimeoutError):
        log.warning("plugin_timeout", plugin=plugin, path=path)
        return _fault(f"{plugin} did not answer in time", path, code="PLUGIN_TIMEOUT", plugin=plugin)
    if shown is not None:
        return _fault(shown.message, path, code=shown.code, plugin=plugin)
    number = logged("plugin_failed", error, plugin=plugin, path=path)
    return _fault(f"{plugin} failed ({number})", path, code="PLUGIN_FAILED", plugin=plugin, id=number)


def unavailable(plugin: str, path: list[Any] | None) -> PluginFault:
    """The answer of an open circuit breaker."""
    return _fault(f"{plugin} is not available at the moment", path, code="PLUGIN_UNAVAILABLE", plugin=plugin)


def _fault(message: str, path: list[Any] | None, **extensions: str) -> PluginFault:
    return PluginFault(message, path=path, extensions=extensions)


def presented(
    error: GraphQLError, schema: GraphQLSchema, document: DocumentNode, ownership: Ownership
) -> dict[str, Any]:
    """An error of the execution as it goes out."""
    cause = error.original_error
    if isinstance(error, PluginFault) or isinstance(cause, PluginFault):
        fault = error if isinstance(error, PluginFault) else cause
        assert isinstance(fault, PluginFault)
        return formatted(error, fault.message, fault.extensions)
    if error.extensions and "code" in error.extensions:
        return formatted(error, error.message, error.extensions)
    shown = public(cause)
    if shown is not None:
        return formatted(error, shown.message, {"code": shown.code})
    plugin = _culprit(error, schema, document, ownership)
    if plugin is not None:
        fault = plugin_fault(cause or error, plugin, error.path)
        return formatted(error, fault.message, fault.extensions)
    if cause is not None and is_outage(cause):
        log.warning("database_unavailable", path=error.path, error=type(cause).__name__)
        return formatted(error, NO_DATABASE, {"code": "UNAVAILABLE"})
    number = logged("request_failed", cause or error, path=error.path)
    return formatted(error, f"something went wrong ({number})", {"code": "INTERNAL", "id": number})


def logged(event: str, error: BaseException, **values: Any) -> str:
    """Log an exception that the reader must not see; the number is what both sides can name."""
    number = secrets.token_hex(4)
    # The stack as text, without the values of variables: those may be somebody's personal data.
    stack = "".join(traceback.format_exception(error))
    log.error(event, id=number, error=repr(error)[:500], stack=stack, **values)
    return number


def formatted(error: GraphQLError, message: str, extensions: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"message": message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"}
    if error.locations:
        answer["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        answer["path"] = error.path
    return {**answer, "extensions": dict(extensions or {})}


class _ParentFinder(Visitor):
    """Finds the type that one field node of a document is selected on."""

    def __init__(self, info: TypeInfo, wanted: FieldNode) -> None:
        super().__init__()
        self.info, self.wanted, self.found = info, wanted, ""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.info.get_parent_type()
        if node is self.wanted and parent is not None:
            self.found = parent.name


def _culprit(error: GraphQLError, schema: GraphQLSchema, document: DocumentNode, ownership: Ownership) -> str | None:
    """Whose field a value was nonsense for: found in the document, since graphql-core only tells node and path."""
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, FieldNode):
        return None
    info = TypeInfo(schema)
    finder = _ParentFinder(info, node)
    visit(document, TypeInfoVisitor(info, finder))
    return ownership.of(finder.found, node.name.value)

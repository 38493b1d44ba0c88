"""Variables and arguments: as graphql-core and Strawberry read them, worked out ahead as far as they are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    Visitor,
    get_named_type,
    type_from_ast,
    value_from_ast,
    visit,
)
from graphql.execution.values import get_variable_values
from strawberry.types.arguments import convert_argument
from strawberry.types.field import StrawberryField

from allmende.db.direct.statement import Unplannable

Values = Mapping[str, Any]
_PLAIN: Mapping[str, type] = {"String": str, "ID": str, "Boolean": bool, "Int": int}
_PARSED = {"Date", "DateTime"}
_INT = range(-(2**31), 2**31)


class Variables:
    """The variables of an operation, by its definitions."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self.schema, self.definitions = schema, operation.variable_definitions or ()
        self.plain: dict[str, type] | None = {}
        self.parsed: dict[str, Callable[[Any], Any]] = {}
        for definition in self.definitions:
            kind = type_from_ast(schema, definition.type)
            named: Any = get_named_type(kind)
            name = definition.variable.name.value
            if not str(kind).endswith("!") or str(kind)[0] == "[" or definition.default_value is not None:
                self.plain = None
                break
            if named.name in _PARSED:
                self.parsed[name] = named.parse_value
            elif named.name not in _PLAIN:
                self.plain = None
                break
            self.plain[name] = _PLAIN.get(named.name, str)
        self.names, self.kinds = tuple(self.plain or ()), tuple((self.plain or {}).values())
        self.numbers = [name for name, kind in (self.plain or {}).items() if kind is int]

    def read(self, given: Values) -> Values:
        """The coerced values. Raises Unplannable where graphql-core has something to say against them."""
        fits = self.plain is not None and tuple(map(type, map(given.get, self.names))) == self.kinds
        if fits and all(map(_INT.__contains__, map(given.get, self.numbers))):
            return self._parse(given) if self.parsed else given
        found = get_variable_values(self.schema, self.definitions, dict(given))
        if isinstance(found, list):
            raise Unplannable("variables that graphql-core refuses")
        return found.coerced

    def _parse(self, given: Values) -> Values:
        values = dict(given)
        for name, parse in self.parsed.items():
            try:
                values[name] = parse(values[name])
            except GraphQLError as error:
                raise Unplannable("variables that graphql-core refuses") from error
        return values


class Arguments:
    """The arguments of one field, as its resolver takes them."""

    def __init__(self, schema: GraphQLSchema, node: FieldNode, field: GraphQLField) -> None:
        declared: StrawberryField = field.extensions["strawberry-definition"]
        if declared.extensions or declared.permission_classes:
            raise Unplannable("a field with extensions")
        strawberry_schema = schema._strawberry_schema  # type: ignore[attr-defined]
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        python = {strawberry_schema.config.name_converter.from_argument(one): one for one in declared.arguments}
        fixed: dict[str, Any] = {}
        reading = _Reading()
        for name, argument in field.args.items():
            one = python[name]
            convert = _converter(one, strawberry_schema, argument.type)
            default = argument.default_value
            value = given.get(name)
            if value is None:
                if default is not Undefined:
                    fixed[one.python_name] = convert(default) if convert else default
            elif isinstance(value, VariableNode):
                reading.variable(one.python_name, value.name.value, argument.type, default, convert)
            elif _has_variables(value):
                reading.nested(one.python_name, _nested(value, argument.type, convert))
            else:
                found = _checked(value_from_ast(value, argument.type))
                fixed[one.python_name] = convert(found) if convert else found
        self.read: Callable[[Values], dict[str, Any]] = reading.made(fixed)


class _Reading:
    """Writes the function that reads the arguments from the variables, which Python compiles; what clients have named
    is in it as strings. For `(first: 10, from: $from)` it is

        def read(variables):
            values = {"first": fixed["first"]}
            if (x := variables.get("from", undefined)) is not undefined:
                values["since"] = x
            return values
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"undefined": Undefined, "refuse": _refuse}
        self.lines: list[str] = []

    def variable(self, argument: str, name: str, kind: Any, default: Any, convert: Any) -> None:
        value = f"variables.get({name!r}, {self._named(default)})"
        self.lines.append(f"    if (x := {value}) is not undefined:")
        if isinstance(kind, GraphQLNonNull):
            self.lines.append(f"        x is None and refuse({name!r})")
        self.lines.append(f"        values[{argument!r}] = {f'{self._named(convert)}(x)' if convert else 'x'}")

    def nested(self, argument: str, read: Callable[[Values], Any]) -> None:
        self.lines.append(f"    values[{argument!r}] = {self._named(read)}(variables)")

    def made(self, fixed: Mapping[str, Any]) -> Callable[[Values], dict[str, Any]]:
        known = ", ".join(f"{name!r}: {self._named(value)}" for name, value in fixed.items())
        source = "\n".join(["def read(variables):", f"    values = {{{known}}}", *self.lines, "    return values"])
        exec(compile(source, "<arguments of a plan>", "exec"), self.names)
        read: Callable[[Values], dict[str, Any]] = self.names["read"]
        return read

    def _named(self, value: Any) -> str:
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name


def _refuse(name: str) -> None:
    raise Unplannable(f"${name} is null")


def _nested(node: Any, kind: Any, convert: Any) -> Callable[[Values], Any]:
    def read(variables: Values) -> Any:
        value = _checked(value_from_ast(node, kind, dict(variables)))
        return convert(value) if convert else value

    return read


def _checked(value: Any) -> Any:
    if value is Undefined:
        raise Unplannable("an argument that graphql-core refuses")
    return value


def _converter(argument: Any, schema: Any, kind: Any) -> Callable[[Any], Any] | None:
    """What Strawberry makes of the value; None where it stays as it is."""
    if isinstance(get_named_type(kind), GraphQLScalarType) and "[" not in str(kind):
        return None
    registry = schema.schema_converter.scalar_registry
    return lambda value: convert_argument(value, argument.type, registry, schema.config)


class _Finder(Visitor):
    found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True


def _has_variables(node: Any) -> bool:
    finder = _Finder()
    visit(node, finder)
    return finder.found

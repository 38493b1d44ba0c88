"""From rows to the answer: a function is written for exactly the selected fields, and compiled by Python.

For `{ id start venue { name } }` it is

    def encode(rows, ctx, zone, shared):
        return [Item(v0, zone[v1], Venue(v2) if v2 else None) for v0, v1, v2 in rows]

where Item and Venue are structs made for the selection: quicker to make and to encode than a dict is, and with the same
JSON. `plain` makes dicts of them for who wants to look at an answer.

Whatever does not come out as declared (a null where none may be, an object of another type) raises Unplannable, and
graphql-core gives the answer, with its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import msgspec
from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
)
from msgspec import Struct
from sqlalchemy import Dialect

from allmende.db.direct.reader import decoder, moment
from allmende.db.direct.statement import Unplannable
from allmende.db.table import UtcDateTime
from allmende.graphql.plan.arguments import Arguments
from allmende.graphql.plan.complete import Complete, bad, completed, declaration, origin_of, struct_of
from allmende.graphql.plan.declare import PLAN, Column, Computed, Part, Translated
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.fragments import key_of
from allmende.graphql.plan.kin import Children, Same
from allmende.graphql.plan.values import DAYS, TRUTH, Kept, Steady


class Child(Struct, eq=False):
    """What is shown below each row of its children, see `below.py`."""

    declared: Children
    arguments: Arguments
    encoder: RowEncoder
    """Of their rows; the first column says whose they are."""
    place: int
    """Where in a row is what its children know it by."""
    kept: slice
    """Which of the values that the whole list keeps are the children's."""


_RAW = {"String": str, "ID": str, "Int": int, "Float": float, "Boolean": bool}


class RowEncoder:
    """The columns that a selection needs, and the function that makes an answer of such rows."""

    def __init__(
        self,
        kind: GraphQLObjectType,
        selected: Selected,
        case: Case,
        dialect: Dialect,
        once: Sequence[Column] = (),
        columns: list[Column] | None = None,
        keyed: bool = False,
    ) -> None:
        self.case, self.dialect = case, dialect
        self.columns = [] if columns is None else columns
        """What is fetched. Where others share the rows, those that they need as well."""
        self.steady: list[Callable[[Any], Kept]] = []
        self.children: list[Child] = []
        """What is to be read once the rows are there; `shared` has it then, by child and key. The answer of such a row
        does not follow from the row alone."""
        self.lasting = True
        """Whether what is made of a row depends on nothing but its columns, the city and the language."""
        self.floats: set[int] = set()
        self.names: dict[str, Any] = {"bad": bad, "truth": TRUTH, "days": DAYS, "moment": moment, "isfinite": isfinite}
        self.names["none"] = frozenset((None, "null", "{}"))  # JSON that says nothing
        self.once = [self.place(column) for column in once]
        """Where the columns are in which rows must differ, to be shown both."""
        shape = self._shape(kind, case.select(kind, selected.nodes))
        key = key_of(self.columns) if keyed and self.lasting else None
        self.key = None if key is None else self.place(key)
        """Where in a row its key is; None where what is made of it cannot be kept."""
        self.keys = () if key is None else (key,)
        given = ", ".join(["rows", "ctx", "zone", "shared", *(f"kept{number}" for number in range(len(self.steady)))])
        row = "".join(f"v{number}, " for number in range(len(self.columns))) or "_"
        self.source = f"def encode({given}):\n"
        for place in sorted(self.floats):  # JSON has neither NaN nor infinity, and a sum shows both
            self.source += f"    isfinite(sum([r[{place}] or 0.0 for r in rows])) or bad()\n"
        self.source += f"    return [{shape} for {row} in rows]\n"
        exec(compile(self.source, f"<plan of {kind.name}>", "exec"), self.names)
        self.encode: Callable[..., list[Any]] = self.names["encode"]

    def _shape(self, kind: GraphQLObjectType, fields: Sequence[Selected]) -> str:
        values = [self._value(kind, each) for each in fields]
        return f"{self._made(kind.name, [each.key for each in fields])}({', '.join(values)})"

    def _made(self, kind: str, keys: Sequence[str]) -> str:
        """The name of a struct with these keys."""
        name = f"{kind}_{len(self.names)}"
        self.names[name] = struct_of(kind, keys)
        return name

    def _value(self, kind: GraphQLObjectType, selected: Selected) -> str:
        if selected.name == "__typename":
            return repr(kind.name)
        field = kind.fields[selected.name]
        plan = declaration(field).metadata.get(PLAN)
        where = f"{kind.name}.{selected.name}"
        if isinstance(plan, Computed):
            return self._computed(plan, field.type, selected)
        if isinstance(plan, Translated):
            return self._translated(plan, field.type, where)
        if isinstance(plan, Part):
            return self._part(plan, field.type, selected)
        if isinstance(plan, Same):
            return self._same(plan, field.type, selected)
        if isinstance(plan, Children):
            return self._children(plan, kind, selected)
        if plan is None:
            raise Unplannable(f"{where} is not declared")
        return self._column(plan, field.type, where)

    def place(self, column: Column) -> int:
        """Where in a row the column is; from now on it is one of those that are fetched."""
        return place_in(self.columns, column)

    def _raw(self, column: Column) -> str:
        return f"v{self.place(column)}"

    def _column(self, column: Column, kind: GraphQLOutputType, where: str) -> str:
        named = get_named_type(kind)
        plain = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        raw = self._raw(column)
        python = column.type.python_type
        if plain is not named or (
            named.name != "DateTime" and _RAW.get(named.name) is not python and named.name != "Date"
        ):
            raise Unplannable(f"{where}: no {kind} comes from a column of {python.__name__}")
        if named.name == "DateTime":
            if not isinstance(column.type, UtcDateTime):
                raise Unplannable(f"{where}: no instant")
            value = f"zone[{raw}]"
        elif named.name == "Date":
            value = f"days[{raw}]"
        elif python is bool:
            value = f"truth[{raw}]" if self.dialect.name == "sqlite" else raw
        elif python is float:
            self.floats.add(self.place(column))
            value = raw
        else:
            value = raw
        if isinstance(kind, GraphQLNonNull) and column.property.columns[0].nullable:
            value = f"(y if (y := {value}) is not None else bad())"
        return value

    def _computed(self, plan: Computed, kind: GraphQLOutputType, selected: Selected) -> str:
        number = len(self.names)
        done = completed(kind, selected, self.case)
        raws = [self._raw(column) for column in plan.columns]
        decoders = [decoded(column, self.dialect) for column in plan.columns]
        if plan.steady:
            self.steady.append(_keeper(plan.function, decoders, done))
            key = raws[0] if len(raws) == 1 else f"({', '.join(raws)},)" if raws else "()"
            return f"kept{len(self.steady) - 1}[{key}]"
        self.lasting = False
        self.names |= {f"f{number}": plan.function, f"done{number}": done}
        arguments = []
        for place, (raw, decode) in enumerate(zip(raws, decoders, strict=True)):
            if decode is not None:
                self.names[f"d{number}_{place}"] = decode
                raw = f"d{number}_{place}({raw})"
            arguments.append(raw)
        given = ["ctx", f"shared.get({plan.given!r})"] if plan.given else ["ctx"]
        return f"done{number}(f{number}({', '.join([*given, *arguments])}))"

    def _translated(self, plan: Translated, kind: GraphQLOutputType, where: str) -> str:
        if get_named_type(kind).name != "String" or isinstance(kind, GraphQLList):
            raise Unplannable(f"{where}: a translated text is a String")
        local, decode = f"f{len(self.names)}", decoded(plan.translations, self.dialect)
        self.names[local] = lambda ctx, own, raw: plan.text(ctx, own, decode(raw) if decode else raw)
        own, raw = self._raw(plan.own), self._raw(plan.translations)
        otherwise = f"{own} or None" if plan.optional else own
        value = f"{otherwise} if {raw} in none else {local}(ctx, {own}, {raw})"
        return f"(y if (y := {value}) is not None else bad())" if isinstance(kind, GraphQLNonNull) else f"({value})"

    def _same(self, plan: Same, kind: GraphQLOutputType, selected: Selected) -> str:
        named = get_named_type(kind)
        if not isinstance(named, GraphQLObjectType) or origin_of(named) is not plan.kind:
            raise Unplannable("the same row as another type")
        return self._shape(named, self.case.select(named, selected.nodes))

    def _children(self, plan: Children, kind: GraphQLObjectType, selected: Selected) -> str:
        field = kind.fields[selected.name]
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType) or origin_of(named) is not plan.kind:
            raise Unplannable("children of another type")
        encoder = RowEncoder(named, selected, self.case, self.dialect, columns=[plan.by])
        if encoder.children:
            raise Unplannable("children of children")
        begin = len(self.steady)
        self.steady += encoder.steady
        arguments, place = Arguments(self.case.schema, selected.nodes[0], field), self.place(plan.of)
        name = f"child{len(self.names)}"
        child = self.names[name] = Child(plan, arguments, encoder, place, slice(begin, len(self.steady)))
        self.children.append(child)
        self.lasting = False
        return f"shared[{name}].get(v{place}, [])"

    def _part(self, plan: Part, kind: GraphQLOutputType, selected: Selected) -> str:
        named = get_named_type(kind)
        if not isinstance(named, GraphQLObjectType) or origin_of(named) is not plan.kind:
            raise Unplannable("a part of another type")
        shape = []
        fields = self.case.select(named, selected.nodes)
        for each in fields:
            if each.name == "__typename":
                shape.append(repr(named.name))
                continue
            field = named.fields[each.name]
            source = plan.fields.get(declaration(field).python_name)
            if source is None or declaration(field).base_resolver is not None:
                raise Unplannable(f"{named.name}.{each.name} is not declared")
            value = (
                self._part(source, field.type, each)
                if isinstance(source, Part)
                else self._column(source, field.type, f"{named.name}.{each.name}")
            )
            shape.append(value)
        there = [f"{raw} is not None and {raw} != ''" for raw in map(self._raw, plan.all_of)]
        if plan.any_of:
            there.append(" or ".join(f"{raw} is not None and {raw} != ''" for raw in map(self._raw, plan.any_of)))
        condition = " and ".join(f"({each})" for each in there)
        otherwise = "bad()" if isinstance(kind, GraphQLNonNull) else "None"
        made = f"{self._made(named.name, [each.key for each in fields])}({', '.join(shape)})"
        return f"({made} if {condition} else {otherwise})" if condition else made


def place_in(columns: list[Column], column: Column) -> int:
    """Where the column is; at the end, if it was not there."""
    for number, known in enumerate(columns):
        if known.class_ is column.class_ and known.key == column.key:
            return number
    columns.append(column)
    return len(columns) - 1


def plain(answer: Any) -> Any:
    """The answer with a dict for every object, and for what is JSON already."""
    return msgspec.json.decode(msgspec.json.encode(answer))


def _keeper(function: Callable[..., Any], decoders: Sequence[Any], done: Complete) -> Callable[[Any], Kept]:
    def keep(ctx: Any) -> Kept:
        def make(key: Any) -> Any:
            raws = key if len(decoders) != 1 else (key,)
            values = [decode(raw) if decode else raw for decode, raw in zip(decoders, raws, strict=True)]
            return done(function(ctx, *values))

        return Steady(make)

    return keep


def decoded(column: Column, dialect: Dialect) -> Complete | None:
    """What makes the Python value of what the driver gives; None where they are the same."""
    if isinstance(column.type, UtcDateTime):
        return moment
    return decoder(column.property.columns[0], dialect)

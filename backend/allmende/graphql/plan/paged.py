"""Fields that are declared as pages: a statement for the page, one for the count, and the parts of the connection.

Only what is selected is asked for and made: no count without `totalCount`, no cursor where none is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLObjectType, get_named_type
from msgspec import Struct

from allmende.db.direct.reader import Reader
from allmende.db.direct.reader import Rows as Found
from allmende.db.direct.statement import Unplannable
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.complete import struct_of
from allmende.graphql.plan.declare import Column, Pages
from allmende.graphql.plan.encode import Child, RowEncoder, decoded, place_in
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.lists import Place, Question, Texts, asked_by
from allmende.graphql.plan.values import Kept


class _Page(Struct, frozen=True, eq=False):
    """One page, read."""

    question: Question
    rows: Found
    more: bool
    total: int
    place: Place


Make = Callable[[_Page], Any]


class Paged:
    """A connection."""

    nothing: Any = None

    def __init__(self, module: GraphQLObjectType, selected: Selected, pages: Pages, case: Case, reader: Reader) -> None:
        field = module.fields[selected.name]
        kind = _object(field.type)
        self.key, self.pages, self.case, self.reader = selected.key, pages, case, reader
        self.texts, self.counts = Texts(reader), Texts(reader)
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.columns: list[Column] = []
        for _ in range(2):  # an encoder unpacks all columns of a row, and those of all are known the second time
            self.counted = self.read = False
            self.steady: list[Callable[[Any], Kept]] = []
            self.children: list[Child] = []
            self.make = self._fields(kind, selected, self._part)

    async def ask(self, module: Any, variables: Values) -> Question | None:
        given = self.arguments.read(variables)
        prepared = await asked_by(self.pages.ask, module, given)
        if prepared is None:
            raise Unplannable("no statement to turn the pages of")
        first, after = given["first"], given.get("after")
        page = self.pages.paging.page(prepared, first, after)
        asks = [self.texts.ask(page, self.columns)] if self.read else []
        if self.counted:
            count = self.pages.paging.count(prepared)
            asks.append(self.counts.ask(count, list(count.statement.selected_columns)))
        return Question(prepared, asks, first=first, begun=after is not None)

    def encode(self, question: Question, found: Sequence[Found], place: Place) -> Any:
        rows = found[0] if self.read else ()
        total = found[-1][0][0] if self.counted else 0
        first = question.first
        return self.make(_Page(question, rows[:first], len(rows) > first, total, place))

    def _fields(
        self, kind: GraphQLObjectType, selected: Selected, part: Callable[[GraphQLObjectType, Selected], Make]
    ) -> Make:
        """What makes an object of the selected fields, each made by `part`."""
        fields = self.case.select(kind, selected.nodes)
        made = struct_of(kind.name, [each.key for each in fields])
        makes = [_named(kind) if each.name == "__typename" else part(kind, each) for each in fields]
        return lambda page: made(*[make(page) for make in makes])

    def _part(self, kind: GraphQLObjectType, selected: Selected) -> Make:
        if selected.name == "totalCount":
            self.counted = True
            return lambda page: page.total
        self.read = True
        below = _object(kind.fields[selected.name].type)
        if selected.name == "nodes":
            return self._nodes(below, selected)
        if selected.name == "edges":
            return self._edges(below, selected)
        if selected.name == "pageInfo":
            return self._fields(below, selected, self._info)
        raise Unplannable(f"{kind.name}.{selected.name} is not declared")

    def _nodes(self, kind: GraphQLObjectType, selected: Selected) -> Make:
        encoder = RowEncoder(kind, selected, self.case, self.reader.dialect, columns=self.columns)
        begin = len(self.steady)
        self.steady += encoder.steady
        for child in encoder.children:
            child.kept = slice(child.kept.start + begin, child.kept.stop + begin)
        self.children += encoder.children
        mine = slice(begin, len(self.steady))

        def make(page: _Page) -> Any:
            place = page.place
            return encoder.encode(page.rows, place.ctx, place.zone, place.shared(page.question), *place.kept[mine])

        return make

    def _edges(self, kind: GraphQLObjectType, selected: Selected) -> Make:
        """The fields of all edges, column by column."""
        fields = self.case.select(kind, selected.nodes)
        made = struct_of(kind.name, [each.key for each in fields])
        makes: list[Make] = []
        for each in fields:
            if each.name == "cursor":
                makes.append(self._cursors())
            elif each.name == "node":
                makes.append(self._nodes(_object(kind.fields["node"].type), each))
            else:
                makes.append(lambda page: [kind.name] * len(page.rows))
        return lambda page: [made(*values) for values in zip(*[make(page) for make in makes], strict=True)]

    def _info(self, kind: GraphQLObjectType, selected: Selected) -> Make:
        if selected.name == "hasNextPage":
            return lambda page: page.more
        if selected.name == "hasPreviousPage":
            return lambda page: page.question.begun
        cursor, place = self._cursor(), {"startCursor": 0, "endCursor": -1}[selected.name]
        return lambda page: cursor(page.rows[place]) if page.rows else None

    def _cursors(self) -> Make:
        cursor = self._cursor()
        return lambda page: [cursor(row) for row in page.rows]

    def _cursor(self) -> Callable[[Any], str]:
        """What makes of a row its cursor."""
        order = self.pages.paging.order
        places = [(place_in(self.columns, column), decoded(column, self.reader.dialect)) for column, _ in order]
        made = self.pages.paging.cursor
        return lambda row: made([row[place] if decode is None else decode(row[place]) for place, decode in places])


def _object(kind: Any) -> GraphQLObjectType:
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType):
        raise Unplannable(f"{named.name} is abstract")
    return named


def _named(kind: GraphQLObjectType) -> Make:
    return lambda page: kind.name

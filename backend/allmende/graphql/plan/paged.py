"""Fields that are declared as pages: a statement for the page, one for the count, and the parts of the connection.

Only what is selected is asked for and made: no count without `totalCount`, no cursor where none is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLObjectType, get_named_type
from msgspec import Raw, Struct
from msgspec.structs import replace

from allmende.context import Context
from allmende.db.direct.reader import Reader
from allmende.db.direct.reader import Rows as Found
from allmende.db.direct.statement import Unplannable
from allmende.db.prepared import Prepared
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.complete import struct_of
from allmende.graphql.plan.declare import Column, Pages
from allmende.graphql.plan.encode import Child, RowEncoder, decoded, place_in
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.fragments import Fragments, Memory, key_of, tables_of
from allmende.graphql.plan.lists import Keeping, Place, Question, Texts
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

    def __init__(self, module: GraphQLObjectType, selected: Selected, pages: Pages, case: Case, reader: Reader) -> None:
        field = module.fields[selected.name]
        kind = _object(field.type)
        self.key, self.pages, self.case, self.reader = selected.key, pages, case, reader
        self.texts, self.counts = Texts(reader), Texts(reader)
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.method = pages.ask
        self.columns: list[Column] = []
        self._compile(kind, selected)
        # An encoder unpacks all columns of a row, and those of all are known only now. First come those that are read
        # where the rest is known.
        key = key_of(self.columns) if self.shown and all(each.lasting for each in self.shown) else None
        self.keys: list[Column] = []
        if key is not None:
            for column in (key, *self.ordered):
                place_in(self.keys, column)
        known, self.columns = self.columns, list(self.keys)
        for column in known:
            place_in(self.columns, column)
        self._compile(kind, selected)
        self.keyed = Texts(reader)

    def _compile(self, kind: GraphQLObjectType, selected: Selected) -> None:
        self.counted = self.read = False
        self.steady: list[Callable[[Any], Kept]] = []
        self.children: list[Child] = []
        self.shown: list[RowEncoder] = []
        self.ordered: list[Column] = []
        self.make = self._fields(kind, selected, self._part)

    def keep(self, ctx: Context[Any], memory: Memory) -> Keeping:
        """What is made for this city and language once."""
        fragments = [Fragments(memory) for _ in self.shown] if self.keys and memory.capacity else ()
        return Keeping([make(ctx) for make in self.steady], fragments, tables_of(self.columns))

    def nothing(self) -> Any:
        """What is shown where there is nothing to ask."""
        raise Unplannable("no statement to turn the pages of")

    def question(self, prepared: Prepared, given: Values, city: str, kept: Keeping) -> Question:
        """What is asked, where the method gave this for these arguments."""
        first, after = given["first"], given.get("after")
        page = self.pages.paging.page(prepared, first, after)
        keyed = kept.complete
        asks = []
        if self.read:
            asks.append(self.keyed.ask(page, self.keys) if keyed else self.texts.ask(page, self.columns))
        if self.counted:
            count = self.pages.paging.count(prepared)
            asks.append(self.counts.ask(count, list(count.statement.selected_columns)))
        before = None if keyed else kept.before(city)
        return Question(prepared, asks, page, keyed=keyed, before=before, first=first, begun=after is not None)

    def again(self, question: Question, city: str, kept: Keeping) -> Question:
        """What is asked where `encode` lacks something."""
        asks = [self.texts.ask(question.asked, self.columns), *question.asks[1:]]
        return replace(question, asks=asks, keyed=False, before=kept.before(city))

    def encode(self, question: Question, found: Sequence[Found], place: Place) -> Any:
        """The connection. Raises Lacking."""
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
        begin, number = len(self.steady), len(self.shown)
        self.steady += encoder.steady
        for child in encoder.children:
            child.kept = slice(child.kept.start + begin, child.kept.stop + begin)
        self.children += encoder.children
        self.shown.append(encoder)
        mine = slice(begin, len(self.steady))

        def make(page: _Page) -> Any:
            place, question = page.place, page.question
            if question.keyed:
                return list(map(Raw, place.kept.fragments[number].get([row[0] for row in page.rows])))

            def made(rows: Found) -> list[Any]:
                zone, steady = place.values()
                return encoder.encode(rows, place.ctx, zone, place.shared(question), *steady[mine])

            if question.before is None:
                return made(page.rows)
            keys = [row[0] for row in page.rows]
            return list(map(Raw, place.kept.fragments[number].put(keys, page.rows, made, question.before)))

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
        self.ordered = [column for column, _ in order]
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

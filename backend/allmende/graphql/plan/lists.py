"""Fields of a module that show rows: what they ask of the database, and what is made of what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from graphql import GraphQLObjectType, get_named_type
from msgspec import Struct

from allmende.context import Context
from allmende.db.direct.reader import SECONDS, Ask, Reader
from allmende.db.direct.reader import Rows as Found
from allmende.db.direct.statement import Text, Unplannable
from allmende.db.prepared import Prepared, Template
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.declare import Rows
from allmende.graphql.plan.encode import RowEncoder
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.values import Kept
from allmende.isolation import bounded

TEXTS = 200
"""Shapes of a statement that a field keeps compiled."""


class Question(Struct, frozen=True, eq=False):
    """What one field asks for one answer."""

    prepared: Prepared
    """What the plugin's method gave."""
    asks: Sequence[Ask]
    instead: Ask | None = None
    """Asked where the first of `asks` finds too little."""
    first: int = 0
    """Rows of a page; one more is asked for, to see whether there are more."""
    begun: bool = False
    """Whether the page goes on behind a cursor."""


class Place(Struct, eq=False):
    """For whom an answer is made."""

    ctx: Context[Any]
    zone: Kept
    kept: Sequence[Kept]
    """What the field keeps for this city and language: `steady`."""
    below: Mapping[Any, Any] = {}
    """The children of the rows, see `below.py`."""

    def shared(self, question: Question) -> Mapping[str, Any]:
        """What the rows of the answer have in common."""
        return {**question.prepared.shared, **self.below} if self.below else question.prepared.shared


class Texts:
    """The compiled statements of one field."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.known: dict[tuple[Template, Any], Text] = {}

    def ask(self, prepared: Prepared, columns: Sequence[Any]) -> Ask:
        key = (prepared.template, prepared.shape)
        text = self.known.get(key)
        if text is None:
            if len(self.known) >= TEXTS:
                self.known.clear()
            text = self.known[key] = self.reader.compile(prepared, columns or [prepared.statement.selected_columns[0]])
        return Ask(prepared, text)


async def asked_by(ask: Callable[..., Any], module: Any, arguments: Any) -> Prepared | None:
    """What the plugin's method asks. Whatever it raises, graphql-core will meet again and put into words."""
    asked = ask(module, **arguments)
    prepared = await bounded(asked, SECONDS) if asyncio.iscoroutine(asked) else asked
    if prepared is not None and not isinstance(prepared, Prepared):
        raise Unplannable("objects instead of a statement")
    return prepared


class Listed:
    """A field that is declared as rows: a statement, and an encoder of what it finds."""

    def __init__(self, module: GraphQLObjectType, selected: Selected, rows: Rows, case: Case, reader: Reader) -> None:
        field = module.fields[selected.name]
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType):
            raise Unplannable(f"{kind.name} is abstract")
        self.key, self.rows, self.texts = selected.key, rows, Texts(reader)
        self.arguments = Arguments(case.schema, selected.nodes[0], field)
        self.encoder = RowEncoder(kind, selected, case, reader.dialect, rows.once)
        self.steady, self.children = self.encoder.steady, self.encoder.children
        self.nothing: Any = [] if rows.many else None

    async def ask(self, module: Any, variables: Values) -> Question | None:
        """None where there is nothing to ask, and `nothing` to show."""
        prepared = await asked_by(self.rows.ask, module, self.arguments.read(variables))
        if prepared is None:
            return None
        other = prepared.otherwise
        instead = self.texts.ask(other, self.encoder.columns) if other is not None else None
        return Question(prepared, (self.texts.ask(prepared, self.encoder.columns),), instead)

    def encode(self, question: Question, found: Sequence[Found], place: Place) -> Any:
        (rows,) = found
        if self.encoder.once:
            same = itemgetter(*self.encoder.once)
            rows = list({same(row): row for row in reversed(rows)}.values())[::-1]
        shared = place.shared(question)
        if self.rows.many:
            return self.encoder.encode(rows, place.ctx, place.zone, shared, *place.kept)
        made = self.encoder.encode(rows[:1], place.ctx, place.zone, shared, *place.kept)
        return made[0] if made else None

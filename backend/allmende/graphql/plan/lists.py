"""Fields of a module that show rows: what they ask of the database, and what is made of what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from graphql import GraphQLObjectType, get_named_type
from msgspec import Raw, Struct

from allmende.context import Context
from allmende.db.direct.kept import Standing
from allmende.db.direct.reader import SECONDS, Ask, Reader
from allmende.db.direct.reader import Rows as Found
from allmende.db.direct.statement import Text, Unplannable
from allmende.db.prepared import Prepared, Template
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.declare import Rows
from allmende.graphql.plan.encode import RowEncoder
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.fragments import Fragments, Lacking, Memory, firsts, tables_of
from allmende.graphql.plan.values import Kept
from allmende.isolation import bounded

TEXTS = 200
"""Shapes of a statement that a field keeps compiled."""
TRUST = 20
"""So many times in a row a single row must have been known before its key alone is asked for: guessing wrong costs a
second statement, and of one row the key costs nearly as much as the row."""


class Question(Struct, frozen=True, eq=False):
    """What one field asks for one answer."""

    prepared: Prepared
    """What the plugin's method gave."""
    asks: Sequence[Ask]
    asked: Prepared
    """What the first of `asks` asks: `prepared`, what is asked instead of it, or a page of it."""
    keyed: bool = False
    """Whether keys are asked for, in the hope that what they stand for is known."""
    before: Standing | None = None
    """What the board showed before rows are read that are to be kept."""
    first: int = 0
    """Rows of a page; one more is asked for, to see whether there are more."""
    begun: bool = False
    """Whether the page goes on behind a cursor."""


class Keeping(Struct, frozen=True, eq=False):
    """What a field keeps for one city and language."""

    steady: Sequence[Kept]
    fragments: Sequence[Fragments]
    """For each place where it shows rows; none where what is made of rows does not last."""
    tables: frozenset[str]
    """Those that fragments rest on."""

    @property
    def complete(self) -> bool:
        """Whether keys are likely to be enough."""
        for each in self.fragments:
            if not each.complete:
                return False
        return bool(self.fragments)

    def before(self, city: str) -> Standing | None:
        """What the board shows now; None where nothing is to be kept."""
        return self.fragments[0].memory.kept.before(city, self.tables) if self.fragments else None


class Place(Struct, eq=False):
    """For whom an answer is made."""

    ctx: Context[Any]
    zone: Kept
    kept: Keeping
    below: Mapping[Any, Any] = {}
    """The children of the rows, see `below.py`."""

    def shared(self, question: Question) -> Mapping[str, Any]:
        """What the rows of the answer have in common."""
        return {**question.prepared.shared, **self.below} if self.below else question.prepared.shared

    def values(self) -> tuple[Kept, Sequence[Kept]]:
        """What is worked out of single columns: instants, and what is steady. Where the JSON of rows is kept, each row
        comes by here once, so none of these values would be asked for again."""
        if self.kept.fragments:
            return Kept(self.zone.make), [Kept(each.make) for each in self.kept.steady]
        return self.zone, self.kept.steady


class Texts:
    """The compiled statements of one field, for their rows or for their keys."""

    def __init__(self, reader: Reader, *, keys: bool = False) -> None:
        self.reader, self.keys = reader, keys
        self.known: dict[tuple[Template, Any], Text] = {}

    def ask(self, prepared: Prepared, columns: Sequence[Any]) -> Ask:
        key = (prepared.template, prepared.shape)
        text = self.known.get(key)
        if text is None:
            if len(self.known) >= TEXTS:
                self.known.clear()
            shown = columns or [prepared.statement.selected_columns[0]]
            text = self.known[key] = self.reader.compile(prepared, shown, keys=self.keys)
        return Ask(prepared, text)


async def settled(asked: Any) -> Prepared | None:
    """What the plugin's method asks, where that is no statement yet. Whatever it raises, graphql-core will meet again
    and put into words."""
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
        self.method = rows.ask
        self.encoder = RowEncoder(kind, selected, case, reader.dialect, rows.once, keyed=True)
        self.alike = itemgetter(*self.encoder.once) if rows.once else None
        self.children = self.encoder.children
        self.keys = Texts(reader, keys=True)
        self.tables = tables_of(self.encoder.columns)

    def keep(self, ctx: Context[Any], memory: Memory) -> Keeping:
        """What is made for this city and language once."""
        keyed = self.encoder.key is not None and memory.capacity
        fragments = [Fragments(memory, 1 if self.rows.many else TRUST)] if keyed else ()
        return Keeping([make(ctx) for make in self.encoder.steady], fragments, self.tables)

    def nothing(self) -> Any:
        """What is shown where there is nothing to ask, or to be found."""
        return [] if self.rows.many else None

    def question(self, prepared: Prepared, given: Values, city: str, kept: Keeping) -> Question:
        """What is asked, where the method gave this for these arguments."""
        if kept.complete and prepared.otherwise is None:
            return Question(prepared, (self.keys.ask(prepared, self.encoder.keys),), prepared, keyed=True)
        return self._whole(prepared, prepared, city, kept)

    def again(self, question: Question, city: str, kept: Keeping) -> Question:
        """What is asked where `encode` lacks something."""
        return self._whole(question.prepared, question.prepared.otherwise or question.prepared, city, kept)

    def _whole(self, prepared: Prepared, asked: Prepared, city: str, kept: Keeping) -> Question:
        return Question(prepared, (self.texts.ask(asked, self.encoder.columns),), asked, before=kept.before(city))

    def encode(self, question: Question, found: Sequence[Found], place: Place) -> Any:
        """The list, or the one object. Raises Lacking."""
        (rows,) = found
        if question.asked.otherwise is not None and len(rows) < question.asked.enough:
            raise Lacking
        if not self.rows.many:
            rows = rows[:1]
        if not rows:
            return self.nothing()
        if question.keyed:
            parts = place.kept.fragments[0].get(rows)
        elif question.before is not None:
            keys = [row[self.encoder.key] for row in rows]
            alike = list(map(self.alike, rows)) if self.alike else ()
            make = partial(self._made, question=question, place=place)
            parts = place.kept.fragments[0].put(keys, rows, make, question.before, alike)
        else:
            made = self._made(firsts(list(map(self.alike, rows)), rows) if self.alike else rows, question, place)
            return made if self.rows.many else made[0]
        return Raw(b"[%b]" % b",".join(parts)) if self.rows.many else Raw(parts[0])

    def _made(self, rows: Found, question: Question, place: Place) -> list[Any]:
        zone, steady = place.values()
        return self.encoder.encode(rows, place.ctx, zone, place.shared(question), *steady)

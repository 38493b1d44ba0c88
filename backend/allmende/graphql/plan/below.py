"""The children of the rows of one field: one more statement for each selection of them, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from allmende.db.direct.reader import Reader
from allmende.db.direct.reader import Rows as Found
from allmende.graphql.plan.arguments import Values
from allmende.graphql.plan.encode import Child
from allmende.graphql.plan.lists import Place, Texts


class Below:
    """All that is shown below the rows of a field."""

    def __init__(self, children: Iterable[Child], reader: Reader) -> None:
        self.reader = reader
        self.children = [(child, Texts(reader)) for child in children]

    async def read(self, place: Place, rows: Found, variables: Values) -> Mapping[Child, Mapping[Any, list[Any]]]:
        """The children as they are shown, by what the rows know them by."""
        asked = []
        below: dict[Child, dict[Any, list[Any]]] = {}
        for child, texts in self.children:
            below[child] = {}
            parents = (row[child.place] for row in rows)
            prepared = child.declared.asked(place.ctx, parents, child.arguments.read(variables))
            if prepared is not None:
                asked.append((child, prepared, texts.ask(prepared, child.encoder.columns)))
        found = await self.reader.read(place.ctx.city.slug, [ask for *_, ask in asked]) if asked else ()
        for (child, prepared, _), mine in zip(asked, found, strict=True):
            shown = child.encoder.encode(mine, place.ctx, place.zone, prepared.shared, *place.kept.steady[child.kept])
            for row, each in zip(mine, shown, strict=True):
                below[child].setdefault(row[0], []).append(each)
        return below

"""Writing and asking the search index. Written in the import's transaction, asked with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Context, Database
from allmende.db.prepared import prepared
from allmende.db.table import FeedTable
from allmende.errors import InputError
from allmende.search.fold import query, terms
from allmende.search.tables import SearchTerm

TITLE, TEXT = 3, 1
MAX_TERMS = 300
"""Terms of one row; a longer text is found by its beginning."""
BEGINNING = 4
"""Letters that a stem must have for words that begin with it to be found: `Häuser` finds `Hausmüll`, `ältere` (whose
stem is `alt`) not `Altstadt`."""
MAX_TEXT = 20_000
CHUNK = 400
CAP = 200


class Found(NamedTuple):
    """One row that a search has found, best first."""

    plugin: str
    kind: str
    id: str
    score: float


async def index_rows(
    session: AsyncSession,
    *,
    plugin: str,
    table: type[FeedTable],
    rows: Sequence[Mapping[str, Any]],
    deleted: Sequence[str] = (),
) -> None:
    """Put new and changed rows (`id`, `title`, `text`) into the index, and take deleted ones out.

    Part of the caller's transaction; the session is bound to the city.
    """
    gone = [*deleted, *(row["id"] for row in rows)]
    for ids in _chunks(gone):
        await session.execute(
            delete(SearchTerm).where(SearchTerm.id.in_(ids)), execution_options={"synchronize_session": False}
        )
    entries = [
        {"term": term, "id": row["id"], "plugin": plugin, "kind": table.__tablename__, "weight": weight}
        for row in rows
        for term, weight in _weighted(_plain(row["title"]), _plain(row.get("text")))
    ]
    for chunk in _chunks(entries, CHUNK * 5):
        await session.execute(insert(SearchTerm), chunk)


async def search_ids(ctx: Context[Any], table: type[FeedTable], text: str, first: int) -> list[tuple[str, float]]:
    """Ids of the rows of one table that hold all words of the text (the last may be a beginning), best first."""
    found = await _search(ctx.database, ctx.city.slug, None, table.__tablename__, text, first)
    return [(hit.id, hit.score) for hit in found]


async def search_all(database: Database, city: str, plugins: Iterable[str], text: str, first: int) -> list[Found]:
    """What the text finds in the named plugins of one city, best first; one statement."""
    return await _search(database, city, sorted(plugins), None, text, first)


async def _search(
    database: Database, city: str, plugins: list[str] | None, kind: str | None, text: str, first: int
) -> list[Found]:
    if not 0 <= first <= CAP:
        raise InputError(f"first: {first} is not between 0 and {CAP}", code="BAD_FIRST")
    asked = query(text)
    if not asked or not first or plugins == []:
        return []
    word, stemmed = asked[-1]
    begins = sorted({word, stemmed} if len(stemmed) >= BEGINNING else {word})
    statement = _matching(
        plugins=plugins,
        kind=kind,
        words=[each for each, _ in asked],
        stems=[each for _, each in asked],
        begins=begins,
        ends=[f"{begin}\U0010ffff" for begin in begins],
        first=first,
    )
    rows = await database.tuples(city, statement, ())
    return [Found(plugin, kind, id_, float(score)) for plugin, kind, id_, score in rows]


@prepared
def _matching(plugins: Any, kind: Any, words: Any, stems: Any, begins: Any, ends: Any, first: int) -> Select[Any]:
    """Rows that hold all words, of which the last may be a beginning."""
    pairs = list(zip(words, stems, strict=True))
    matches = [_match(SearchTerm.term.in_(pair), None) for pair in pairs[:-1]]
    starts = or_(*(_begins(*span) for span in zip(begins, ends, strict=True)))
    matches.append(_match(SearchTerm.term.in_(pairs[-1]), starts))
    scores = [func.max(score) for _, score in matches]
    total = sum(scores[1:], start=scores[0])
    shown: Any = (SearchTerm.plugin, SearchTerm.kind, SearchTerm.id, total.label("score"))
    statement = select(*shown)
    if plugins is not None:
        statement = statement.where(SearchTerm.plugin.in_(plugins))
    if kind is not None:
        statement = statement.where(SearchTerm.kind == kind)
    return (
        statement.where(or_(*(condition for condition, _ in matches)))
        .group_by(SearchTerm.plugin, SearchTerm.kind, SearchTerm.id)
        .having(and_(*(score > 0 for score in scores)))
        .order_by(total.desc(), SearchTerm.id)
        .limit(first)
    )


def _match(
    exact: ColumnElement[bool], begins: ColumnElement[bool] | None
) -> tuple[ColumnElement[bool], ColumnElement[int]]:
    """Which terms answer to a word, and what they count: the word itself twice a mere beginning."""
    if begins is None:
        return exact, case((exact, SearchTerm.weight * 2), else_=0)
    return or_(exact, begins), case((exact, SearchTerm.weight * 2), (begins, SearchTerm.weight), else_=0)


def _begins(start: Any, end: Any) -> ColumnElement[bool]:
    return and_(SearchTerm.term >= start, SearchTerm.term < end)


def _weighted(title: str, text: str) -> list[tuple[str, int]]:
    strong = terms(title[:MAX_TEXT])
    weak = terms(text[:MAX_TEXT]) - strong
    ranked = [(term, TITLE) for term in sorted(strong)] + [(term, TEXT) for term in sorted(weak)]
    return ranked[:MAX_TERMS]


def _plain(value: Any) -> str:
    """The text in a column: a string, a list of them, or texts by language."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Mapping():
            return " ".join(_plain(part) for part in value.values())
        case list() | tuple():
            return " ".join(_plain(part) for part in value)
    return str(value)


def _chunks(items: Sequence[Any], size: int = CHUNK) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))

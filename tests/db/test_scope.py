"""Attacks on the scope: whatever is written in the session of one city, another city's rows stay out of reach.

The two cities hold rows with the very same ids; each text names the city that it belongs to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from allmende.db.engine import Database
from allmende.db.raw_sql import core_sql
from allmende.errors import ScopeError
from sqlalchemy import (
    MetaData,
    Table,
    bindparam,
    case,
    collate,
    column,
    delete,
    exists,
    func,
    insert,
    lambda_stmt,
    lateral,
    literal,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager, defer, joinedload, selectinload, subqueryload, with_loader_criteria
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from .tables import Note, Shared, Tag

pytestmark = pytest.mark.filterwarnings("ignore:.*cartesian product")  # some attacks are just that

OTHER, OWN = "bstadt", "astadt"
N, T = Note.__table__, Tag.__table__
A, B = aliased(Note), aliased(Tag)


@pytest_asyncio.fixture
async def two_cities(database: Database) -> Database:
    for city in (OWN, OTHER):
        async with database.transaction(city) as session:
            session.add_all(Note(id=i, title=f"{city} {i}") for i in ("1", "2"))
            session.add_all(Tag(id=i, note_id=i, name=f"{city} tag {i}") for i in ("1", "2"))
            if city == OTHER:
                session.add(Note(id="3", title=f"{city} 3"))
                await session.flush()
                session.add(Tag(id="3", note_id="1", name=f"{city} tag 3"))
    return database


def words(value: Any) -> list[str]:
    """All texts that a result shows, through entities and their loaded relationships."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Note | Tag):
        return [text for key, shown in vars(value).items() if key[0] != "_" for text in words(shown)]
    if isinstance(value, (list, tuple)) or hasattr(value, "_mapping"):
        return [text for part in value for text in words(part)]
    return []


cte = select(Note).where(Note.title != "").cte("c")
core_cte = select(N).cte("d")
ReCte = select(N.c.id, N.c.title).where(N.c.id == "1").cte("r", recursive=True)
ReCte = ReCte.union_all(select(N.c.id, N.c.title).join(ReCte, N.c.id > ReCte.c.id))

READS: dict[str, Callable[[], Any]] = {
    "entity": lambda: select(Note),
    "column": lambda: select(Note.title),
    "another city in where": lambda: select(Note).where(or_(Note.city == OTHER, true())),
    "core table": lambda: select(N),
    "core alias": lambda: select(N.alias("x")),
    "alias": lambda: select(A),
    "alias beside": lambda: select(Note.title, A.title).where(Note.id == A.id),
    "where alone": lambda: select(Note.title).where(Note.id == Tag.id).add_columns(T.c.name),
    "cartesian": lambda: select(Note.title, Tag.name),
    "join": lambda: select(Note.title, Tag.name).join(Note.tags),
    "join on id alone": lambda: select(Note.title, Tag.name).join(Tag, Tag.note_id == Note.id),
    "outer join": lambda: select(Note.title, B.name).outerjoin(B, B.note_id == Note.id),
    "core outer join": lambda: select(N.c.title, T.c.name).select_from(N.outerjoin(T, T.c.note_id == N.c.id)),
    "nested join": lambda: select(N.c.title, A.title, T.c.name).select_from(
        N.outerjoin(T.join(A, A.id == T.c.note_id), T.c.note_id == N.c.id)
    ),
    "subquery": lambda: select(select(Note).subquery()),
    "alias of subquery": lambda: select(aliased(Note, select(Note).where(true()).subquery())),
    "alias of core subquery": lambda: select(aliased(Note, select(N).subquery())),
    "scalar subquery": lambda: select(
        select(Note.title).order_by(Note.title.desc()).limit(1).scalar_subquery().label("t")
    ),
    "correlated": lambda: select(
        Note.title, select(func.max(Tag.name)).where(Tag.note_id == Note.id).scalar_subquery().label("t")
    ),
    "in": lambda: select(Note.title).where(Note.id.in_(select(Tag.note_id))),
    "cte": lambda: select(cte),
    "core cte": lambda: select(core_cte),
    "recursive cte": lambda: select(ReCte),
    "add_cte": lambda: select(Note.title).add_cte(select(Tag).cte("t")),
    "union": lambda: union(select(Note.title), select(Tag.name)),
    "union all of core": lambda: union_all(select(N.c.title), select(T.c.name)),
    "entity from union": lambda: select(aliased(Note, union_all(select(N), select(N)).subquery())),
    "intersect": lambda: select(Note.title).intersect(select(A.title)),
    "lateral": lambda: select(N.c.title, lateral(select(T.c.name).where(T.c.note_id == N.c.id)).c.name),
    "selectinload": lambda: select(Note).options(selectinload(Note.tags)),
    "subqueryload": lambda: select(Note).options(subqueryload(Note.tags)),
    "joinedload": lambda: select(Note).options(joinedload(Note.tags)),
    "joinedload inner": lambda: select(Tag).options(joinedload(Tag.note, innerjoin=True)),
    "contains_eager": lambda: select(Note).outerjoin(Tag, Tag.note_id == Note.id).options(contains_eager(Note.tags)),
    "limit with joinedload": lambda: select(Note).options(joinedload(Note.tags)).limit(2),
    "defer": lambda: select(Note).options(defer(Note.title)),
    "own criteria": lambda: select(Note).options(with_loader_criteria(Note, Note.city == OTHER)),
    "case": lambda: select(case((exists().where(N.c.title == f"{OTHER} 3"), literal(OTHER)), else_=literal(OWN))),
    "exists": lambda: select(Note.title).where(exists().where(A.title == f"{OTHER} 3")),
    "has": lambda: select(Note.title).where(Note.tags.any(Tag.name == f"{OTHER} tag 3")),
    "lambda": lambda: lambda_stmt(lambda: select(Note)),
    "window": lambda: select(func.first_value(Note.title).over(order_by=Note.title.desc())),
    "group": lambda: select(func.max(N.c.title)).group_by(N.c.id).having(func.count() > 0),
    "select_from": lambda: select(literal_column("title")).select_from(Note),
    "column without table": lambda: select(column("title")).select_from(N),
    "values": lambda: select(func.max(Note.title)).select_from(Note),
    "table of other metadata": lambda: select(Table("dbtest_note", MetaData(), *[c._copy() for c in N.c])),
    "execution option": lambda: select(Note).execution_options(allmende_scope=OTHER),
    "from_statement": lambda: select(Note).from_statement(select(N)),
}


@pytest.mark.parametrize("attack", READS)
async def test_read_sees_its_own_city_only(two_cities: Database, attack: str) -> None:
    if attack == "lateral" and two_cities.is_sqlite:
        pytest.skip("SQLite has no LATERAL")
    async with two_cities.session(OWN) as session:
        rows = (await session.execute(READS[attack]())).unique().all()
    seen = words(rows)
    assert [word for word in seen if OTHER in word] == []
    if attack not in ("exists", "has", "own criteria"):
        assert any(OWN in word for word in seen)


async def test_count_and_exists_see_their_own_city_only(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        assert await session.scalar(select(func.count()).select_from(Note)) == 2
        assert await session.scalar(select(func.count(Note.id))) == 2
        assert await session.scalar(select(exists().where(Note.id == "3"))) is False
        assert await session.scalar(select(select(Note).where(Note.id == "3").exists())) is False


async def test_outer_join_keeps_rows_that_only_another_city_has_partners_for(two_cities: Database) -> None:
    """Tag 3 belongs to note 1 in the other city only; restricting it in WHERE would lose rows of ours."""
    async with two_cities.session(OWN) as session:
        rows = await session.execute(select(Note.id, Tag.id).outerjoin(Tag, Tag.id == "3").order_by(Note.id))
        assert [tuple(row) for row in rows] == [("1", None), ("2", None)]


async def test_get_and_refresh_stay_in_the_city(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        assert await session.get(Note, (OTHER, "1")) is None
        note = await session.get_one(Note, (OWN, "1"))
        await session.refresh(note)
        assert note.title == "astadt 1"


async def test_connection_and_stream_stay_in_the_city(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        connection = await session.connection()
        assert words(list(await connection.scalars(select(N.c.title)))) == ["astadt 1", "astadt 2"]
        assert [row.title async for row in await session.stream_scalars(select(Note))] == ["astadt 1", "astadt 2"]


REFUSED: dict[str, Callable[[], Any]] = {
    "full join": lambda: select(N.c.title, T.c.name).select_from(N.join(T, T.c.id == N.c.id, full=True)),
    "lightweight table": lambda: select(column("title")).select_from(table("dbtest_note")),
    "update from": lambda: (
        update(N).values(title=T.c.name).where(T.c.id == "3").execution_options(synchronize_session=False)
    ),
    "delete using": lambda: delete(N).where(N.c.id == T.c.note_id),
    "insert for another city": lambda: insert(N).values(city=OTHER, id="9", title="x"),
    "insert several": lambda: insert(N).values([{"city": OTHER, "id": "9", "title": "x"}]),
    "insert by expression": lambda: insert(N).values(city=func.lower("BSTADT"), id="9", title="x"),
    "insert by subquery": lambda: insert(N).values(city=select(literal(OTHER)).scalar_subquery(), id="9", title="x"),
    "insert entity": lambda: insert(Note).values(city=OTHER, id="9", title="x"),
    "insert by table name": lambda: insert(table("dbtest_note", column("city"))).values(city=OTHER),
    "insert from select": lambda: insert(N).from_select(
        ["city", "id", "title"], select(literal(OTHER), literal("9"), literal("x"))
    ),
    "insert in a cte": lambda: select(
        insert(N).values(city=OTHER, id="9", title="x").returning(N.c.id).cte("w")
    ).add_cte(),
    "move": lambda: update(N).values(city=OTHER).where(N.c.id == "1"),
    "move by expression": lambda: update(Note).values(city=func.lower("BSTADT")),
    "create": lambda: __import__("sqlalchemy").schema.CreateTable(Shared.__table__),
    "drop": lambda: __import__("sqlalchemy").schema.DropTable(Shared.__table__),
    "set_config": lambda: select(func.set_config("allmende.city", OTHER, True)),
}


@pytest.mark.parametrize("attack", REFUSED)
async def test_statement_that_could_cross_is_refused(two_cities: Database, attack: str) -> None:
    if attack in ("set_config", "delete using") and two_cities.is_sqlite:
        pytest.skip("SQLite has neither settings nor DELETE … USING")
    async with two_cities.session(OWN) as session:
        with pytest.raises(ScopeError):
            await session.execute(REFUSED[attack]())
    await assert_untouched(two_cities)


async def assert_untouched(database: Database) -> None:
    async with database.session(OTHER) as session:
        assert sorted(await session.scalars(select(Note.title))) == ["bstadt 1", "bstadt 2", "bstadt 3"]
        assert sorted(await session.scalars(select(Tag.name))) == ["bstadt tag 1", "bstadt tag 2", "bstadt tag 3"]


async def test_update_and_delete_stay_in_the_city(two_cities: Database) -> None:
    async with two_cities.transaction(OWN) as session:
        await session.execute(update(Note).values(title="astadt neu"))
        await session.execute(update(N).values(title="astadt neu").where(N.c.city == OTHER))
        await session.execute(update(N).values(title=select(func.max(T.c.name)).scalar_subquery()))
        assert set(await session.scalars(select(Note.title))) == {"astadt tag 2"}
        await session.execute(delete(Tag))
        await session.execute(delete(N).where(or_(N.c.city == OTHER, true())))
        assert await session.scalar(select(func.count(Note.id))) == 0
    await assert_untouched(two_cities)


async def test_bulk_update_by_key_does_not_reach_another_city(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        with pytest.raises((ScopeError, SQLAlchemyError)):
            await session.execute(update(Note), [{"city": OTHER, "id": "1", "title": "mine"}])
    await assert_untouched(two_cities)


async def test_bulk_inserts_get_the_city(database: Database) -> None:
    async with database.transaction(OWN) as session:
        await session.execute(insert(Note), [{"id": "1", "title": "a"}, {"id": "2", "title": "b"}])
        await session.execute(insert(N), [{"id": "3", "title": "c"}, {"id": "4", "title": "d", "city": OWN}][:1])
        await session.execute(insert(N).values([{"id": "5", "title": "e"}, {"id": "6", "title": "f"}]))
        await session.execute(insert(N).from_select(["id", "title"], select(func.upper("x7"), literal("g"))))
        await session.execute(
            insert(N).from_select(["city", "id", "title"], select(N.c.city, func.upper("x8"), N.c.title).limit(1))
        )
        await session.run_sync(lambda s: s.bulk_insert_mappings(Note, [{"id": "9", "title": "h"}]))  # type: ignore[arg-type]
        await session.run_sync(lambda s: s.bulk_save_objects([Note(id="10", title="i")]))
    async with database.system() as system:
        assert sorted(await system.execute(select(Note.city, Note.id))) == [
            (OWN, id) for id in ("1", "10", "2", "3", "5", "6", "9", "X7", "X8")
        ]


async def test_bulk_insert_for_another_city_is_refused(two_cities: Database) -> None:
    for target in (Note, N):
        async with two_cities.session(OWN) as session:
            with pytest.raises(ScopeError):
                await session.execute(insert(target), [{"city": OTHER, "id": "9", "title": "x"}])
    async with two_cities.session(OWN) as session:
        with pytest.raises(ScopeError):
            await session.execute(insert(N).values(city=bindparam("c"), id="9", title="x"), {"c": OTHER})


async def test_object_of_another_city_is_refused(two_cities: Database) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(Note(city=OTHER, id="9", title="x"))

    async def merge(session: AsyncSession) -> None:
        await session.merge(Note(city=OTHER, id="1", title="x"))

    async def move(session: AsyncSession) -> None:
        (await session.get_one(Note, (OWN, "2"))).city = OTHER

    for attack in (add, merge, move):
        async with two_cities.session(OWN) as session:
            await attack(session)
            with pytest.raises(ScopeError):
                await session.flush()
    await assert_untouched(two_cities)


async def test_merge_without_a_city_means_the_bound_city(two_cities: Database) -> None:
    async with two_cities.transaction(OWN) as session:
        merged = await session.merge(Note(id="1", title="astadt neu"))
        assert merged.city == OWN
    async with two_cities.session(OWN) as session:
        assert sorted(await session.scalars(select(Note.title))) == ["astadt 2", "astadt neu"]
    await assert_untouched(two_cities)


async def test_on_conflict_stays_in_the_city(two_cities: Database) -> None:
    dialect = sqlite if two_cities.is_sqlite else postgresql
    upsert = dialect.insert(N).values(id="1", title="astadt neu")
    async with two_cities.transaction(OWN) as session:
        excluded = {"title": upsert.excluded.title, "city": upsert.excluded.city}
        await session.execute(upsert.on_conflict_do_update(index_elements=["city", "id"], set_=excluded))
        assert sorted(await session.scalars(select(Note.title))) == ["astadt 2", "astadt neu"]
        with pytest.raises(ScopeError):
            await session.execute(
                upsert.on_conflict_do_update(index_elements=["city", "id"], set_={"city": OTHER, "title": "x"})
            )
    await assert_untouched(two_cities)


async def test_plain_connection_without_a_city_is_refused(two_cities: Database) -> None:
    statements = (select(Note), select(N), insert(N).values(id="9", title="x"), update(N).values(title="x"), delete(N))
    for statement in statements:
        async with two_cities._cities.connect() as connection:
            with pytest.raises(ScopeError, match="a city table was asked"):
                await connection.execute(statement)
    async with two_cities._cities.connect() as connection:
        assert (await connection.execute(select(Shared))).all() == []


async def test_city_of_a_session_cannot_be_changed(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        with pytest.raises(ScopeError):
            await session.connection(execution_options={"allmende_scope": OTHER})
        connection = await session.connection()
        with pytest.raises(ScopeError):
            await connection.execution_options(allmende_scope=OTHER)
        options = {"allmende_scope": OTHER}
        rows = await session.scalars(select(Note.title), execution_options=options)
        assert sorted(rows) == ["astadt 1", "astadt 2"]


@pytest.mark.parametrize("slug", ["", "*", "a'b", "A", "a b", "ä", "-a"])
async def test_session_is_for_a_slug_only(database: Database, slug: str) -> None:
    with pytest.raises(ScopeError):
        async with database.session(slug):
            pass


async def test_system_sees_all_cities_and_must_name_one_to_insert(two_cities: Database) -> None:
    async with two_cities.system() as session:
        assert await session.scalar(select(func.count(Note.id))) == 5
        session.add(Note(city=OTHER, id="4", title="bstadt 4"))
        await session.execute(update(Note).values(title="neu"))
        assert set(await session.scalars(select(Note.title))) == {"neu"}
        assert await session.scalar(text("SELECT count(*) FROM dbtest_note")) == 6
    async with two_cities.system() as session:
        session.add(Note(id="5", title="nobody's"))
        with pytest.raises(ScopeError, match="no city is bound"):
            await session.flush()
        await session.rollback()


RAW = [
    "SELECT title FROM dbtest_note",
    "select title from dbtest_note where city = 'bstadt'",
    "SELECT /* hello */ title FROM dbtest_note",
    "WITH x AS (SELECT title FROM dbtest_note) SELECT title FROM x",
    "SELECT query FROM (SELECT title AS query FROM dbtest_note) AS q",
]


@pytest.mark.parametrize("sql", RAW)
async def test_raw_sql_sees_its_own_city_on_postgresql_and_is_refused_on_sqlite(two_cities: Database, sql: str) -> None:
    wrapped = (
        text(sql),
        text(sql).columns(column("title")),
        select(text(f"({sql} ORDER BY 1 DESC LIMIT 1)") if "WITH" not in sql else text(f"({sql} LIMIT 1)")),
        select(literal_column(f"({sql} LIMIT 1)")),
        select(Note.title).where(text(f"1=1 OR title IN ({sql})")),
    )
    for statement in wrapped:
        async with two_cities.session(OWN) as session:
            if two_cities.is_sqlite:
                with pytest.raises(ScopeError, match="SQL text"):
                    await session.execute(statement)
            else:
                seen = words((await session.execute(statement)).all())
                assert [word for word in seen if OTHER in word] == []
    async with two_cities.session(OWN) as session:
        connection = await session.connection()
        if two_cities.is_sqlite:
            with pytest.raises(ScopeError):
                await connection.exec_driver_sql(sql)
        else:
            seen = words((await connection.exec_driver_sql(sql)).all())
            assert [word for word in seen if OTHER in word] == []


BARE = quoted_name("dbtest_note AS x", quote=False)
BARE_COLUMN = quoted_name("(SELECT max(title) FROM dbtest_note)", quote=False)
BARE_COLLATION = quoted_name("BINARY, (SELECT max(title) FROM dbtest_note)", quote=False)
HIDDEN: dict[str, Callable[[], Any]] = {
    "operator": lambda: select(Note.title.op("|| (SELECT max(title) FROM dbtest_note) ||")("")),
    "operator before": lambda: select(UnaryExpression(N.c.title, operator=custom_op("(SELECT max(title) FROM x) ||"))),
    "hint": lambda: select(Note.title).with_statement_hint("UNION ALL SELECT title FROM dbtest_note"),
    "prefix": lambda: select(Note.title).prefix_with("(SELECT max(title) FROM dbtest_note),"),
    "suffix": lambda: select(Note.title).suffix_with("UNION ALL SELECT title FROM dbtest_note"),
    "name of a table": lambda: select(column("title")).select_from(table(BARE)),
    "name of a column": lambda: select(column(BARE_COLUMN)),
    "collation": lambda: select(collate(Note.title, BARE_COLLATION)),
    "other case": lambda: select(column("title")).select_from(table("DBTEST_NOTE")),
    "other case and metadata": lambda: select(Table("Dbtest_Note", MetaData(), N.c.title._copy())),
}
"""Where SQLAlchemy takes SQL as text, or SQLite a name, that nobody would look at."""


@pytest.mark.parametrize("attack", HIDDEN)
async def test_sql_hidden_in_a_statement_sees_its_own_city_at_most(two_cities: Database, attack: str) -> None:
    async with two_cities.session(OWN) as session:
        with pytest.raises(ScopeError) if two_cities.is_sqlite else suppress(DBAPIError, ScopeError):
            seen = words((await session.execute(HIDDEN[attack]())).all())
            assert [word for word in seen if OTHER in word] == []


async def test_operators_given_as_text_are_no_sql(two_cities: Database) -> None:
    async with two_cities.session(OWN) as session:
        titles = select(Note.title).where(Note.title.op("<>")("x"), Note.title.op("IS NOT DISTINCT FROM")(Note.title))
        assert sorted(await session.scalars(titles.where(Note.title.op("NOT LIKE")("%2")))) == ["astadt 1"]


async def test_core_may_mark_its_own_sql(two_cities: Database) -> None:
    own = core_sql(text("SELECT title FROM dbtest_note WHERE city = :city").bindparams(city=OWN))
    async with two_cities.session(OWN) as session:
        assert sorted(await session.scalars(own)) == ["astadt 1", "astadt 2"]


FORGERIES = [
    "SELECT set_config('allmende.city', 'bstadt', true)",
    "SELECT pg_catalog.set_config('allmende' || '.city', 'bstadt', true)",
    "SELECT \"set_config\"('allmende.city', 'bstadt', true)",
    "SELECT U&\"set\\005fconfig\"('allmende.city', 'bstadt', true)",
    "SET allmende.city = 'bstadt'",
    "SET LOCAL allmende.city TO 'bstadt'",
    "  -- hello\n SET SESSION allmende.city TO 'bstadt'",
    "/* SELECT */ SET allmende.city = 'bstadt'",
    "/* a /* b */ SELECT */ SET allmende.city = 'bstadt'",
    "RESET ALL",
    "DISCARD ALL",
    "DO $$ BEGIN EXECUTE 'SE' || 'T allmende.city = ''bstadt'''; END $$",
    "UPDATE pg_settings SET setting = 'bstadt' WHERE name = 'allmende.city'",
    "SELECT query_to_xml('select se' || 't_config(''allmende.city'', ''bstadt'', true)', true, true, '')",
    "SELECT * FROM ts_stat('select to_tsvector(se' || 't_config(''allmende.city'', ''bstadt'', true))')",
    "PREPARE x AS SELECT 1",
    "ALTER TABLE dbtest_note DISABLE ROW LEVEL SECURITY",
    "DROP POLICY allmende_city ON dbtest_note",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET allmende.city = 'bstadt' AS 'SELECT 1'",
    "COPY dbtest_note TO STDOUT",
    "COMMIT",
    "SELECT * INTO stolen FROM dbtest_note",
    "WITH x AS (SELECT * FROM dbtest_note) SELECT * INTO TEMP stolen FROM x",
]


@pytest.mark.parametrize("sql", FORGERIES)
async def test_raw_sql_cannot_forge_the_city(two_cities: Database, sql: str) -> None:
    async with two_cities.session(OWN) as session:
        with pytest.raises(ScopeError):
            await session.execute(text(sql))
        with pytest.raises(ScopeError):
            await (await session.connection()).exec_driver_sql(sql)
        with pytest.raises(ScopeError):
            await session.execute(text(sql).columns(column("x")))


async def test_second_statement_cannot_be_appended(two_cities: Database) -> None:
    for sql in ("SELECT 1; SELECT 2", "SELECT 1; SET allmende.city = 'bstadt'"):
        async with two_cities.session(OWN) as session:
            with pytest.raises((ScopeError, DBAPIError)):
                await session.execute(text(sql))


async def test_postgresql_refuses_raw_writes_for_another_city(postgresql_url: str) -> None:
    """The second lock alone: the statement does reach the server, and WITH CHECK refuses it."""
    database = Database(postgresql_url)
    async with database.session(OWN) as session:
        with pytest.raises(DBAPIError, match="row-level security"):
            await session.execute(text("INSERT INTO dbtest_note VALUES ('bstadt', '9', 'x')"))
    async with database.session(OWN) as session:
        await session.execute(text("INSERT INTO dbtest_note VALUES ('astadt', '9', 'x')"))
        with pytest.raises(DBAPIError, match="row-level security"):
            await session.execute(text("UPDATE dbtest_note SET city = 'bstadt'"))
    await database.close()


@pytest.mark.parametrize("workers", [12])
async def test_nothing_leaks_on_a_pooled_connection_under_load(two_cities: Database, workers: int) -> None:
    """Two cities share five connections while tasks fail and are cancelled in the middle of their transactions."""
    raw = not two_cities.is_sqlite
    leaks: list[str] = []
    done = 0

    async def work(city: str, i: int) -> None:
        nonlocal done
        other = OTHER if city == OWN else OWN
        async with two_cities.session(city) as session:
            await asyncio.sleep(0.001 * (i % 3))
            seen = words(list(await session.scalars(select(Note.title))))
            if raw:
                seen += words(list(await session.scalars(text("SELECT title FROM dbtest_note"))))
            leaks.extend(word for word in seen if other in word)
            done += 1
            if i % 7 == 3:
                raise RuntimeError("a plugin failed")
            if i % 7 == 5:
                await session.execute(select(func.no_such_function(Note.id)))

    async def worker(n: int) -> None:
        for i in range(20):
            task = asyncio.create_task(work((OWN, OTHER)[(n + i) % 2], n + i))
            if i % 5 == 4:
                await asyncio.sleep(0.002)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    await asyncio.gather(*(worker(n) for n in range(workers)))
    assert leaks == []
    assert done > workers * 10
    if raw:
        async with two_cities._cities.connect() as connection:
            assert (await connection.scalar(text("SELECT current_setting('allmende.city', true)"))) in ("", None)

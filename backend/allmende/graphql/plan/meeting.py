"""`City.feed`, `City.search` and `City.map` as plans: what the modules' hooks ask is read together, and shown as rows.

A hook that gives objects instead of a statement is asked as without plans, and its objects are shown by generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import isawaitable
from itertools import chain, zip_longest
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type
from msgspec import Struct
from sqlalchemy.orm import InstrumentedAttribute

from allmende.city.model import City
from allmende.context import Context
from allmende.db.direct.reader import SECONDS, Reader, moment
from allmende.db.direct.statement import Unplannable
from allmende.db.prepared import Prepared
from allmende.graphql import meeting
from allmende.graphql.compose import Composed
from allmende.graphql.guard import MAX_ITEMS, checked
from allmende.graphql.pages import check_first
from allmende.graphql.plan.arguments import Arguments, Values
from allmende.graphql.plan.complete import Complete, completed, declaration, origin_of, struct_of
from allmende.graphql.plan.declare import PLAN, Column
from allmende.graphql.plan.encode import RowEncoder
from allmende.graphql.plan.fields import Case, Selected
from allmende.graphql.plan.lists import Texts
from allmende.graphql.plan.values import Kept
from allmende.isolation import bounded, gathered
from allmende.plugin import Feed, Map, Search
from allmende.search.index import search_all

Hook = Feed | Map | Search
Keep = Callable[[City, str], tuple[Kept, dict[Any, list[Kept]]]]
"""City and language → what shows its times, and what else is kept for it."""


class Member(Struct, eq=False):
    """One hook of one module."""

    plugin: str
    hook: Hook
    kind: GraphQLObjectType | None
    """The type that shows its rows; None where it gives objects."""
    columns: list[Column]
    """What is read of its rows; first those by which they are merged."""
    texts: Texts


class Part(Struct, eq=False):
    """What one member has for one answer."""

    member: Member
    ctx: Context[Any]
    items: Sequence[Any] = ()
    """Rows, or objects."""
    shared: Mapping[str, Any] = {}


Item = tuple[Part, Any]


class Shown:
    """What is selected of the items: an encoder for each member's rows."""

    def __init__(self, selected: Selected, kind: Any, case: Case, members: Iterable[Member], reader: Reader) -> None:
        self.objects: Complete | None = None
        self.encoders: dict[Member, RowEncoder] = {}
        for member in members:
            if member.kind is None:
                self.objects = self.objects or completed(kind, selected, case)
                continue
            encoder = RowEncoder(member.kind, selected, case, reader.dialect, columns=member.columns)
            if encoder.children:
                raise Unplannable("children of items of several modules")
            self.encoders[member] = encoder

    def show(self, items: Sequence[Item], zone: Kept, kept: dict[Any, list[Kept]]) -> list[Any]:
        """The items as they are selected, in their order."""
        groups: dict[Part, list[Any]] = {}
        for part, item in items:
            groups.setdefault(part, []).append(item)
        made = {part: iter(self._show(part, found, zone, kept)) for part, found in groups.items()}
        return [next(made[part]) for part, _ in items]

    def _show(self, part: Part, found: list[Any], zone: Kept, kept: dict[Any, list[Kept]]) -> Iterable[Any]:
        encoder = self.encoders.get(part.member)
        if encoder is None:
            assert self.objects is not None
            return [self.objects(item) for item in found]
        steady = kept.get(encoder)
        if steady is None:
            steady = kept[encoder] = [make(part.ctx) for make in encoder.steady]
        return encoder.encode(found, part.ctx, zone, part.shared, *steady)


class Met:
    """One of the fields in which modules meet."""

    columns: tuple[str, ...] = ("id",)
    """Fields by which the items are merged."""

    def __init__(self, composed: Composed, selected: Selected, case: Case, reader: Reader, keep: Keep) -> None:
        city = composed.schema.type_map["City"]
        assert isinstance(city, GraphQLObjectType)
        field = city.fields[selected.name]
        self.key, self.composed, self.reader, self.keep = selected.key, composed, reader, keep
        self.arguments = Arguments(composed.schema, selected.nodes[0], field)
        self.members = [
            self._member(name, hook)
            for name, one in composed.registry.plugins.items()
            for hook in self.hooks(one.plugin)
        ]
        for _ in range(2):  # an encoder unpacks all columns of a row, and those of all are known the second time
            self.select(get_named_type(field.type), selected, case)

    def hooks(self, plugin: Any) -> Iterable[Hook]:
        """What the plugin has for this field; each of MET says it."""
        raise NotImplementedError

    def select(self, kind: Any, selected: Selected, case: Case) -> None:
        self.shown = self._shown(kind, selected, case)

    async def later(self, found: Any, variables: Values, info: Any) -> Any:
        """The part of the answer."""
        given = dict(self.arguments.read(variables))
        city, language = found.model, found.language_
        on = {plugin.name: ctx for plugin, ctx in meeting.enabled(info, city, language, given.pop("modules", None))}
        parts = [Part(member, on[member.plugin]) for member in self.members if member.plugin in on]
        zone, kept = self.keep(city, language)
        return await self.answer(info, city, parts, given, lambda shown, items: shown.show(items, zone, kept))

    async def answer(
        self, info: Any, city: City, parts: list[Part], given: dict[str, Any], show: Callable[[Shown, Any], Any]
    ) -> Any:
        """The value of this field; each of MET says how it is put together."""
        raise NotImplementedError

    async def load(self, info: Any, city: City, parts: Sequence[Part], *asked: Any) -> None:
        """Ask the hooks, and read what they ask for together."""
        await self._load(info, city, [(part, asked) for part in parts])

    async def _load(self, info: Any, city: City, asked: Sequence[tuple[Part, tuple[Any, ...]]]) -> None:
        for part, _ in asked:
            if not info.context.admit(city.slug, part.member.plugin, named=False):
                raise Unplannable(f"{part.member.plugin} has failed too often")
        given = [part.member.hook.load(part.ctx, *arguments) for part, arguments in asked]
        waiting = [one for one in given if isawaitable(one)]
        waited = iter(await gathered(bounded(one, SECONDS) for one in waiting)) if waiting else iter(())
        given = [next(waited) if isawaitable(one) else one for one in given]
        reading = []
        for (part, _), one in zip(asked, given, strict=True):
            if part.member.kind is None:
                part.items = checked(info, part.member.plugin, one)
            elif one is not None:
                if not isinstance(one, Prepared) or one.otherwise is not None:
                    raise Unplannable("no statement, or two of them")
                part.shared = one.shared
                reading.append((part, part.member.texts.ask(one, part.member.columns)))
        rows = await self.reader.read(city.slug, [ask for _, ask in reading]) if reading else ()
        for (part, _), found in zip(reading, rows, strict=True):
            if len(found) > MAX_ITEMS:
                raise Unplannable("more than a list may hold")
            part.items = found

    def _member(self, plugin: str, hook: Hook) -> Member:
        texts = Texts(self.reader)
        if hook.shows is None:
            return Member(plugin, hook, None, [], texts)
        kind = next(
            (
                one
                for one in self.composed.schema.type_map.values()
                if isinstance(one, GraphQLObjectType)
                and "strawberry-definition" in one.extensions
                and origin_of(one) is hook.shows
            ),
            None,
        )
        if kind is None:
            raise Unplannable(f"{hook.shows.__name__} is not in the schema")
        columns = [declaration(kind.fields[name]).metadata.get(PLAN) for name in self.columns]
        if not all(isinstance(column, InstrumentedAttribute) for column in columns):
            raise Unplannable(f"{kind.name} has no columns to be merged by")
        return Member(plugin, hook, kind, columns, texts)

    def _shown(self, kind: Any, selected: Selected, case: Case) -> Shown:
        if not isinstance(kind, GraphQLInterfaceType):
            raise Unplannable("modules meet in an interface")
        return Shown(selected, kind, case, self.members, self.reader)


class MapPlan(Met):
    """`City.map`: in turns from each module."""

    def hooks(self, plugin: Any) -> Iterable[Hook]:
        return [plugin.map] if plugin.map else []

    async def answer(self, info: Any, city: City, parts: list[Part], given: dict[str, Any], show: Any) -> Any:
        first = given["first"]
        check_first(first, 1000)
        await self.load(info, city, parts, given["bbox"].checked("bbox"), first)
        turns = zip_longest(*[[(part, item) for item in part.items] for part in parts])
        return show(self.shown, [one for one in chain.from_iterable(turns) if one is not None][:first])


class SearchPlan(Met):
    """`City.search`: best first, as the index says."""

    def hooks(self, plugin: Any) -> Iterable[Hook]:
        return list(plugin.search)

    async def answer(self, info: Any, city: City, parts: list[Part], given: dict[str, Any], show: Any) -> Any:
        check_first(given["first"], 50)
        names = {part.member.plugin for part in parts}
        found = await search_all(info.context.services.database, city.slug, names, given["text"], given["first"])
        asked = []
        for part in parts:
            hook = part.member.hook
            assert isinstance(hook, Search)
            where = (part.member.plugin, hook.table.__tablename__)
            ids = [hit.id for hit in found if (hit.plugin, hit.kind) == where]
            if ids:
                asked.append((part, (meeting.ids_for(hook, ids),)))
        await self._load(info, city, asked)
        by_id = {
            (part.member.plugin, item.id if part.member.kind is None else item[0]): (part, item)
            for part, _ in asked
            for item in part.items
        }
        hits = [by_id[hit.plugin, hit.id] for hit in found if (hit.plugin, hit.id) in by_id]
        return show(self.shown, hits)


class FeedPlan(Met):
    """`City.feed`: newest first, in pages."""

    columns = ("id", "date")

    def hooks(self, plugin: Any) -> Iterable[Hook]:
        return [plugin.feed] if plugin.feed else []

    def select(self, kind: Any, selected: Selected, case: Case) -> None:
        self.made, self.makes = self._fields(kind, selected, case, self._part, lambda page, show: kind.name)

    async def answer(self, info: Any, city: City, parts: list[Part], given: dict[str, Any], show: Any) -> Any:
        first = given["first"]
        position = meeting.beginning(first, given.get("after"))
        await self.load(info, city, parts, *meeting.wanted(first, position))
        dated = []
        for part in parts:
            if part.member.kind is None:
                meeting.check_dates(part.member.plugin, part.items)
                dated += [(item.date, item.id, (part, item)) for item in part.items]
            else:
                dated += [(moment(row[1]), row[0], (part, row)) for row in part.items]
        page = meeting.page(dated, first, position)
        return self.made(*[make(page, show) for make in self.makes])

    def _fields(self, kind: Any, selected: Selected, case: Case, part: Any, named: Any) -> tuple[Any, list[Any]]:
        """What makes an object of the selected fields, and each of them; `named` is that of `__typename`."""
        fields = case.select(kind, selected.nodes)
        made = struct_of(kind.name, [each.key for each in fields])
        return made, [named if each.name == "__typename" else part(kind, each, case) for each in fields]

    def _part(self, kind: GraphQLObjectType, selected: Selected, case: Case) -> Any:
        below = get_named_type(kind.fields[selected.name].type)
        if selected.name == "nodes":
            shown = self._shown(below, selected, case)
            return lambda page, show: show(shown, [item for _, item in page.edges])
        if selected.name == "edges":
            made, makes = self._fields(
                below, selected, case, self._edge, lambda page, show: [below.name] * len(page.edges)
            )
            return lambda page, show: [made(*one) for one in zip(*[make(page, show) for make in makes], strict=True)]
        done = completed(kind.fields[selected.name].type, selected, case)
        return lambda page, show: done(page.info)

    def _edge(self, kind: GraphQLObjectType, selected: Selected, case: Case) -> Any:
        if selected.name == "cursor":
            return lambda page, show: [cursor for cursor, _ in page.edges]
        shown = self._shown(get_named_type(kind.fields[selected.name].type), selected, case)
        return lambda page, show: show(shown, [item for _, item in page.edges])


MET: Mapping[str, type[Met]] = {"feed": FeedPlan, "search": SearchPlan, "map": MapPlan}

"""The type City without the plugins' fields, which are added when the schema is composed."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from allmende.city import model
from allmende.graphql import meeting
from allmende.graphql.arguments import After, First, Modules
from allmende.graphql.cases import read
from allmende.graphql.cases.types import Case, CaseFilter, CaseItemConnection, CaseOrder
from allmende.graphql.inputs import BBoxInput
from allmende.graphql.live import delta
from allmende.graphql.meeting import FeedItemConnection
from allmende.graphql.modules import Module, modules
from allmende.graphql.notify import NotifyPush, NotifySubscription, NotifyTopic, mine, push, topics
from allmende.graphql.request import Info
from allmende.graphql.types import MapFeature, Position, SearchHit

Text = Annotated[str, strawberry.argument(description="Words; capitals, accents and `ß` make no difference.")]
Since = Annotated[str | None, strawberry.argument(description="`CityChanges.cursor` of the answer before.")]
Number = Annotated[str, strawberry.argument(description="What is written on the confirmation.")]
Receipt = Annotated[str, strawberry.argument(description="The code with which someone without an account follows it.")]
Filter = Annotated[CaseFilter | None, strawberry.argument(description="Only cases that are like this.")]
Order = Annotated[CaseOrder | None, strawberry.argument(description="The latest first, if nothing else is said.")]
Box = Annotated[BBoxInput, strawberry.argument(description="What is to be seen of the map.")]


@strawberry.type(description="A bounding box in WGS 84 degrees.")
class BBox:
    south: float = strawberry.field(description="Southern edge, degrees north.")
    west: float = strawberry.field(description="Western edge, degrees east.")
    north: float = strawberry.field(description="Northern edge, degrees north.")
    east: float = strawberry.field(description="Eastern edge, degrees east.")


@strawberry.type(description="What an app needs to look like the city.")
class CityBrand:
    primary: str = strawberry.field(description="Main colour, `#rrggbb`.")
    accent: str = strawberry.field(description="Second colour, `#rrggbb`.")
    logo: str | None = strawberry.field(description="Path of the logo on this server; null where there is none.")


@strawberry.type(description="How to reach the town hall; what is not known is empty.")
class CityContact:
    name: str = strawberry.field(description="Name of the office.")
    street: str = strawberry.field(description="Street and house number.")
    postal_code: str = strawberry.field(description="Postal code.")
    place: str = strawberry.field(description="Place.")
    phone: str = strawberry.field(description="Telephone number.")
    email: str = strawberry.field(description="E-mail address.")
    website: str = strawberry.field(description="Address of the city's website.")


@strawberry.type(description="Links that the law requires; empty where the city has not given them.")
class CityImprint:
    url: str = strawberry.field(description="Imprint (§ 5 DDG).")
    privacy_url: str = strawberry.field(description="Privacy notice (Art. 13 GDPR).")
    accessibility_url: str = strawberry.field(description="Declaration on accessibility.")


def _fact(resolver: Any, description: str) -> Any:
    return strawberry.field(resolver=resolver, description=description)


@strawberry.type(name="City", description="A municipality: facts about it, and one field for each module.")
class CityBase:
    model: strawberry.Private[model.City]
    language_: strawberry.Private[str]

    slug: str = _fact(lambda self: self.model.slug, "Its key in this API.")
    name: str = _fact(lambda self: self.model.name, "Its name.")
    official_name: str = _fact(
        lambda self: self.model.official_name or self.model.name, "Its name in the official register."
    )
    ags: str = _fact(lambda self: self.model.ags, "Amtlicher Gemeindeschlüssel, 8 digits.")
    ars: str = _fact(lambda self: self.model.ars, "Amtlicher Regionalschlüssel, 12 digits.")
    land: str = _fact(lambda self: self.model.land, "The Land (state) that it belongs to; empty if not given.")
    kreis: str = _fact(lambda self: self.model.kreis, "The Kreis (district) that it belongs to; empty if none.")
    fictional: bool = _fact(lambda self: self.model.fictional, "Whether it exists only for trying things out.")
    area: float | None = _fact(lambda self: self.model.area.km2, "Size of its territory in km².")
    population: int | None = _fact(lambda self: self.model.area.population, "Number of inhabitants.")
    languages: list[str] = _fact(lambda self: self.model.languages, "Offered languages (BCP 47), the default first.")
    language: str = _fact(lambda self: self.language_, "The language of this answer.")
    timezone: str = _fact(lambda self: self.model.timezone, "Its time zone (IANA).")
    hosts: list[str] = _fact(lambda self: self.model.hosts, "Host names that mean this city.")
    position: Position = _fact(
        lambda self: Position(lat=self.model.area.lat, lon=self.model.area.lon), "Its centre, usually the town hall."
    )
    bbox: BBox = _fact(lambda self: self.model.area.bbox, "The box that its territory fits in.")
    brand: CityBrand = _fact(lambda self: _brand(self.model), "What an app needs to look like the city.")
    contact: CityContact = _fact(lambda self: self.model.contact, "How to reach the town hall.")
    imprint: CityImprint = _fact(lambda self: self.model.imprint, "Links that the law requires.")

    @strawberry.field(
        description="The capability query: all modules, in the order of the city, and how they are doing."
    )
    async def modules(self, info: Info) -> list[Module]:
        return await modules(info.context, self.model, self.language_)

    @strawberry.field(
        description="What is new or coming up in all modules, newest first; who fails is left out, with an error."
    )
    async def feed(
        self, info: Info, first: First = 20, after: After = None, modules: Modules = None
    ) -> FeedItemConnection | None:
        plugins = meeting.enabled(info, self.model, self.language_, modules)
        return await meeting.feed(info, self.model, plugins, first, after)

    @strawberry.field(
        description="What holds all words of the text (the last may be a beginning), best first; null items failed."
    )
    async def search(
        self, info: Info, text: Text, first: First = 20, modules: Modules = None
    ) -> list[SearchHit | None] | None:
        plugins = meeting.enabled(info, self.model, self.language_, modules)
        return await meeting.search(info, self.model, plugins, text, first)

    @strawberry.field(
        description="What is new, different or gone since `since` (a cursor; everything without it), oldest first."
    )
    async def changes(
        self, info: Info, since: Since = None, modules: Modules = None, first: First = 100
    ) -> delta.CityChanges | None:
        plugins = meeting.enabled(info, self.model, self.language_, modules)
        return await delta.changes(info, self.model, plugins, since, first)

    @strawberry.field(description="What one can be told of here, in the modules that are on.")
    def topics(self, info: Info) -> list[NotifyTopic]:
        return topics(info.context, self.model, self.language_)

    @strawberry.field(description="The ways by which the city can tell somebody.")
    def push(self) -> NotifyPush:
        return push(self.model)

    @strawberry.field(description="What the device or citizen of the token has subscribed to, the latest last.")
    async def subscriptions(self, info: Info) -> list[NotifySubscription] | None:
        return await mine(info.context, self.model)

    @strawberry.field(
        description="A case by its number: with the receipt, as staff, as who submitted it with this token, or as"
        " everybody sees it. Null with NOT_FOUND for whoever may not see it. Send a receipt by POST only."
    )
    async def case(self, info: Info, number: Number, receipt: Receipt = "") -> Case | None:
        return await read.case(info.context, self.model, self.language_, number, receipt)

    @strawberry.field(
        description="Cases that the device or citizen of the token has submitted or follows, newest first."
    )
    async def my_cases(self, info: Info, first: First = 20, after: After = None) -> CaseItemConnection | None:
        return await read.mine(info.context, self.model, self.language_, first, after)

    @strawberry.field(description="The town hall's inbox, for staff who may read cases.")
    async def cases(
        self,
        info: Info,
        filter: Filter = None,
        order: Order = None,
        first: First = 20,
        after: After = None,
    ) -> CaseItemConnection | None:
        wanted = filter or CaseFilter()
        return await read.inbox(
            info.context, self.model, self.language_, wanted, order or CaseOrder.LATEST, first, after
        )

    @strawberry.field(description="What lies in the box, from all modules; null items failed.")
    async def map(
        self, info: Info, bbox: Box, first: First = 200, modules: Modules = None
    ) -> list[MapFeature | None] | None:
        plugins = meeting.enabled(info, self.model, self.language_, modules)
        return await meeting.features(info, self.model, plugins, bbox.checked("bbox"), first)


def _brand(city: model.City) -> CityBrand:
    logo = f"/{city.slug}/logo" if city.brand.logo else None
    return CityBrand(primary=city.brand.primary, accent=city.brand.accent, logo=logo)

"""What apps can ask and do: categories, reports near and on the map, duplicates, new reports, me too, moderation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    Connection,
    InputError,
    cases,
    check_first,
    field,
    listed,
    paginate,
    staff,
)
from strawberry import argument

from . import service
from .kind import DEFECT
from .report import (
    ReportsCategory,
    ReportsField,
    ReportsReport,
    ReportsStatus,
    ReportsUpdate,
    make_category,
    make_field,
    make_image,
    make_status,
)

MODERATE = staff("reports.moderate")
CAP = 100
LATEST: Sequence[tuple[Any, Literal["asc", "desc"]]] = ((cases.Case.created, "desc"), (cases.Case.id, "asc"))


@strawberry.input(name="ReportsAnswerInput", description="An answer to a field of the category.")
class ReportsAnswerInput:
    field: strawberry.ID = strawberry.field(description="Id of the field.")
    value: str = strawberry.field(description="Text, number, `true` or `false`, or the id of a choice.")


@strawberry.input(name="ReportsCreateInput", description="What is reported.")
class ReportsCreateInput:
    city: str = strawberry.field(description="In which city.")
    idempotency_key: str = strawberry.field(
        description="A random UUID for each draft. Sent again with it, the report is filed once, and the answer is the "
        "first one, with the receipt."
    )
    category: strawberry.ID = strawberry.field(description="Id of the category.")
    lat: float = strawberry.field(description="Latitude, degrees north.")
    lon: float = strawberry.field(description="Longitude, degrees east.")
    text: str = strawberry.field(description="What is wrong; plain text, at most 5,000 characters.")
    address: str = strawberry.field(default="", description="Where, in words.")
    answers: list[ReportsAnswerInput] = strawberry.field(
        default_factory=list, description="Answers to the category's fields."
    )
    photos: list[strawberry.ID] = strawberry.field(default_factory=list, description="Ids of uploads, at most 8.")
    name: str = strawberry.field(default="", description="Of the reporter; never published.")
    email: str = strawberry.field(default="", description="Of the reporter; never published.")
    phone: str = strawberry.field(default="", description="Of the reporter; never published.")


@strawberry.input(name="ReportsFollowInput", description="Whose report is followed.")
class ReportsFollowInput:
    city: str = strawberry.field(description="In which city.")
    idempotency_key: str = strawberry.field(description="A random UUID; sent again with it, it counts once.")
    report: strawberry.ID = strawberry.field(description="Id of the report.")


@strawberry.input(name="ReportsModerateInput", description="What everybody may see of a report.")
class ReportsModerateInput:
    city: str = strawberry.field(description="In which city.")
    report: strawberry.ID = strawberry.field(description="Id of the report.")
    published: bool = strawberry.field(description="Whether everybody may see it.")
    text: str | None = strawberry.field(default=None, description="Other words; the citizen's own are kept apart.")
    hide: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Ids of pictures that are never shown."
    )
    show: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Ids of its pictures that were hidden and are to be shown."
    )


@strawberry.type(name="ReportsFiled", description="A report that was filed or is followed.")
class ReportsFiled:
    report: strawberry.ID = strawberry.field(description="Id of the report.")
    number: str = strawberry.field(description="What people say on the telephone.")
    receipt: str = strawberry.field(
        description="With it and the number, without an account, it can be followed and answered. It is shown only "
        "here: keep it."
    )
    published: bool = strawberry.field(description="Whether everybody sees it already.")
    repeated: bool = strawberry.field(description="Whether this is the answer to an earlier request with the same key.")


First = Annotated[int, argument(description=f"How many at most, up to {CAP}.")]
Lat = Annotated[float, argument(description="Latitude, degrees north.")]
Lon = Annotated[float, argument(description="Longitude, degrees east.")]
Of = Annotated[strawberry.ID | None, argument(description="Only reports of the category with this id.")]
Id = Annotated[strawberry.ID, argument(description="Id of the report.")]


@strawberry.type(name="Reports", description="What citizens have reported, and what can be reported.")
class Reports(CityModule):
    @field(visible=PUBLIC, description="What can be reported, in the city's order.")
    def categories(self) -> list[ReportsCategory]:
        return [make_category(self.ctx, one) for one in self.ctx.config.categories]

    @field(visible=PUBLIC, description="What the categories (or one of them) ask besides place, text and photos.")
    def fields(
        self,
        category: Annotated[strawberry.ID | None, argument(description="Only what the one with this id asks.")] = None,
    ) -> list[ReportsField]:
        known = self.ctx.config.categories
        asking = known if category is None else [one for one in known if one.id == category]
        return [make_field(self.ctx, one, asked) for one in asking for asked in one.fields]

    @field(visible=PUBLIC, description="The states that reports go through.")
    def statuses(self) -> list[ReportsStatus]:
        return [make_status(self.ctx, one.name) for one in DEFECT.statuses if one.public]

    @field(visible=PUBLIC, name="list", description="Published reports, the newest first.")
    async def listed(
        self,
        first: First = 20,
        after: Annotated[str | None, argument(description="Cursor after which to go on.")] = None,
        category: Of = None,
        open: Annotated[bool | None, argument(description="Only open (or closed) ones.")] = None,
    ) -> Connection[ReportsReport]:
        ctx = self.ctx
        page = await paginate(
            ctx, service.shown(ctx, category, open), order=LATEST, first=first, after=after, make=_bare, cap=CAP
        )
        found = listed(ReportsReport, ctx, [edge.node for edge in page.edges])
        for edge, report in zip(page.edges, found, strict=True):
            edge.node = report
        return page

    @field(visible=PUBLIC, description="The nearest published reports, nearest first.")
    async def near(
        self,
        lat: Lat,
        lon: Lon,
        first: First = 20,
        metres: Annotated[float, argument(description="Only within this distance, up to 20,000.")] = service.NEAR,
        category: Of = None,
    ) -> list[ReportsReport]:
        check_first(first, CAP)
        if not 0 < metres <= 20_000:
            raise InputError(f"metres: {metres} is not between 0 and 20000")
        service.check_globe(lat, lon)
        found = await service.near(self.ctx, lat, lon, first, metres, category)
        return listed(ReportsReport, self.ctx, found, point=(lat, lon))

    @field(visible=PUBLIC, description="One published report; null where there is none of this id.")
    async def report(self, id: Id) -> ReportsReport | None:
        found = await service.one(self.ctx, id)
        return ReportsReport(ctx=self.ctx, row=found) if found else None

    @field(visible=PUBLIC, description="What has happened to a published report, the oldest first.")
    async def updates(self, report: Id) -> list[ReportsUpdate]:
        return [
            ReportsUpdate(
                at=self.ctx.localize(event.at),
                status=make_status(self.ctx, event.facts["to"]) if event.what == "status" else None,
                text=text or "",
                photos=[make_image(self.ctx, picture) for picture in pictures],
            )
            for event, text, pictures in await service.updates(self.ctx, report)
        ]

    @field(visible=PUBLIC, description="Open reports that may be the same as one at this place, the nearest first.")
    async def duplicates(
        self, lat: Lat, lon: Lon, category: Annotated[strawberry.ID, argument(description="Id of the category.")]
    ) -> list[ReportsReport]:
        found = await service.duplicates(self.ctx, lat, lon, category, 10)
        return listed(ReportsReport, self.ctx, found, point=(lat, lon))


def _bare(case: cases.Case) -> Any:
    """A node for the time being: the objects of a page are made together."""
    return case


@strawberry.type(name="ReportsMutations", description="What can be done with reports.")
class ReportsMutations(CityModule):
    @field(visible=PUBLIC, description="File a report. No account is needed.")
    async def create(self, input: ReportsCreateInput) -> ReportsFiled | None:
        report = service.Report(
            category=input.category,
            lat=input.lat,
            lon=input.lon,
            text=input.text,
            address=input.address,
            fields=_given(input.answers),
            photos=tuple(input.photos),
            name=input.name,
            email=input.email,
            phone=input.phone,
        )
        done = await service.create(self.ctx, report, input.idempotency_key)
        return _filed(done.case, done.receipt, done.repeated)

    @field(visible=PUBLIC, description="Me too: follow a report of somebody else, without an account.")
    async def follow(self, input: ReportsFollowInput) -> ReportsFiled | None:
        done = await service.follow(self.ctx, input.report, input.idempotency_key)
        return _filed(done.case, done.receipt, done.repeated)

    @field(visible=MODERATE, description="Let everybody see a report or not, in other words where that is needed.")
    async def moderate(self, input: ReportsModerateInput) -> ReportsFiled | None:
        case = await service.moderate(
            self.ctx, input.report, published=input.published, text=input.text, hide=input.hide, show=input.show
        )
        return _filed(case, "", False)


def _given(answers: Sequence[ReportsAnswerInput]) -> dict[str, str]:
    given: dict[str, str] = {one.field: one.value for one in answers}
    if len(given) < len(answers):
        raise InputError("answers: names a field twice")
    return given


def _filed(case: cases.Case, receipt: str, repeated: bool) -> ReportsFiled:
    return ReportsFiled(
        report=strawberry.ID(case.id),
        number=case.number,
        receipt=receipt,
        published=case.published and case.shown,
        repeated=repeated,
    )

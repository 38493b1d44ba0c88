"""What citizens do with a case by its receipt (or their token), and what staff do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession

from allmende import cases
from allmende.casekind import GONE, CaseKind
from allmende.cases.transfer import deliver
from allmende.context import Context
from allmende.errors import Denied, InputError, NotFound
from allmende.graphql.cases.read import context, tracked, whole
from allmende.graphql.cases.types import Case
from allmende.graphql.core import CoreMutations
from allmende.graphql.visibility import field
from allmende.once import keys as once
from allmende.visibility import PUBLIC

_KEY = "Made by the client, random (a UUID), the same when it tries again: then nothing is done twice."
_FILES = "Ids of uploads, see POST /<city>/files."


@strawberry.input(description="An answer to the town hall, or something to add to the case.")
class CaseAnswerInput:
    city: str = strawberry.field(description="Slug of the city.")
    number: str = strawberry.field(description="Of the case.")
    receipt: str = strawberry.field(default="", description="Of the case; not needed with the token it was sent with.")
    text: str = strawberry.field(description="Plain text, up to 5,000 characters.")
    files: list[str] = strawberry.field(default_factory=list, description=_FILES)
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="A case that is not to be worked on any more.")
class CaseWithdrawInput:
    city: str = strawberry.field(description="Slug of the city.")
    number: str = strawberry.field(description="Of the case.")
    receipt: str = strawberry.field(default="", description="Of the case; not needed with the token it was sent with.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description='"Me too": a case of somebody else that one wants to follow.')
class CaseFollowInput:
    city: str = strawberry.field(description="Slug of the city.")
    number: str = strawberry.field(description="Of a published case.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.type(description="A receipt of one's own for a case of somebody else.")
class CaseFollowed:
    receipt: str = strawberry.field(description="Shown once; with it and the number, `City.case` shows the case.")
    case: Case = strawberry.field(description="The case.")


@strawberry.input(description="What staff do with a case, all of it at once; what is left out stays as it is.")
class CaseWorkInput:
    city: str = strawberry.field(description="Slug of the city.")
    number: str = strawberry.field(description="Of the case.")
    status: str | None = strawberry.field(default=None, description="The next state.")
    reason: str = strawberry.field(default="", description="A public word on the new state.")
    message: str | None = strawberry.field(default=None, description="To its submitter.")
    asks: bool = strawberry.field(default=False, description="Whether the message waits for an answer.")
    public: bool = strawberry.field(default=False, description="Whether everybody sees the message.")
    files: list[str] = strawberry.field(default_factory=list, description="Pictures of the message. " + _FILES)
    note: str | None = strawberry.field(default=None, description="Which only staff see.")
    department: str | None = strawberry.field(default=None, description="Who is responsible; empty for nobody.")
    assignee: str | None = strawberry.field(default=None, description="Account of who has it; empty for nobody.")
    deadline: datetime | None = strawberry.field(default=None, description="Until when it should be done.")
    published: bool | None = strawberry.field(default=None, description="Whether everybody sees its public part.")
    hand_over_to: str | None = strawberry.field(
        default=None,
        description="Slug of the city of this instance that goes on with it, or the name of a body outside.",
    )
    merge_into: str | None = strawberry.field(default=None, description="Number of the case that says the same.")
    link_to: str | None = strawberry.field(default=None, description="Number of a case that has to do with it.")
    part_of: str | None = strawberry.field(default=None, description="Number of the case that it is a part of.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.type(description="Cases.")
class CaseMutations(CoreMutations):
    @field(visible=PUBLIC, description="Write to the town hall about a case of one's own.")
    async def answer(self, input: CaseAnswerInput) -> Case:
        async def do(session: AsyncSession, ctx: Context[Any], seen: cases.Seen, kind: CaseKind | None) -> None:
            _own(seen)
            await cases.message(session, ctx, seen.case, input.text, files_=input.files)

        return await self._do("case.answer", input, input.receipt, do)

    @field(visible=PUBLIC, description="Take back a case of one's own.")
    async def withdraw(self, input: CaseWithdrawInput) -> Case:
        async def do(session: AsyncSession, ctx: Context[Any], seen: cases.Seen, kind: CaseKind | None) -> None:
            _own(seen)
            await cases.withdraw(session, ctx, kind or GONE, seen.case)

        return await self._do("case.withdraw", input, input.receipt, do)

    @field(visible=PUBLIC, description='Say "me too" to a published case, and follow it.')
    async def follow(self, input: CaseFollowInput) -> CaseFollowed:
        ctx = self._context("")
        async with ctx.transaction() as session:
            case = await cases.find(session, number=input.number)
            if case is None:
                raise NotFound("there is no such case")
            ctx = self._context(case.kind)
            receipt = (await cases.follow(session, ctx, case, key=input.idempotency_key)).receipt
            await session.flush()
            seen = cases.Seen(case, "public")
            return CaseFollowed(receipt=receipt, case=await self._whole(session, seen))

    @field(visible=PUBLIC, description="Work on a case; for staff with the permission `cases.work`.")
    async def work(self, input: CaseWorkInput) -> Case:
        services = self.request.services

        async def do(session: AsyncSession, ctx: Context[Any], seen: cases.Seen, kind: CaseKind | None) -> None:
            if not self.reader.may(cases.WORK, ctx.plugin):
                raise Denied(f"this needs the permission {cases.WORK}")
            await _work(session, ctx, seen.case, kind, input)
            if (to := input.hand_over_to) is not None:
                given = {"city": to} if to in services.cities().by_slug else {"body": to}
                await cases.hand_over(session, ctx, seen.case, **given, text=input.reason if not input.status else "")

        if self.reader.kind not in ("staff", "service"):
            code = "UNAUTHENTICATED" if self.reader.kind == "anonymous" else "FORBIDDEN"
            raise Denied("send the token of a member of staff (Authorization: Bearer …)", code=code)
        case = await self._do("case.work", input, "", do)
        if input.hand_over_to in services.cities().by_slug:
            await deliver(case.ctx, services.receiver, services.store)
        return case

    def _context(self, kind: str) -> Context[Any]:
        return context(self.request, self.city, kind, self.request.language(self.city, None))

    async def _whole(self, session: AsyncSession, seen: cases.Seen) -> Case:
        return await whole(self.request, session, self.city, self.request.language(self.city, None), seen)

    async def _do(
        self,
        what: str,
        input: Any,
        receipt: str,
        do: Callable[[AsyncSession, Context[Any], cases.Seen, CaseKind | None], Awaitable[None]],
    ) -> Case:
        """Do it once, to a case that the reader may see; the case as it is afterwards."""
        ctx = self._context("")
        async with ctx.transaction() as session:
            seen = await tracked(self.request, session, ctx, input.number, receipt)
            ctx, key = self._context(seen.case.kind), input.idempotency_key
            answer = seen.case.id.encode()
            if await once.claim(session, ctx, what, key, strawberry.asdict(input), answer) is None:
                await do(session, ctx, seen, self.request.services.registry.case_kind(seen.case.kind))
                await session.flush()
            return await self._whole(session, seen)


async def _work(
    session: AsyncSession, ctx: Context[Any], case: cases.Case, kind: CaseKind | None, input: CaseWorkInput
) -> None:
    given = {name: getattr(input, name) for name in ("department", "assignee", "deadline")}
    if changes := {name: value for name, value in given.items() if value is not None}:
        await cases.assign(session, ctx, case, **changes)
    if input.note is not None:
        await cases.note(session, ctx, case, input.note)
    if input.published is not None:
        await cases.publish(session, ctx, case, input.published)
    if input.message is not None:
        await cases.message(session, ctx, case, input.message, files_=input.files, asks=input.asks, public=input.public)
    if input.status is not None:
        await cases.transition(session, ctx, kind or GONE, case, input.status, text=input.reason)
    if input.link_to is not None:
        await cases.link(session, ctx, case, await _other(session, ctx, input.link_to, "linkTo"))
    if input.part_of is not None:
        await cases.make_part(session, ctx, case, await _other(session, ctx, input.part_of, "partOf"))
    if input.merge_into is not None:
        into = await _other(session, ctx, input.merge_into, "mergeInto")
        await cases.merge(session, ctx, kind or GONE, case, into)


async def _other(session: AsyncSession, ctx: Context[Any], number: str, name: str) -> cases.Case:
    """A further case that the reader may see."""
    found = await cases.find(session, number=number)
    if found is None or cases.seen_as(found, ctx.reader) != "staff":
        raise InputError(f"input.{name}: there is no such case", code="NOT_FOUND")
    return found


def _own(seen: cases.Seen) -> None:
    if seen.as_ != "submitter":
        raise Denied("only who has submitted the case can do this; send its receipt")

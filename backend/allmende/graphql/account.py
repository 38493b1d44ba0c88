"""`me`, and the mutations by which an app gets an identity, keeps it and gives it back."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from allmende.accounts import citizens, devices
from allmende.accounts.holdings import end_holding, holdings
from allmende.cases.access import take_over as take_over_cases
from allmende.errors import Denied, InputError
from allmende.graphql.core import CoreMutations
from allmende.graphql.personal import export_of
from allmende.graphql.request import Info
from allmende.graphql.visibility import field
from allmende.notify import moving
from allmende.reader import Reader
from allmende.visibility import PUBLIC, SIGNED_IN


@strawberry.type(description="Something that holds a token of the account: an app, a browser at the desk, a machine.")
class AccountSession:
    id: strawberry.ID = strawberry.field(description="Its key, for `accountRevoke`.")
    kind: str = strawberry.field(description="`device`, `app`, `desk` or `service`.")
    created: datetime = strawberry.field(description="When it was signed in.")
    seen: datetime | None = strawberry.field(description="When it was last used, to the day.")
    current: bool = strawberry.field(description="Whether it is the one that asks.")


@strawberry.type(description="Who asks, as the token of the request says.")
class Me:
    reader: strawberry.Private[Reader]

    @strawberry.field(description="Account, 32 hexadecimal digits.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.reader.id)

    @strawberry.field(description="`device`, `citizen`, `staff` or `service`.")
    def kind(self) -> str:
        return self.reader.kind

    @strawberry.field(description="Slug of the city that the token is for; in every other city one is nobody.")
    def city(self) -> str:
        return self.reader.city

    @strawberry.field(description="What colleagues see of staff and services; null for devices and citizens.")
    def name(self) -> str | None:
        return self.reader.name or None

    @strawberry.field(
        description="What staff and services may do: `reports.work`, or `cases.work:reports` for a module."
    )
    def permissions(self) -> list[str]:
        return sorted(self.reader.permissions)

    @strawberry.field(description="Where the account is signed in, the newest first, at most 100.")
    async def sessions(self, info: Info) -> list[AccountSession]:
        accounts = info.context.services.accounts
        found = await holdings(accounts, self.reader.city, self.reader.id)
        return [
            AccountSession(
                id=strawberry.ID(one.family),
                kind=one.kind,
                created=one.created,
                seen=one.seen,
                current=one.family == self.reader.session,
            )
            for one in found
        ]

    @strawberry.field(description="All that is held about the account in its city (Art. 15 and 20 GDPR).")
    async def export(self, info: Info) -> JSON:
        return await export_of(info.context, self.reader)


def me(info: Info) -> Me | None:
    """Who asks; None for the anonymous reader."""
    reader = info.context.reader
    return Me(reader=reader) if reader.kind != "anonymous" else None


@strawberry.input(description="Where a device is to be known, and how it wants to be spoken to.")
class AccountRegisterDeviceInput:
    city: str = strawberry.field(description="Slug of the city.")
    language: str = strawberry.field(default="", description="One of the city's languages; empty for its first.")


@strawberry.type(description="A device that is known from now on.")
class AccountDevice:
    token: str = strawberry.field(description="Keep it, and send it as `Authorization: Bearer …`; it is told once.")


@strawberry.input(description="Which sign-in to end.")
class AccountRevokeInput:
    city: str = strawberry.field(description="Slug of the city that the token is for.")
    session: strawberry.ID | None = strawberry.field(
        default=None, description="`id` of one of `me { sessions }`; null for the one that asks."
    )
    everywhere: bool = strawberry.field(default=False, description="End all of them.")


@strawberry.input(description="The code with which the browser came back from signing in.")
class AccountExchangeInput:
    city: str = strawberry.field(description="Slug of the city.")
    code: str = strawberry.field(description="`code` of the address that the app was opened with; it works once.")
    verifier: str = strawberry.field(description="What the app made the challenge of (RFC 7636).")


@strawberry.input(description="The refresh token of an app.")
class AccountRefreshInput:
    city: str = strawberry.field(description="Slug of the city that the token is for.")
    refresh: str = strawberry.field(description="The newest one; each works once.")


@strawberry.type(description="What an app holds that somebody has signed in to.")
class AccountTokens:
    access: str = strawberry.field(description="Send it as `Authorization: Bearer …`.")
    refresh: str = strawberry.field(description="Keep it; it gets new tokens, once.")
    expires_in: int = strawberry.field(description="Seconds for which `access` works.")


@strawberry.input(description="A device whose cases and topics are to be the citizen's who has signed in on it.")
class AccountMergeInput:
    city: str = strawberry.field(description="Slug of the city that both tokens are for.")
    device: str = strawberry.field(description="Token of the device.")
    agreed: bool = strawberry.field(
        description="Whether the person was asked, and has said yes; without, it is refused."
    )


@strawberry.type(description="What is the citizen's now.")
class AccountMerged:
    cases: int = strawberry.field(description="How many cases the device had submitted or followed.")
    places: int = strawberry.field(description="How many places, with their subscriptions, the device had.")


@strawberry.type(description="Identities.")
class AccountMutations(CoreMutations):
    @field(visible=PUBLIC, description="Make an anonymous identity for a device. It can be revoked at any time.")
    async def register_device(self, input: AccountRegisterDeviceInput) -> AccountDevice:
        language = input.language or self.city.language
        if language not in self.city.languages:
            raise InputError(f"input.language: one of {', '.join(self.city.languages)}")
        accounts = self.request.services.accounts
        client = self.request.client if self.request.charge is not None else ""
        return AccountDevice(token=await devices.register_device(accounts, self.city.slug, language, client=client))

    @field(visible=PUBLIC, description="Tokens for a citizen who has come back from signing in at `/<city>/login`.")
    async def exchange(self, input: AccountExchangeInput) -> AccountTokens:
        accounts = self.request.services.accounts
        return _tokens(await citizens.exchange(accounts, self.city.slug, input.code, input.verifier))

    @field(visible=PUBLIC, description="New tokens for a refresh token, which is used up by that.")
    async def refresh(self, input: AccountRefreshInput) -> AccountTokens:
        return _tokens(await citizens.refresh(self.request.services.accounts, self.city.slug, input.refresh))

    @field(visible=SIGNED_IN, description="Sign out: the tokens open nothing any more, at once. True when it is done.")
    async def revoke(self, input: AccountRevokeInput) -> bool:
        family = str(input.session) if input.session is not None else self.reader.session
        await end_holding(self.request.services.accounts, self.reader, family, everywhere=input.everywhere)
        return True

    @field(
        visible=SIGNED_IN,
        description="For a citizen who has signed in: take over the cases and subscriptions of the device. It stays "
        "known, with nothing in it.",
    )
    async def merge(self, input: AccountMergeInput) -> AccountMerged:
        services, slug = self.request.services, self.city.slug
        if self.reader.kind != "citizen":
            raise Denied("only a citizen who has signed in can take over what a device has")
        if not input.agreed:
            raise InputError("input.agreed: ask the person first whether the device's cases and topics shall be theirs")
        try:
            device = await services.accounts.reader(input.device)
        except Denied as error:
            raise InputError("input.device: is no token of a device that is valid (any more)") from error
        if device.kind != "device" or device.city != slug:
            raise InputError("input.device: is no token of a device of this city")
        async with services.database.transaction(slug) as session:
            cases = await take_over_cases(session, self.reader.id, device.id)
            places = await moving.take_over(session, self.reader.id, device.id, services.clock())
        return AccountMerged(cases=cases, places=places)


def _tokens(pair: citizens.Pair) -> AccountTokens:
    return AccountTokens(access=pair.access, refresh=pair.refresh, expires_in=pair.expires_in)

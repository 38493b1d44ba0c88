"""Topics, one's own subscriptions, and the mutations that make and end them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from allmende.cases.telling import MINE, ROOM
from allmende.city.model import City, pick
from allmende.errors import InputError, NotFound
from allmende.graphql.core import CoreMutations
from allmende.graphql.languages import choose
from allmende.graphql.request import RequestContext
from allmende.graphql.visibility import field
from allmende.notify import moving, subscribing
from allmende.notify.endpoints import PUSHED, Place, check_place
from allmende.notify.quiet import clock_time, minute
from allmende.notify.tables import Endpoint, Subscription
from allmende.notify.ways import offered
from allmende.topic import Topic
from allmende.visibility import SIGNED_IN, staff

CONNECT = staff("notify.connect")


@strawberry.type(description="By what a topic can be narrowed down.")
class NotifyParameter:
    name: str = strawberry.field(description="As mutations take it.")
    title: str = strawberry.field(description="What citizens read.")
    values: list[str] = strawberry.field(description="All values that there are; empty for free text.")
    labels: list[str] = strawberry.field(description="What citizens read of each value, in the same order.")
    ordered: bool = strawberry.field(description="The value chosen is the least that is of interest.")
    required: bool = strawberry.field(description="Nobody can subscribe without it; otherwise, none means every value.")


@strawberry.type(description="Something that one can be told of.")
class NotifyTopic:
    name: str = strawberry.field(description="As mutations take it: `warnings.issued`.")
    module: str = strawberry.field(description="Name of the module that tells.")
    title: str = strawberry.field(description="What citizens call it.")
    summary: str = strawberry.field(description="When one is told, in a sentence; may be empty.")
    urgent: bool = strawberry.field(description="Whether it may break quiet hours where lives are at stake.")
    personal: bool = strawberry.field(description="Whether one is told of one's own matters only.")
    parameters: list[NotifyParameter] = strawberry.field(description="By what it can be narrowed down.")
    reminders: str | None = strawberry.field(
        description="Selection on the module from which the phone computes reminders itself, without any push."
    )


@strawberry.type(description="How the city can tell somebody.")
class NotifyPush:
    channels: list[str] = strawberry.field(description="Of `webpush`, `fcm`, `apns`, `email`.")
    application_server_key: str | None = strawberry.field(
        description="For `pushManager.subscribe` and UnifiedPush (VAPID, base64url); null without web push."
    )


@strawberry.type(description="A parameter of a subscription, and its value.")
class NotifyChoice:
    name: str = strawberry.field(description="Name of the parameter.")
    value: str = strawberry.field(description="Its value.")


@strawberry.type(description="One topic that one has subscribed to at one place.")
class NotifySubscription:
    id: strawberry.ID = strawberry.field(description="For `notifyUnsubscribe`.")
    topic: str = strawberry.field(description="Its topic.")
    parameters: list[NotifyChoice] = strawberry.field(description="By what it is narrowed down.")
    channel: str = strawberry.field(description="The way by which one is told.")
    confirmed: bool = strawberry.field(description="False as long as an e-mail address has not been confirmed.")
    quiet_from: str | None = strawberry.field(description="When quiet hours begin (`22:00`); null for none.")
    quiet_until: str | None = strawberry.field(description="When they end.")
    created: datetime = strawberry.field(description="Since when.")
    secret: str | None = strawberry.field(description="With which messages to a web hook are signed; null for others.")


@strawberry.input(description="A parameter and its value.")
class NotifyChoiceInput:
    name: str = strawberry.field(description="Name of the parameter.")
    value: str = strawberry.field(description="Its value.")


@strawberry.input(description="What to be told of, where, and when not.")
class NotifySubscribeInput:
    city: str = strawberry.field(description="Slug of the city.")
    topic: str = strawberry.field(description="As `topics` names it.")
    parameters: list[NotifyChoiceInput] = strawberry.field(
        default_factory=list, description="By what to narrow it down; what is not named means every value."
    )
    channel: str = strawberry.field(description="One of `push { channels }`.")
    address: str = strawberry.field(
        description="`endpoint` of the browser's PushSubscription, a token of FCM or APNs, an e-mail address."
    )
    p256dh: str = strawberry.field(default="", description="Web push: the browser's public key.")
    auth: str = strawberry.field(default="", description="Web push: the browser's secret.")
    language: str = strawberry.field(default="", description="Of the messages; the reader's, if empty.")
    quiet_from: str = strawberry.field(default="", description="`22:00`: from then on only what is urgent.")
    quiet_until: str = strawberry.field(default="", description="`06:00`: until then.")


@strawberry.input(description="Which subscription to end.")
class NotifyUnsubscribeInput:
    city: str = strawberry.field(description="Slug of the city.")
    id: strawberry.ID = strawberry.field(description="As `subscriptions` has it.")


@strawberry.input(description="A phone or browser whose push address has changed.")
class NotifyRenewInput:
    city: str = strawberry.field(description="Slug of the city.")
    channel: str = strawberry.field(description="`webpush`, `fcm` or `apns`.")
    old: str = strawberry.field(description="The address until now.")
    address: str = strawberry.field(description="The address from now on.")
    p256dh: str = strawberry.field(default="", description="Web push: the browser's public key for it.")
    auth: str = strawberry.field(default="", description="Web push: the browser's secret for it.")


@strawberry.input(description="A partner's server that is to be told.")
class NotifyConnectInput:
    city: str = strawberry.field(description="Slug of the city.")
    topic: str = strawberry.field(description="As `topics` names it.")
    parameters: list[NotifyChoiceInput] = strawberry.field(
        default_factory=list, description="By what to narrow it down; what is not named means every value."
    )
    address: str = strawberry.field(description="https address that messages are posted to, signed.")


@strawberry.input(description="Where to end all subscriptions.")
class NotifyUnsubscribeAllInput:
    city: str = strawberry.field(description="Slug of the city.")


def known(context: RequestContext, city: City) -> list[tuple[str, Topic]]:
    """(Owner, topic): those of the modules that are on in the city, by name, and of cases where one of them has any."""
    on = [one for name, one in sorted(context.services.registry.plugins.items()) if city.config(name) is not None]
    found = [(one.plugin.name, topic) for one in on for topic in one.plugin.topics]
    return [(ROOM, MINE), *found] if any(one.plugin.cases for one in on) else found


def topics(context: RequestContext, city: City, language: str) -> list[NotifyTopic]:
    """What one can be told of in the city."""

    def text(words: str | dict[str, str]) -> str:
        return pick(words, language, city.language)

    return [
        NotifyTopic(
            name=f"{plugin}.{topic.name}",
            module=plugin,
            title=text(topic.title),
            summary=text(topic.summary),
            urgent=topic.urgent,
            personal=topic.personal,
            parameters=[
                NotifyParameter(
                    name=one.name,
                    title=text(one.title),
                    values=list(one.values),
                    labels=[text(one.labels.get(value, value)) for value in one.values],
                    ordered=one.ordered,
                    required=one.required,
                )
                for one in topic.parameters
            ],
            reminders=topic.reminders or None,
        )
        for plugin, topic in known(context, city)
    ]


def push(city: City) -> NotifyPush:
    """The channels that the city has set up."""
    web = city.notify.webpush
    return NotifyPush(channels=offered(city), application_server_key=web.public_key if web else None)


async def mine(context: RequestContext, city: City) -> list[NotifySubscription]:
    """Of the reader; Denied for whoever is not signed in here."""
    reader = context.reader_in(city.slug)
    SIGNED_IN.check(reader)
    async with context.services.database.session(city.slug) as session:
        found = await subscribing.subscriptions(session, reader.id)
    return [_shown(one, endpoint) for one, endpoint in found]


@strawberry.type(description="Subscriptions.")
class NotifyMutations(CoreMutations):
    @field(visible=SIGNED_IN, description="Be told of a topic from now on; again with other quiet hours changes these.")
    async def subscribe(self, input: NotifySubscribeInput) -> NotifySubscription:
        if input.channel not in offered(self.city):
            raise InputError(f"input.channel: one of {', '.join(offered(self.city)) or 'none: nothing is set up'}")
        place = check_place(input.channel, input.address, {"p256dh": input.p256dh, "auth": input.auth})
        quiet = None
        if input.quiet_from or input.quiet_until:
            quiet = (minute(input.quiet_from, "input.quietFrom"), minute(input.quiet_until, "input.quietUntil"))
        language = choose(self.city.languages, input.language or None, self.request.accept_language)
        return await self._subscribe(input.topic, input.parameters, place, language, quiet)

    @field(
        visible=SIGNED_IN,
        description="Send to another push address of the same phone or browser from now on; nothing that it has "
        "subscribed to is lost. How many subscriptions that are.",
    )
    async def renew(self, input: NotifyRenewInput) -> int:
        if input.channel not in PUSHED:
            raise InputError(f"input.channel: one of {', '.join(PUSHED)}")
        services = self.request.services
        new = check_place(input.channel, input.address, {"p256dh": input.p256dh, "auth": input.auth})
        before = input.old.strip()
        old = Place(channel=input.channel, address=before.lower() if input.channel == "apns" else before)
        async with services.database.transaction(self.city.slug) as session:
            return await moving.renew(session, self.reader.id, old, new, services.clock())

    @field(visible=CONNECT, description="Tell a partner's server from now on, by a signed web hook. For staff.")
    async def connect(self, input: NotifyConnectInput) -> NotifySubscription:
        place = check_place("webhook", input.address, {})
        return await self._subscribe(input.topic, input.parameters, place, self.city.language, None)

    @field(visible=CONNECT, description="End a web hook that one has set up. True when it is done.")
    async def disconnect(self, input: NotifyUnsubscribeInput) -> bool:
        return await self._end(str(input.id))

    @field(visible=SIGNED_IN, description="End one subscription, at once. True when it is done.")
    async def unsubscribe(self, input: NotifyUnsubscribeInput) -> bool:
        return await self._end(str(input.id))

    @field(visible=SIGNED_IN, description="Forget every place and subscription of the reader. How many places.")
    async def unsubscribe_all(self, input: NotifyUnsubscribeAllInput) -> int:
        services = self.request.services
        async with services.database.transaction(self.city.slug) as session:
            return await subscribing.unsubscribe_all(session, self.reader.id, services.clock())

    async def _subscribe(
        self, name: str, parameters: list[NotifyChoiceInput], place: Place, language: str, quiet: subscribing.Quiet
    ) -> NotifySubscription:
        (plugin, topic), services = self._topic(name), self.request.services
        now, choices = services.clock(), {one.name: one.value for one in parameters}
        async with services.database.transaction(self.city.slug) as session:
            endpoint = await subscribing.register(session, self.city, self.reader.id, place, language, now)
            made = await subscribing.subscribe(session, endpoint, plugin, topic, choices, quiet, now)
        return _shown(made, endpoint)

    async def _end(self, id_: str) -> bool:
        async with self.request.services.database.transaction(self.city.slug) as session:
            if not await subscribing.unsubscribe(session, self.reader.id, id_):
                raise NotFound("input.id: there is no such subscription of yours")
        return True

    def _topic(self, name: str) -> tuple[str, Topic]:
        for plugin, topic in known(self.request, self.city):
            if name == f"{plugin}.{topic.name}":
                return plugin, topic
        raise InputError(f"input.topic: there is no topic {name[:80]!r} in {self.city.slug}")


def _shown(one: Subscription, endpoint: Endpoint) -> NotifySubscription:
    quiet = (one.quiet_from, one.quiet_until)
    begin, end = (None if value is None else clock_time(value) for value in quiet)
    return NotifySubscription(
        id=strawberry.ID(one.id),
        topic=one.topic,
        parameters=[NotifyChoice(name=name, value=value) for name, value in sorted(one.parameters.items())],
        channel=endpoint.channel,
        confirmed=endpoint.confirmed,
        quiet_from=begin,
        quiet_until=end,
        created=one.created,
        secret=endpoint.keys.get("secret"),
    )

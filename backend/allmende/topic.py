"""What citizens can subscribe to: a plugin's topics, with the parameters by which somebody narrows one down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from allmende.city.model import LocalText

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Parameter(Struct, frozen=True, kw_only=True):
    """A fact by which subscribers narrow a topic down: the street, a category, the least severity."""

    name: Name
    title: LocalText
    values: tuple[str, ...] = ()
    """All values that there are; empty where they are free text (a street)."""
    labels: dict[str, LocalText] = {}
    """Value → what citizens read."""
    ordered: bool = False
    """`values` are in order, and a subscriber's is the least that is of interest: `severe` means `extreme`, too."""
    required: bool = False
    """Whether nobody can subscribe without it. Otherwise, not to give it means every value."""


class Topic(Struct, frozen=True, kw_only=True):
    """Something that a device, an address or a citizen can subscribe to; in the API it is `<plugin>.<name>`."""

    name: Name
    title: LocalText
    summary: LocalText = ""
    """When one is told, in a sentence."""
    parameters: tuple[Parameter, ...] = ()
    urgent: bool = False
    """Whether messages with the urgency `urgent` may break a subscriber's quiet hours."""
    personal: bool = False
    """Messages go only to those whom the plugin names (`tell(to=…)`), of its subscribers: news of my own case."""
    reminders: str = ""
    """GraphQL selection on the module from which the phone computes reminders by itself, without any push:
    `pickups(street: $street, days: 60) { date fraction { name } }`. Variables are the topic's parameters."""

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)


def topic_faults(topic: Topic) -> Iterator[str]:
    """What is wrong with the declaration of a topic."""
    names = [parameter.name for parameter in topic.parameters]
    for name in (topic.name, *names):
        if not _NAME.fullmatch(name):
            yield f"topic {topic.name!r}: {name!r} is no name: small letters, digits and _, at most 40 characters"
    if len(set(names)) < len(names):
        yield f"topic {topic.name!r} has two parameters of one name"
    for parameter in topic.parameters:
        if parameter.ordered and not parameter.values:
            yield f"topic {topic.name!r}: the parameter {parameter.name!r} is ordered and has no values"
        if strange := parameter.labels.keys() - set(parameter.values):
            yield f"topic {topic.name!r}: {parameter.name!r} has a label for {sorted(strange)[0]!r}, which is no value"

"""What a city sets for reports: its categories with their fields, who works on what, and how reports come and go."""

from __future__ import annotations

from typing import Annotated, Literal

from allmende import CaseRule, Colour, Config, LocalText, Slug, Strict
from msgspec import Meta

Key = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=40)]


class Choice(Strict, frozen=True, kw_only=True):
    """One of the values of a field of the kind `choice`."""

    id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", max_length=40)]
    name: LocalText


class Field(Strict, frozen=True, kw_only=True):
    """Something that a category asks besides place, text and photos."""

    id: Key
    label: LocalText
    hint: LocalText = ""
    kind: Literal["text", "number", "choice", "boolean"] = "text"
    required: bool = False
    choices: tuple[Choice, ...] = ()
    public: bool = False
    """Whether everybody sees the answer once the report is published. Nothing that could be about a person."""

    def __post_init__(self) -> None:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError(f"the field {self.id!r} needs choices if it is of the kind choice, and none otherwise")


class Category(Strict, frozen=True, kw_only=True):
    """A kind of thing that can be reported: a `[[categories]]` table."""

    id: Slug
    name: LocalText
    description: LocalText = ""
    group: LocalText = ""
    icon: str = "📍"
    """One emoji or character."""
    colour: Colour = "#b3541e"
    keywords: tuple[str, ...] = ()
    distance: Annotated[float, Meta(ge=0, le=1000)] = 30
    """Metres within which an open report of this category may be the same; 0 proposes none."""
    fields: tuple[Field, ...] = ()
    service_code: str = ""
    """What the town hall's Open311 server calls it; its id, if empty. See `forward`."""


class Forward(Strict, frozen=True, kw_only=True):
    """The Open311 (GeoReport v2) server of the town hall, to which reports are passed on: the table `[forward]`."""

    url: Annotated[str, Meta(pattern="^https?://[^@?#]+$", description="the address above services.json")]
    format: Literal["json", "xml"] = "json"
    jurisdiction: str = ""
    api_key: str = ""
    """`secret:NAME`."""
    categories: tuple[str, ...] = ()
    """Only these; all, if empty."""
    photos: Literal["no", "first", "all"] = "first"
    """Which photos it is given, as addresses that it can fetch them from: the standard knows one, some servers take
    several fields `media_url`. Needs a host name of the city."""
    personal: bool = False
    """Whether name, e-mail and telephone number are passed on, too."""


class ReportsConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/reports.toml."""

    categories: Annotated[tuple[Category, ...], Meta(max_length=100)] = ()
    routing: tuple[CaseRule, ...] = ()
    """Who works on what, until when; the first rule that fits decides."""
    area: str = ""
    """GeoJSON file below the city's folder, in which reports must lie (WGS 84).

    Without it, the outline in city.toml is the limit, else the city's box."""
    moderation: Literal["before", "after"] = "before"
    """Whether somebody looks at a report before everybody sees it."""
    contact: Literal["no", "optional", "required"] = "optional"
    """Whether name, e-mail address and telephone number are asked for; they are never published."""
    anonymous_per_hour: Annotated[int, Meta(ge=0, le=10_000)] = 60
    """Reports an hour, of all who give no token together; 0 takes none without a token."""
    shown_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    """Days for which a closed report stays in lists and on the map."""
    show_deadline: bool = False
    """Whether everybody sees until when it is to be done."""
    open311: Literal["off", "read", "key", "open"] = "key"
    """The city's own Open311 endpoint: none, only reading, posting with a service token, posting by everybody."""
    forward: Forward | None = None

    def __post_init__(self) -> None:
        known = [category.id for category in self.categories]
        for id in known:
            if known.count(id) > 1:
                raise ValueError(f"two categories have the id {id!r}")
        for category in self.categories:
            fields = [field.id for field in category.fields]
            if len(set(fields)) < len(fields):
                raise ValueError(f"the category {category.id!r} has two fields of one id")
        named = {id for rule in self.routing for id in rule.category}
        if unknown := sorted(({*named, *(self.forward.categories if self.forward else ())}) - {*known}):
            raise ValueError(f"{unknown[0]!r} is no category: {', '.join(known) or 'there are none'}")

    def category(self, id: str) -> Category | None:
        """The category of this id; None where the city does not have it (any more)."""
        for category in self.categories:
            if category.id == id:
                return category
        return None

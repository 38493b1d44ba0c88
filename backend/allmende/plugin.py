"""The plugin contract: one frozen declaration that shows on one screen all that a plugin adds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from allmende.casekind import CaseKind
from allmende.city.model import Config, LocalText, Maintainer, Role, Strict
from allmende.contenttype import ContentType
from allmende.context import Context
from allmende.db.table import CityTable, FeedTable
from allmende.importer import Importer
from allmende.personal import PersonalData
from allmende.topic import Topic
from allmende.visibility import Visibility

API = 1
"""Number of this contract. A plugin.toml with another number is not loaded."""


class Exempt(Strict, frozen=True, kw_only=True):
    """A rule that does not apply to a plugin, and why not: `search = { exempt = "has no texts" }`."""

    exempt: Annotated[str, Meta(min_length=10, description="the reason, in a sentence")]


class Manifest(Strict, frozen=True, kw_only=True):
    """plugin.toml: facts that are read without importing the plugin. The folder's name is the plugin's id."""

    title: LocalText
    summary: LocalText
    owner: str
    """Who maintains it: `allmende` for jointly maintained ones, else the slug of a city or a contact."""
    maintainers: tuple[Maintainer, ...] = ()
    """Who reviews changes, where that is not the owner's: handles or e-mail addresses."""
    licence: Annotated[str, Meta(description="SPDX identifier")]
    api: int
    version: str
    icon: str = ""
    """One emoji or character that stands for the module where there is little room."""
    budget: Annotated[float, Meta(gt=0, le=8)] | None = None
    """Seconds that the plugin may take for its part of one request; 2 where it does not say."""
    data_sources: tuple[str, ...] = ()
    """Kinds of data it reads, with standard or publisher."""
    personal_data: tuple[PersonalData, ...] = ()
    """Personal columns, see personal.py. Empty means that it stores none."""
    not_personal: dict[str, str] = field(default_factory=dict)
    """`table.column` whose name sounds personal and that is not → why not: `"places_place.phone" = "of an office"`."""
    small_lists: dict[str, str] = field(default_factory=dict)
    """`Type.field` of plain lists without `first` → why they stay small: `"NewsItem.images" = "at most ten"`."""
    maturity: dict[str, Literal["done", "todo"] | Exempt] = field(default_factory=dict)
    """Rule of the scale of maturity → how far the plugin is; a rule that is not named is still to do."""


class Job(Struct, frozen=True, kw_only=True):
    """Work that is done now and then for each city that has the plugin on."""

    name: str
    run: Callable[[Context[Any]], Awaitable[None]]
    every: timedelta
    timeout: timedelta = timedelta(minutes=5)
    retries: int = 3


class Reply(Struct, frozen=True, kw_only=True):
    """A document that a route answers with."""

    content: bytes | str
    media_type: str
    filename: str = ""
    """Offered as the name to save under."""
    max_age: int = 300
    """Seconds for which caches may keep it; only what was fetched (GET) with the status 200 is kept."""
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    """HTTP status, where the route's protocol wants another one than errors give by themselves."""


class Route(Struct, frozen=True, kw_only=True):
    """A document at its own address, `/<city>/<plugin>/<path>`: a calendar file, a GeoJSON export; or a form (POST).

    `path` may hold parameters: `"{id}.ics"`. InputError becomes 400, Denied 403 (401 without a token), NotFound 404.
    """

    path: str
    handle: Callable[[Context[Any], Mapping[str, str], Mapping[str, str]], Awaitable[Reply]]
    """(context, path parameters, query parameters) → reply."""
    visible: Visibility | None = None
    """Who may fetch it (`PUBLIC`); without it the plugin does not load."""
    method: Literal["GET", "POST"] = "GET"
    """With POST, the fields of the form (`application/x-www-form-urlencoded`) are laid over the query parameters."""
    fault: Callable[[Mapping[str, str], int, str], Reply] | None = None
    """(path parameters, status, message) → how the route's protocol tells errors; without it, as the core's JSON.

    The reply's own status wins, where it is not 200."""
    token: str = ""
    """Field (or query parameter) that may hold a token of the city instead of the header Authorization: `api_key`."""


class Search(Struct, frozen=True, kw_only=True):
    """How one table takes part in `City.search` and in the plugin's own search. The core keeps the index."""

    table: type[FeedTable]
    title: str
    """Column with the title, which counts most."""
    text: tuple[str, ...] = ()
    """Further columns to be found by."""
    load: Callable[[Context[Any], Sequence[str]], Any]
    """(context, ids) → GraphQL objects that implement SearchHit (any order, missing ones left out); one statement. With
    `shows` that statement, and an id may stand there more than once."""
    shows: type | None = None
    """The type that shows the rows, whose fields are declared (`column`, `computed`). With it, `load` gives no objects
    but the prepared statement of the rows (or an awaitable of it; None for none), of which the core reads what is
    selected. The type need not be named in `types`."""
    visible: Visibility | None = None
    """Who may find them (`PUBLIC`); without it the plugin does not load."""


class Feed(Struct, frozen=True, kw_only=True):
    """How a plugin takes part in `City.feed`: what is new or coming up, newest first."""

    load: Callable[[Context[Any], datetime | None, int], Any]
    """(context, before, first) → at most `first` objects that implement FeedItem with `date` < before, newest first; or
    the statement of them, with `shows`."""
    shows: type | None = None
    """The type of the rows that `load` gives a statement of, as in Search."""
    visible: Visibility | None = None
    """Who may see them (`PUBLIC`); without it the plugin does not load."""


class Map(Struct, frozen=True, kw_only=True):
    """How a plugin takes part in `City.map`."""

    load: Callable[[Context[Any], Any, int], Any]
    """(context, BBox, first) → at most `first` objects that implement MapFeature inside the box. One statement; with
    `shows`, it is given itself."""
    shows: type | None = None
    """The type of the rows that `load` gives a statement of, as in Search."""
    visible: Visibility | None = None
    """Who may see them (`PUBLIC`); without it the plugin does not load."""


class Home(Struct, frozen=True, kw_only=True):
    """What the module shows on a city's home screen: its part of the Home operation that apps send.

    The city preview page sends exactly this, and renders the answer with the plugin's preview.html (a Jinja fragment
    that gets `data`, `t`, `city` and date filters), or generically where there is none.
    """

    selection: str
    """GraphQL selection on the root field: `latest(first: 5) { id title publishedAt }`."""
    variables: Mapping[str, str] = {}
    """Operation variables that it uses → their GraphQL type: `{"waste_street": "String"}`. Begin with the name."""
    defaults: Callable[[Context[Any]], Awaitable[Mapping[str, Any]]] | None = None
    """Values for the variables when the reader has not chosen any."""


class Permission(Struct, frozen=True, kw_only=True):
    """Something that staff may do; `name="work"` of the plugin reports is `reports.work` everywhere else."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    title: LocalText
    """What the role's holder may do, for the page on which roles are given."""
    roles: tuple[Role, ...]
    """The roles that grant it. Nobody else has it; an admin gives roles, and has only what is granted here."""


class Plugin(Struct, frozen=True, kw_only=True):
    """All that a plugin adds. `name` is the folder's name, the config key, the root field and the table prefix."""

    name: str
    config: type[Config] = Config
    tables: tuple[type[CityTable], ...] = ()
    city_field: type | None = None
    """Strawberry type (a CityModule) behind the nullable field `City.<name>`."""
    mutations: type | None = None
    """Strawberry type (a CityModule, too) whose fields, prefixed with the plugin's name, become fields of Mutation.
    Each has one argument, `input`, whose field `city` says in which city; `self.ctx` is bound to it."""
    permissions: tuple[Permission, ...] = ()
    """What staff can be allowed to do; entries name them: `visible=staff("reports.work")`."""
    cases: tuple[CaseKind, ...] = ()
    """What citizens can submit; the core's register keeps it, see `allmende.cases`."""
    importers: tuple[Importer, ...] = ()
    content: tuple[ContentType, ...] = ()
    """What editors of the town hall write, see contenttype.py. Roles allow it: content.edit, content.publish …"""
    jobs: tuple[Job, ...] = ()
    routes: tuple[Route, ...] = ()
    search: tuple[Search, ...] = ()
    feed: Feed | None = None
    map: Map | None = None
    home: Home | None = None
    topics: tuple[Topic, ...] = ()
    """What citizens can subscribe to; `tell` tells them."""
    export: Callable[[Context[Any], str], Awaitable[Any]] | None = None
    """(context, account) → what is held about it besides the declared columns, as data; for Art. 15 and 20 GDPR."""
    erase: Callable[[Context[Any], str, bool], Awaitable[int]] | None = None
    """(context, account, dry run) → how many things besides the declared columns it has taken away, or would."""
    types: tuple[type, ...] = field(default=())
    """Further Strawberry types that only appear behind an interface."""

    @property
    def shown(self) -> tuple[type, ...]:
        """The types of its own that appear behind an interface."""
        hooks = (*self.search, *(hook for hook in (self.feed, self.map) if hook is not None))
        return tuple(dict.fromkeys((*self.types, *(hook.shows for hook in hooks if hook.shows is not None))))

    @property
    def permission_names(self) -> frozenset[str]:
        """`<plugin>.<permission>` of all that it declares."""
        return frozenset(f"{self.name}.{permission.name}" for permission in self.permissions)

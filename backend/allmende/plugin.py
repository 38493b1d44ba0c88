"""The plugin contract: one frozen declaration that shows on one screen all that a plugin adds."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.casekind import CaseKind
from allmende.city.model import Config, LocalText, Maintainer, Role, Slug, Strict
from allmende.contenttype import DESK, ContentType
from allmende.context import Context
from allmende.db.table import CityTable, FeedTable
from allmende.errors import FeedError
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


class Source(Strict, frozen=True, kw_only=True, tag_field="kind"):
    """One configured feed: a `[[sources]]` table in cities/<slug>/plugins/<name>.toml.

    Subclass it for each kind with `tag="ical"`, add the options of the kind, and name the subclasses in the plugin's
    Config: `sources: tuple[IcalSource | CsvSource, ...] = ()`.
    """

    id: Slug
    url: str = ""
    """http(s) address; exactly one of `url`, `file` and `upload` is given."""
    file: str = ""
    """Path below the city's folder."""
    upload: bool = False
    """Neither: editors upload its file (also a spreadsheet, where the kind is a table) at the desk."""
    title: LocalText = ""
    """What readers see as the origin."""
    licence: str = ""
    attribution: str = ""
    language: str = ""
    """Language of the texts in the feed, where it is not the city's default."""
    encoding: str = ""
    """Overrides the detected text encoding (`cp1252`, for instance)."""
    every: Annotated[int, Meta(ge=1, le=44640)] = 60
    """Minutes between two fetches."""
    max_shrink: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Largest share of the items that one import may remove; beyond it, the import is quarantined."""
    token: str = ""
    """`secret:NAME`, sent as `Authorization: Bearer …`."""

    def __post_init__(self) -> None:
        if self.id == DESK:
            raise ValueError(f"no source may be called {DESK!r}: that is what editors write")
        if bool(self.url) + bool(self.file) + self.upload != 1:
            raise ValueError("a source needs either url or file, or upload = true")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("url must start with https:// or http://")


class Payload(Struct, frozen=True, kw_only=True):
    """What was fetched: the bytes, and what the transport said of them."""

    content: bytes
    name: str
    """Address or path, for messages."""
    media_type: str = ""
    encoding: str = ""
    """From the source's config or the Content-Type; empty when unknown."""
    fetched_at: datetime

    def text(self) -> str:
        """The content as text: by byte order mark, then `encoding`, then UTF-8, then Windows-1252."""
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if self.content.startswith(mark):
                return self.content.decode(name, errors="replace")
        for name in (self.encoding, "utf-8", "cp1252"):
            try:
                return self.content.decode(name) if name else self.content.decode("ascii")
            except (UnicodeDecodeError, LookupError):
                continue
        raise FeedError("the text is neither UTF-8 nor Windows-1252", place="the file")


class Refusal(Struct, frozen=True, kw_only=True):
    """One item of a feed that was not imported: where in the feed it stands, and what is wrong with it."""

    place: str
    """`line 12`, `features[7] "Spielplatz Nord"`, `UID abc`."""
    reason: str


class Note(Struct, frozen=True, kw_only=True):
    """Something that the editors of a feed should know of, though it was imported: hours that nobody understands."""

    place: str
    """Where in the feed, or in the source's settings, as in a Refusal."""
    text: str


class Batch(Struct, frozen=True, kw_only=True):
    """What an importer made of a payload. Nothing is silently dropped: what is not a row is a refusal."""

    rows: Sequence[FeedTable]
    """Unsaved rows with `key` set; `city`, `id`, `source`, `digest`, `fetched_at` are filled in by the core. More than
    `items.rows.MOST` of them fail the import."""
    refused: Sequence[Refusal] = ()
    notes: Sequence[Note] = ()
    within: ColumnElement[bool] | None = None
    """Limits what may be deleted: only rows of the importer's first table (and, through `parent`, of the others) for
    which this holds are taken as gone when they are not in `rows`. A feed that only ever shows the newest 20
    entries, or only next year, says so here; `None` means that the feed is complete."""
    valid_until: datetime | None = None
    """From then on the data is known to be out of date (the end of a calendar, for instance)."""


class Applied(Struct, frozen=True, kw_only=True):
    """What an import has changed in the importer's first table."""

    added: Sequence[Mapping[str, Any]] = ()
    """Rows, by column."""
    changed: Sequence[Mapping[str, Any]] = ()
    """Rows as they are now."""
    removed: Sequence[str] = ()
    """Ids."""


class Importer(Struct, frozen=True, kw_only=True):
    """Code that reads one kind of feed. `read` is pure and synchronous; it runs in a thread, with a time limit."""

    source: type[Source]
    read: Callable[[Payload, Any, Context[Any]], Batch]
    """(payload, source, context) → batch. Raises FeedError where the payload cannot be used as a whole."""
    tables: tuple[type[FeedTable], ...]
    """Tables it fills, parents first. The first is the one that is counted, shown and guarded against shrinking; the
    others hold parts of its rows and refer to it by a column named in `parent`."""
    parent: str = "parent"
    """Column of the further tables that holds the id of the row (of the first table) that they belong to."""
    fleeting: bool = False
    """Items come and go, all of them at once if need be (warnings): that many are gone is then no reason to doubt."""
    recognise: Callable[[AsyncSession, Context[Any], Source, Batch], Awaitable[Batch]] | None = None
    """(session for reading, context, source, batch) → batch with other keys, where only what is stored tells which row
    an item continues: the next message of a chain, for instance."""
    applied: Callable[[AsyncSession, Context[Any], Applied], Awaitable[None]] | None = None
    """(session, context, what has changed), in the transaction of the import itself: the place to `tell` of it. What
    it raises undoes the import."""

    @property
    def kind(self) -> str:
        return str(self.source.__struct_config__.tag)


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
    load: Callable[[Context[Any], Sequence[str]], Awaitable[Sequence[Any]]]
    """Ids → GraphQL objects that implement SearchHit (any order, missing ones left out). One statement."""
    visible: Visibility | None = None
    """Who may find them (`PUBLIC`); without it the plugin does not load."""


class Feed(Struct, frozen=True, kw_only=True):
    """How a plugin takes part in `City.feed`: what is new or coming up, newest first."""

    load: Callable[[Context[Any], datetime | None, int], Awaitable[Sequence[Any]]]
    """(context, before, first) → at most `first` objects that implement FeedItem with `date` < before, newest first."""
    visible: Visibility | None = None
    """Who may see them (`PUBLIC`); without it the plugin does not load."""


class Map(Struct, frozen=True, kw_only=True):
    """How a plugin takes part in `City.map`."""

    load: Callable[[Context[Any], Any, int], Awaitable[Sequence[Any]]]
    """(context, BBox, first) → at most `first` objects that implement MapFeature inside the box. One statement."""
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
    def permission_names(self) -> frozenset[str]:
        """`<plugin>.<permission>` of all that it declares."""
        return frozenset(f"{self.name}.{permission.name}" for permission in self.permissions)

"""How a plugin reads feeds: the source that a city configures, what was fetched, and what an importer makes of it."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import LocalText, Slug, Strict
from allmende.contenttype import DESK
from allmende.context import Context
from allmende.db.table import FeedTable
from allmende.errors import FeedError

WebAddress = Annotated[
    str,
    Meta(pattern=r"^(https?://[^\s/?#]+(/\S*|\?\S*)?)?$", description="an address such as https://example.org/feed"),
]


class Source(Strict, frozen=True, kw_only=True, tag_field="kind"):
    """One configured feed: a `[[sources]]` table in cities/<slug>/plugins/<name>.toml.

    Subclass it for each kind with `tag="ical"`, add the options of the kind, and name the subclasses in the plugin's
    Config: `sources: tuple[IcalSource | CsvSource, ...] = ()`.
    """

    id: Slug
    url: WebAddress = ""
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
        if self.encoding:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise ValueError(f"encoding {self.encoding!r} is not known: utf-8, cp1252 or iso-8859-15?") from error


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
            (codecs.BOM_UTF32_LE, "utf-32"),  # begins like that of UTF-16
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if self.content.startswith(mark):
                return self.content.decode(name, errors="replace")
        for name in (self.encoding, "utf-8", "cp1252"):
            try:
                return self.content.decode(name) if name else self.content.decode("ascii")
            except (UnicodeError, LookupError):
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

"""What a plugin declares of the content that editors write: fields, and how their values become rows and come back.

From this alone the desk makes lists, forms, previews, versions and publication; no plugin holds a form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from allmende.context import Context
from allmende.db.table import FeedTable

DESK = "desk"
"""The `source` of rows that editors write; no configured source may be called so."""

Kind = Literal[
    "line", "text", "rich", "date", "datetime", "dates", "choice", "tags", "position", "images", "link", "boolean"
]
"""What a field holds, and what `write` is given for it:

`line`, `text`: str, of one or several lines · `rich`: Rich, written in Markdown · `date`: date or None ·
`datetime`: aware datetime in the city's zone, or None · `dates`: list of dates · `choice`: one of the keys of
`choices`, or "" · `tags`: list of str, `choices` are proposals · `position`: Point or None · `images`: list of
Picture, at most `most` · `link`: http(s) address or "" · `boolean`: bool.
"""


class Rich(Struct, frozen=True):
    """A text in Markdown, and what it becomes: HTML that is safe to show, and plain text."""

    source: str = ""
    html: str = ""
    text: str = ""


class Point(Struct, frozen=True):
    """A position in WGS 84 degrees, inside the city's box."""

    lat: float
    lon: float


class Picture(Struct, frozen=True, kw_only=True):
    """A picture with the text for those who do not see it, and the point that must stay visible when it is cut."""

    url: str
    """Absolute http(s) address, or a path on this server."""
    alt: str
    credit: str = ""
    x: float = 0.5
    y: float = 0.5
    """Focal point: shares of width and height, from the left and from the top."""


class Field(Struct, frozen=True, kw_only=True):
    """One field of a type of content. Its label is the text `content.<type>.<name>_label`, or without `_label`; a hint
    is in `content.<type>.<name>_hint`."""

    name: str
    kind: Kind
    required: bool = False
    """To be published, it must be filled; a draft may be without."""
    translated: bool = False
    """Whether it is written in each of the city's languages; only for line, text and rich."""
    limit: int = 0
    """Most characters; 0 means 300 for a line and 20,000 for a text."""
    most: int = 1
    """Most pictures of `images`."""
    choices: Callable[[Context[Any]], Mapping[str, str]] | None = None
    """Value → what editors read."""
    columns: tuple[str, ...] = ()
    """Columns of the first table that follow from this field alone: so much of an imported row can be corrected."""
    parts: tuple[type[FeedTable], ...] = ()
    """Further tables whose rows follow from this field, and from the others that name the same table: whoever corrects
    one of these fields of an imported row says with all of them what its parts are."""


class Entry(Struct, frozen=True, kw_only=True):
    """What is to be shown to citizens: the values of one item."""

    key: str
    """For the row of the first table; parts refer to it by `stable_id(ctx.city.slug, DESK, Table, key)`."""
    values: Mapping[str, Any]
    """Field → value, see `Kind`; of a translated one: language → value."""
    languages: Sequence[str]
    """In which all required translated fields are filled; the city's own comes first. Never empty."""
    translated: frozenset[str] = frozenset()
    published_at: datetime
    expires_at: datetime | None = None

    def __getitem__(self, name: str) -> Any:
        """The value; of a translated field that in the city's own language."""
        return self.get(name, self.languages[0])

    def get(self, name: str, language: str) -> Any:
        """The value in this language; where it is not translated, that in the city's own."""
        value = self.values[name]
        if name not in self.translated:
            return value
        return value.get(language) or value[self.languages[0]]


class ContentType(Struct, frozen=True, kw_only=True):
    """One kind of thing that editors publish; they call it by the texts `content.<name>.name` and `.plural`."""

    name: str
    tables: tuple[type[FeedTable], ...]
    """Tables of the plugin that it fills: the first holds the items, the others parts of them, as with an Importer."""
    parent: str = "parent"
    """Column of the further tables that holds the id of the row of the first one."""
    title: str
    """Name of the field by which editors know an item: a `line`."""
    fields: tuple[Field, ...]
    write: Callable[[Entry, Context[Any]], Sequence[FeedTable]]
    """What citizens see: unsaved rows, as an importer makes them. Pure; InputError where the values do not go together.
    No row means that there is nothing (any more) to show."""
    read: Callable[[Any, Context[Any]], Mapping[str, Any]] | None = None
    """(row of the first table) → values of the fields with `columns`, a `rich` one as its text. Needed to correct
    what a feed has imported."""
    read_parts: Callable[[Sequence[Any], Context[Any]], Mapping[str, Any]] | None = None
    """(rows of the further tables, of one item) → values of the fields with `parts` and no `columns`. What fits into
    no field is empty. The clock must not matter: what it says now and said then is compared."""
    preview: Callable[[Sequence[Any], Context[Any]], Any] | None = None
    """Saved-like rows of one item → the plugin's GraphQL object that its Home selection and preview.html show."""
    explain: Callable[[Entry, Context[Any]], Sequence[str]] | None = None
    """What the values mean, in sentences for the editor, such as the next dates of an event that repeats."""
    category: str = ""
    """Field by which other cities may subscribe: a `choice` or `tags`."""
    renew: bool = False
    """Whether `write` looks at the clock, so that published items are written anew each day."""

    @property
    def kind(self) -> str:
        return f"content type {self.name}"

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

"""What a city sets for its news: the feeds, how long items stay, and what the feeds' categories are called here."""

from __future__ import annotations

from typing import Annotated, Literal

from allmende import Config, Source
from msgspec import Meta, field

KeepDays = Annotated[int, Meta(ge=0, le=36500)]


class NewsSource(Source, frozen=True, kw_only=True):
    """Options that feeds of all formats share."""

    categories: dict[str, str] = field(default_factory=dict)
    """Category in the feed (upper and lower case alike) → category that citizens read; empty leaves it out."""
    category: str = ""
    """Given to every item of this source, before those of the feed."""
    keep_days: KeepDays | None = None
    """Days for which items stay after they were published; 0 is for ever; as the plugin's `keep_days` if not set."""
    identity: Literal["guid", "link", "title"] = "guid"
    """What an item is recognised by at the next import; for feeds that invent a new id each time, and do not even keep
    address, title and date together."""
    complete: bool = False
    """Whether the feed lists all that counts, so that whatever it no longer lists is deleted. Most feeds show only
    the newest entries; then only what they have taken back from among the newest is deleted."""


class FeedSource(NewsSource, frozen=True, kw_only=True, tag="feed"):
    """RSS 0.9 to 2.0, RDF and Atom; the format is recognised."""


class JsonFeedSource(NewsSource, frozen=True, kw_only=True, tag="jsonfeed"):
    """JSON Feed 1.0 and 1.1."""


class NewsConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/news.toml."""

    sources: tuple[FeedSource | JsonFeedSource, ...] = ()
    keep_days: KeepDays = 730
    """Days for which items stay after they were published, unless their source says otherwise; 0 is for ever."""

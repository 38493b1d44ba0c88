"""Importers of the news: pure functions from what was fetched to rows."""

from allmende import Importer

from ..config import FeedSource, JsonFeedSource
from ..tables import Item, ItemCategory
from .again import recognise
from .feed import read_feed
from .jsonfeed import read_jsonfeed

importers = (
    Importer(source=FeedSource, read=read_feed, tables=(Item, ItemCategory), recognise=recognise),
    Importer(source=JsonFeedSource, read=read_jsonfeed, tables=(Item, ItemCategory), recognise=recognise),
)

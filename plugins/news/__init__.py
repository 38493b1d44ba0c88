"""News of a city, from RSS, Atom and JSON feeds: cleaned, searchable, in the reader's language."""

from allmende import PUBLIC, Feed, Home, Plugin, Search

from .config import NewsConfig
from .content import ITEM
from .importers import importers
from .routes import routes
from .schema import News, NewsItem
from .service import by_ids, newest
from .tables import Item, ItemCategory

plugin = Plugin(
    name="news",
    config=NewsConfig,
    tables=(Item, ItemCategory),
    city_field=News,
    importers=importers,
    content=(ITEM,),
    routes=routes,
    feed=Feed(shows=NewsItem, load=newest, visible=PUBLIC),
    search=(
        Search(
            table=Item,
            title="title",
            text=("summary", "text", "categories"),
            shows=NewsItem,
            load=by_ids,
            visible=PUBLIC,
        ),
    ),
    home=Home(
        selection="latest(first: 5) { id title summary publishedAt url language category image { url alt } "
        "source { title } }"
    ),
)

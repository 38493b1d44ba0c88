"""Official warnings: weather and other dangers, each chain of messages as one, in up to eight languages."""

from allmende import PUBLIC, Feed, Home, Map, Plugin, Search

from .config import WarningsConfig
from .importers import IMPORTERS
from .routes import routes
from .schema import Warnings, WarningsPin, WarningsWarning, load_feed, load_hits, map_features
from .tables import CityWarning
from .topics import ISSUED

plugin = Plugin(
    name="warnings",
    config=WarningsConfig,
    tables=(CityWarning,),
    city_field=Warnings,
    importers=IMPORTERS,
    routes=routes,
    search=(Search(table=CityWarning, title="headline", text=("text",), load=load_hits, visible=PUBLIC),),
    feed=Feed(load=load_feed, visible=PUBLIC),
    map=Map(load=map_features, visible=PUBLIC),
    home=Home(
        selection="active(first: 5) { id title state severity description instruction language sent starts expires "
        "sender web areas } allClear(first: 3) { id title state sent sender }"
    ),
    topics=(ISSUED,),
    types=(WarningsWarning, WarningsPin),
)

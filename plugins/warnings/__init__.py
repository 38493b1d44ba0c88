"""Official warnings: weather and other dangers, each chain of messages as one, in up to eight languages."""

from allmende import PUBLIC, Feed, Home, Map, Plugin, Search

from .config import WarningsConfig
from .importers import IMPORTERS
from .routes import routes
from .schema import Warnings, WarningsPin, WarningsWarning
from .service import by_ids, in_box, latest
from .tables import CityWarning
from .topics import ISSUED

plugin = Plugin(
    name="warnings",
    config=WarningsConfig,
    tables=(CityWarning,),
    city_field=Warnings,
    importers=IMPORTERS,
    routes=routes,
    search=(
        Search(table=CityWarning, title="headline", text=("text",), shows=WarningsWarning, load=by_ids, visible=PUBLIC),
    ),
    feed=Feed(shows=WarningsWarning, load=latest, visible=PUBLIC),
    map=Map(shows=WarningsPin, load=in_box, visible=PUBLIC),
    home=Home(
        selection="active(first: 5) { id title state severity description instruction language sent starts expires "
        "sender web areas } allClear(first: 3) { id title state sent sender }"
    ),
    topics=(ISSUED,),
)

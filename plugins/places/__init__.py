"""Places: playgrounds, offices, containers, charging stations, from the formats in which cities publish them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allmende import PUBLIC, Context, Home, Map, Plugin, Route, Search

from .config import PlacesConfig
from .content import PLACE
from .importers import IMPORTERS
from .place import PlacesPlace
from .routes import export
from .schema import Places, map_features
from .service import by_ids
from .tables import PlacesPlace as Row


async def _centre(ctx: Context[Any]) -> Mapping[str, Any]:
    return {"places_lat": ctx.city.area.lat, "places_lon": ctx.city.area.lon}


plugin = Plugin(
    name="places",
    config=PlacesConfig,
    tables=(Row,),
    city_field=Places,
    importers=IMPORTERS,
    content=(PLACE,),
    routes=(Route(path="places.geojson", handle=export, visible=PUBLIC),),
    search=(
        Search(
            table=Row,
            title="name",
            text=("words", "address", "text", "translations"),
            shows=PlacesPlace,
            load=by_ids,
            visible=PUBLIC,
        ),
    ),
    map=Map(shows=PlacesPlace, load=map_features, visible=PUBLIC),
    home=Home(
        selection="near(lat: $places_lat, lon: $places_lon, first: 5) {"
        " id name category icon colour address distance open opensAt closesAt wheelchair website }",
        variables={"places_lat": "Float", "places_lon": "Float"},
        defaults=_centre,
    ),
)

"""Parking: car parks with their free spaces, as the parking guidance system says them, and how old that is."""

from __future__ import annotations

from datetime import timedelta

from allmende import PUBLIC, Home, Job, Map, Plugin, Route, Search

from .config import ParkingConfig
from .importers import IMPORTERS
from .jobs import remember
from .routes import geojson
from .schema import Parking, ParkingCarPark, ParkingPin, map_features, search_hits
from .tables import CarPark, Reading

plugin = Plugin(
    name="parking",
    config=ParkingConfig,
    tables=(CarPark, Reading),
    city_field=Parking,
    importers=IMPORTERS,
    jobs=(Job(name="remember", run=remember, every=timedelta(minutes=5)),),
    routes=(Route(path="car-parks.geojson", handle=geojson, visible=PUBLIC),),
    search=(Search(table=CarPark, title="name", text=("address", "kind"), load=search_hits, visible=PUBLIC),),
    map=Map(load=map_features, visible=PUBLIC),
    home=Home(selection="carParks(first: 6) { id name capacity free trend open stale updatedAt maxHeight address }"),
    types=(ParkingCarPark, ParkingPin),
)

"""Input types of the core, checked where they arrive."""

from __future__ import annotations

import strawberry

from allmende.city.model import BBox
from allmende.errors import InputError


@strawberry.input(description="A point in WGS 84 degrees.")
class PositionInput:
    lat: float = strawberry.field(description="Latitude, degrees north.")
    lon: float = strawberry.field(description="Longitude, degrees east.")

    def checked(self, name: str) -> tuple[float, float]:
        if not -90 <= self.lat <= 90:
            raise InputError(f"{name}.lat: {self.lat} is not between -90 and 90")
        if not -180 <= self.lon <= 180:
            raise InputError(f"{name}.lon: {self.lon} is not between -180 and 180")
        return self.lat, self.lon


@strawberry.input(description="A bounding box in WGS 84 degrees.")
class BBoxInput:
    south: float = strawberry.field(description="Southern edge, degrees north.")
    west: float = strawberry.field(description="Western edge, degrees east.")
    north: float = strawberry.field(description="Northern edge, degrees north.")
    east: float = strawberry.field(description="Eastern edge, degrees east.")

    def checked(self, name: str) -> BBox:
        if not -90 <= self.south <= self.north <= 90:
            raise InputError(f"{name}: needs -90 <= south <= north <= 90")
        if not -180 <= self.west <= self.east <= 180:
            raise InputError(f"{name}: needs -180 <= west <= east <= 180")
        return BBox(south=self.south, west=self.west, north=self.north, east=self.east)

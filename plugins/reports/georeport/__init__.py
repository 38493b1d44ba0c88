"""Open311 GeoReport v2, both ways: the city's own endpoint (serving), and that of its town hall (passing)."""

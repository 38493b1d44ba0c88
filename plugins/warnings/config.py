"""What a city sets for its warnings: whose they are read from."""

from __future__ import annotations

from typing import Annotated, Literal

from allmende import Config, Source
from msgspec import Meta

Areas = Literal["match", "feed"]


class CapSource(Source, frozen=True, kw_only=True, tag="cap"):
    """Common Alerting Protocol 1.2: one alert as XML, several in one document, or a ZIP file of them (DWD)."""

    every: Annotated[int, Meta(ge=1, le=44640)] = 5
    areas: Areas = "match"
    """`match`: those whose area meets the city; `feed`: whoever made the feed has chosen them for this city."""


class NinaSource(Source, frozen=True, kw_only=True, tag="nina"):
    """CAP as JSON, as the warning app NINA has it (MoWaS, BIWAPP, KATWARN): alerts, or the dashboard of an area."""

    every: Annotated[int, Meta(ge=1, le=44640)] = 5
    areas: Areas = "match"


class WarningsConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/warnings.toml."""

    sources: tuple[CapSource | NinaSource, ...] = ()
    all_clear_hours: Annotated[int, Meta(ge=0, le=72)] = 12
    """For so long is it shown that a warning has been lifted."""

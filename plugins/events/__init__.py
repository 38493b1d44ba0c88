"""Events: what is on in the city, from calendars (iCalendar), schema.org data and lists of weekly markets.

Every date is a row of its own, so that reading is one indexed statement; rules are worked out on import.
"""

from __future__ import annotations

from datetime import timedelta

from allmende import PUBLIC, Feed, Home, Job, Map, Plugin, Route, Search

from .config import EventsConfig
from .content import EVENT
from .event import EventsEvent, EventsHit, EventsPin
from .importers import IMPORTERS
from .meeting import feed, found, on_map
from .routes import calendar, single
from .schema import Events
from .service import prune
from .tables import Event, Occurrence

_SEARCHED = ("text", "venue_name", "venue_address", "categories")

plugin = Plugin(
    name="events",
    config=EventsConfig,
    tables=(Event, Occurrence),
    city_field=Events,
    importers=IMPORTERS,
    content=(EVENT,),
    jobs=(Job(name="prune", run=prune, every=timedelta(days=1)),),
    routes=(
        Route(path="calendar.ics", handle=calendar, visible=PUBLIC),
        Route(path="{id}.ics", handle=single, visible=PUBLIC),
    ),
    search=(
        Search(
            table=Event,
            title="title",
            text=("text", "venue_name", "venue_address", "categories", "translations"),
            shows=EventsHit,
            load=found,
            visible=PUBLIC,
        ),
    ),
    feed=Feed(shows=EventsEvent, load=feed, visible=PUBLIC),
    map=Map(shows=EventsPin, load=on_map, visible=PUBLIC),
    home=Home(
        selection="upcoming(first: 10) { id title start end lastDay allDay cancelled moved movedFrom free price"
        " category url icsUrl venue { name address position { lat lon } } }"
    ),
)

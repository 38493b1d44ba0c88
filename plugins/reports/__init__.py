"""Reports (Mängelmelder): filed without an account, followed by receipt, shown on the map, spoken by Open311, too."""

from __future__ import annotations

from allmende import PUBLIC, Home, Map, Permission, Plugin, Route

from .config import ReportsConfig
from .georeport.serving import ROUTES
from .jobs import JOBS
from .kind import DEFECT
from .report import ReportsReport
from .routes import geojson
from .schema import Reports, ReportsMutations
from .service import on_map
from .tables import Passed

plugin = Plugin(
    name="reports",
    config=ReportsConfig,
    tables=(Passed,),
    city_field=Reports,
    mutations=ReportsMutations,
    permissions=(
        Permission(
            name="moderate",
            title={"de": "Meldungen veröffentlichen", "en": "Publish reports"},
            roles=("case_worker", "publisher"),
        ),
        Permission(
            name="post",
            title={"de": "Über Open311 melden", "en": "Report by Open311"},
            roles=("case_worker",),
        ),
    ),
    cases=(DEFECT,),
    jobs=JOBS,
    routes=(Route(path="reports.geojson", handle=geojson, visible=PUBLIC), *ROUTES),
    map=Map(shows=ReportsReport, load=on_map, visible=PUBLIC),
    home=Home(
        selection="list(first: 3) { nodes { id title address createdAt status { text open } } } "
        "categories { id name icon }"
    ),
)

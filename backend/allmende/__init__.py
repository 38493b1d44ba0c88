"""Everything that a plugin may import: `from allmende import Plugin, Config, CityTable, …`.

Names are loaded on first use, so that `import allmende` costs nothing and the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allmende import cases as cases
    from allmende.casekind import CaseKind as CaseKind
    from allmende.casekind import CaseRule as CaseRule
    from allmende.casekind import CaseStatus as CaseStatus
    from allmende.city.geo import around as around
    from allmende.city.geo import distance as distance
    from allmende.city.model import BBox as BBox
    from allmende.city.model import City as City
    from allmende.city.model import Colour as Colour
    from allmende.city.model import Config as Config
    from allmende.city.model import LocalText as LocalText
    from allmende.city.model import Slug as Slug
    from allmende.city.model import Strict as Strict
    from allmende.city.model import pick as pick
    from allmende.city.projection import crs_code as crs_code
    from allmende.city.projection import to_wgs84 as to_wgs84
    from allmende.contenttype import DESK as DESK
    from allmende.contenttype import ContentType as ContentType
    from allmende.contenttype import Entry as Entry
    from allmende.contenttype import Field as Field
    from allmende.contenttype import Picture as Picture
    from allmende.contenttype import Point as Point
    from allmende.contenttype import Rich as Rich
    from allmende.context import Context as Context
    from allmende.db.prepared import Prepared as Prepared
    from allmende.db.prepared import prepared as prepared
    from allmende.db.table import Base as Base
    from allmende.db.table import CityTable as CityTable
    from allmende.db.table import FeedTable as FeedTable
    from allmende.db.table import UtcDateTime as UtcDateTime
    from allmende.db.table import stable_id as stable_id
    from allmende.errors import AllmendeError as AllmendeError
    from allmende.errors import Denied as Denied
    from allmende.errors import FeedError as FeedError
    from allmende.errors import InputError as InputError
    from allmende.errors import NotFound as NotFound
    from allmende.graphql.inputs import BBoxInput as BBoxInput
    from allmende.graphql.pages import check_first as check_first
    from allmende.graphql.pages import paginate as paginate
    from allmende.graphql.plan.declare import column as column
    from allmende.graphql.plan.declare import computed as computed
    from allmende.graphql.plan.declare import paged as paged
    from allmende.graphql.plan.declare import part as part
    from allmende.graphql.plan.declare import parted as parted
    from allmende.graphql.plan.declare import row as row
    from allmende.graphql.plan.declare import rows as rows
    from allmende.graphql.plan.declare import translated as translated
    from allmende.graphql.plan.kin import children as children
    from allmende.graphql.plan.kin import listed as listed
    from allmende.graphql.plan.kin import same as same
    from allmende.graphql.plan.kin import together as together
    from allmende.graphql.types import CityModule as CityModule
    from allmende.graphql.types import Connection as Connection
    from allmende.graphql.types import FeedItem as FeedItem
    from allmende.graphql.types import Image as Image
    from allmende.graphql.types import MapFeature as MapFeature
    from allmende.graphql.types import Position as Position
    from allmende.graphql.types import SearchHit as SearchHit
    from allmende.graphql.visibility import field as field
    from allmende.importer import Applied as Applied
    from allmende.importer import Batch as Batch
    from allmende.importer import Importer as Importer
    from allmende.importer import Note as Note
    from allmende.importer import Payload as Payload
    from allmende.importer import Refusal as Refusal
    from allmende.importer import Source as Source
    from allmende.later import bare as bare
    from allmende.later import lazily as lazily
    from allmende.notify.message import Message as Message
    from allmende.notify.message import every_language as every_language
    from allmende.notify.outbox import tell as tell
    from allmende.outside import Answer as Answer
    from allmende.outside import Unreached as Unreached
    from allmende.plugin import Feed as Feed
    from allmende.plugin import Home as Home
    from allmende.plugin import Job as Job
    from allmende.plugin import Map as Map
    from allmende.plugin import Permission as Permission
    from allmende.plugin import Plugin as Plugin
    from allmende.plugin import Reply as Reply
    from allmende.plugin import Route as Route
    from allmende.plugin import Search as Search
    from allmende.reader import Reader as Reader
    from allmende.search.index import search_ids as search_ids
    from allmende.topic import Parameter as Parameter
    from allmende.topic import Topic as Topic
    from allmende.visibility import PUBLIC as PUBLIC
    from allmende.visibility import SIGNED_IN as SIGNED_IN
    from allmende.visibility import staff as staff

_HOME = {
    "casekind": "CaseKind CaseRule CaseStatus",
    "city.model": "BBox City Colour Config LocalText Slug Strict pick",
    "contenttype": "DESK ContentType Entry Field Picture Point Rich",
    "context": "Context",
    "db.prepared": "Prepared prepared",
    "db.table": "Base CityTable FeedTable UtcDateTime stable_id",
    "errors": "AllmendeError Denied FeedError InputError NotFound",
    "city.geo": "around distance",
    "city.projection": "crs_code to_wgs84",
    "graphql.inputs": "BBoxInput",
    "graphql.pages": "check_first paginate",
    "graphql.plan.declare": "column computed paged part parted row rows translated",
    "graphql.plan.kin": "children listed same together",
    "graphql.types": "CityModule Connection FeedItem Image MapFeature Position SearchHit",
    "graphql.visibility": "field",
    "importer": "Applied Batch Importer Note Payload Refusal Source",
    "later": "bare lazily",
    "notify.message": "Message every_language",
    "notify.outbox": "tell",
    "outside": "Answer Unreached",
    "plugin": "Feed Home Job Map Permission Plugin Reply Route Search",
    "reader": "Reader",
    "search.index": "search_ids",
    "topic": "Parameter Topic",
    "visibility": "PUBLIC SIGNED_IN staff",
}
_ROOMS = ("cases",)
"""Rooms of which plugins use several functions: `from allmende import cases`, then `cases.submit(…)`."""
_WHERE = {name: f"allmende.{module}" for module, names in _HOME.items() for name in names.split()}
__all__ = sorted([*_WHERE, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"allmende.{name}")
    if name not in _WHERE:
        raise AttributeError(f"allmende has no {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value

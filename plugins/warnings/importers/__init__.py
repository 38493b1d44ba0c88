"""Two kinds of feeds, both of them CAP: as XML, and as JSON."""

from __future__ import annotations

from allmende import Importer

from ..config import CapSource, NinaSource
from ..tables import CityWarning
from ..topics import tell_of_warnings
from . import cap, nina
from .chain import recognise

IMPORTERS = tuple(
    Importer(
        source=source, read=read, tables=(CityWarning,), fleeting=True, recognise=recognise, applied=tell_of_warnings
    )
    for source, read in ((CapSource, cap.read), (NinaSource, nina.read))
)

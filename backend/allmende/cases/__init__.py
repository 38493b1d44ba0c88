"""One register of all that citizens submit and the town hall works on: `from allmende import cases`.

A plugin declares its kinds of case (`Plugin(cases=(CaseKind(…),))`), opens cases with `open_case`, or `submit` as part
of a transaction, and reads them with `track`, `public`, `on_map` and `nearby`. Nearly every function takes the session
of the caller's transaction first.
"""

from __future__ import annotations

from allmende.cases.access import READ as READ
from allmende.cases.access import WORK as WORK
from allmende.cases.access import Seen as Seen
from allmende.cases.access import find as find
from allmende.cases.access import of as of
from allmende.cases.access import readable as readable
from allmende.cases.access import seen_as as seen_as
from allmende.cases.access import track as track
from allmende.cases.draft import Draft as Draft
from allmende.cases.erasure import erase as erase
from allmende.cases.export import gather as gather
from allmende.cases.export import to_html as to_html
from allmende.cases.export import to_json as to_json
from allmende.cases.fetching import awaits_pictures as awaits_pictures
from allmende.cases.fetching import fetch as fetch
from allmende.cases.fetching import to_fetch as to_fetch
from allmende.cases.history import events as events
from allmende.cases.history import has_moved as has_moved
from allmende.cases.history import verify as verify
from allmende.cases.listing import LATEST as LATEST
from allmende.cases.listing import MOVED as MOVED
from allmende.cases.listing import URGENT as URGENT
from allmende.cases.listing import Count as Count
from allmende.cases.listing import Inbox as Inbox
from allmende.cases.listing import inbox as inbox
from allmende.cases.listing import nearby as nearby
from allmende.cases.listing import on_map as on_map
from allmende.cases.listing import public as public
from allmende.cases.listing import statistics as statistics
from allmende.cases.opening import Submitted as Submitted
from allmende.cases.opening import follow as follow
from allmende.cases.opening import open_case as open_case
from allmende.cases.opening import submit as submit
from allmende.cases.pictures import Picture as Picture
from allmende.cases.pictures import pictures as pictures
from allmende.cases.routing import inside as inside
from allmende.cases.tables import Case as Case
from allmende.cases.tables import CaseEvent as CaseEvent
from allmende.cases.telling import submitters as submitters
from allmende.cases.transfer import deliver as deliver
from allmende.cases.transfer import hand_over as hand_over
from allmende.cases.wording import categories as categories
from allmende.cases.wording import kind_text as kind_text
from allmende.cases.wording import lines as lines
from allmende.cases.wording import status_text as status_text
from allmende.cases.work import assign as assign
from allmende.cases.work import attach as attach
from allmende.cases.work import link as link
from allmende.cases.work import linked as linked
from allmende.cases.work import main as main
from allmende.cases.work import make_part as make_part
from allmende.cases.work import merge as merge
from allmende.cases.work import message as message
from allmende.cases.work import note as note
from allmende.cases.work import publish as publish
from allmende.cases.work import revise as revise
from allmende.cases.work import transition as transition
from allmende.cases.work import withdraw as withdraw

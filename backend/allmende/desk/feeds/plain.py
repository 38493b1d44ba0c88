"""The state of a source in plain words: what is the matter, and whether somebody has to do something."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

from babel.dates import format_date, format_timedelta
from msgspec import Struct

from allmende.desk.request import Desk
from allmende.feeds.status import SourceState
from allmende.feeds.uploads import Upload
from allmende.importer import Source
from allmende.plugin import Plugin

_REASONS = (
    (r"^(?:.*: )?the server did not answer in time", "slow"),
    (r"^(?:.*: )?the server answered (?P<status>\d+)", "answered"),
    (r"^(?:.*: )?the connection failed", "connection"),
    (r"^(?:.*: )?redirects to (?P<target>\S+);", "moved"),
    (r"there is no such file below the city's folder", "file"),
    (r"^the feed has no items any more", "empty"),
    (r"^(?:rejected: )?would remove (?P<removed>\d+) of (?P<of>\d+) items", "shrinks"),
    (r"is larger than (?P<size>\d+) MB", "large"),
    (r"is not on the public internet", "private"),
    (r"^occurs twice; the first one counts", "twice"),
    (r"^has no key", "keyless"),
    (r"^belongs to an item that was not imported", "orphan"),
    (r"^(?P<field>\w+) is missing$", "missing"),
    (r"^(?P<field>\w+) is longer than (?P<most>\d+) characters", "long"),
)
"""What this program itself says of feeds, in English → key of the text that says it to editors."""
RANK = {"bad": 0, "warn": 1, "info": 2, "good": 3}


class Health(Struct, frozen=True, kw_only=True):
    """One source as an editor meets it."""

    plugin: Plugin
    source: Source
    state: SourceState
    upload: Upload | None
    module: str
    title: str
    kind: str
    """bad, warn, info or good."""
    word: str
    """`Aktuell`, `Gestört` …"""
    sentence: str

    @property
    def path(self) -> str:
        return f"feeds/{self.plugin.name}/{self.source.id}"

    @property
    def rank(self) -> tuple[int, str, str]:
        """What needs somebody comes first."""
        return RANK[self.kind], self.module, self.title


def health(desk: Desk, plugin: Plugin, source: Source, state: SourceState | None, upload: Upload | None) -> Health:
    """The state of this source in the reader's language."""
    state = state or SourceState(city=desk.city.slug, plugin=plugin.name, source=source.id, status="pending")
    key, kind = _kind(desk, source, state, upload)
    values = {
        "items": state.items,
        "ago": ago(desk, state),
        "reason": reason(desk, state.reason, plugin.name),
        "every": _every(desk, source.every),
        "end": format_date(state.valid_until.astimezone(desk.city.tz), locale=desk.language)
        if state.valid_until
        else "",
    }
    manifest = desk.office.registry.plugins[plugin.name].manifest
    return Health(
        plugin=plugin,
        source=source,
        state=state,
        upload=upload,
        module=desk.pick(manifest.title),
        title=desk.pick(source.title) or source.id,
        kind=kind,
        word=desk.text(f"feeds.word.{key}"),
        sentence=desk.text(f"feeds.sentence.{key}", **values),
    )


def _kind(desk: Desk, source: Source, state: SourceState, upload: Upload | None) -> tuple[str, str]:
    if state.status == "quarantined":
        return ("rejected", "info") if state.reason.startswith("rejected: ") else ("quarantined", "warn")
    if state.status == "failed":
        return ("failed", "bad") if state.last_success else ("never", "bad")
    if state.status == "stale":
        ended = state.valid_until is not None and state.valid_until <= desk.office.clock()
        return ("ended" if ended else "stale"), "warn"
    if state.status == "fresh":
        return ("uploaded" if upload else "fresh"), "good"
    return ("waiting" if source.upload else "pending"), "info"


def _every(desk: Desk, minutes: int) -> str:
    """`täglich`, `stündlich`, `alle 15 Minuten`."""
    for unit, length in (("day", 1440), ("hour", 60)):
        if minutes == length:
            return desk.text(f"feeds.every.{unit}")
    span = format_timedelta(timedelta(minutes=minutes), threshold=2, locale=desk.language)
    return desk.text("feeds.every.span", span=span)


def ago(desk: Desk, state: SourceState) -> str:
    """When the source was last seen as it is here."""
    if state.last_success is None:
        return ""
    return str(format_timedelta(state.last_success - desk.now, add_direction=True, locale=desk.language))


def reason(desk: Desk, text: str, plugin: str = "") -> str:
    """A reason in the reader's language where it is one of this program's own, or of the plugin's (`refusal.…` in its
    texts); others stay as they are."""
    for pattern, key in _REASONS:
        if match := re.search(pattern, text):
            return desk.text(f"feeds.reason.{key}", **match.groupdict())
    installed = desk.office.registry.plugins.get(plugin)
    texts = installed.texts if installed else {}
    said, ours = texts.get("en", {}), texts.get(desk.language, {})
    for key, template in said.items():
        if key.startswith("refusal.") and key in ours and (match := _pattern(template).fullmatch(text)):
            return ours[key].format(**match.groupdict())
    return text


@lru_cache(maxsize=1000)
def _pattern(template: str) -> re.Pattern[str]:
    """What a text with `{names}` in it looks like when it is filled."""
    parts = re.split(r"\{(\w+)\}", template)
    made = (f"(?P<{part}>.*?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile("".join(made), re.DOTALL)
